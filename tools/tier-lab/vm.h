// One QEMU process, watched: it ends by itself, or it is ended with a reason.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier::lab {

struct VmPlan {
  std::vector<std::string> arguments;  // without the program name
  std::string console_path;            // where QEMU writes the guest's console
  std::string events_path;             // where the plugin writes its lines
  std::string qemu_log_path;           // QEMU's own messages
  double timeout_s = 900;              // wall seconds in all
  double silence_s = 300;              // wall seconds without a byte on console or events
};

// Called with each new whole line of the events file, in order, while the guest runs.
using EventSink = std::function<void(const std::string& line)>;

// Runs QEMU to its end. Errors name a panic, an oops, silence, the time limit, or QEMU's own failure, with
// the console's last lines.
Result<> run_vm(const VmPlan& plan, const EventSink& on_event);

// The last `lines` lines of a console text, without terminal control sequences.
std::string last_lines(const std::string& text, std::size_t lines);

// What failed and the kernel's own line about it, when the console shows that the guest kernel has failed;
// empty when not.
std::string kernel_failure(const std::string& console);

}  // namespace tier::lab
