// Processes whose first thread has ended while others go on (main called pthread_exit). The kernel shows no
// memory under their own number, and takes none for it in move_pages(2): a living thread's number does.
#pragma once

#include <optional>
#include <string>

#include "core/units.h"
#include "platform/linux/proc_text.h"

namespace tier {

// By /proc/PID/stat: the first thread is a zombie and there are others.
bool leader_has_ended(const ProcStat& stat);

// A thread of the process, other than the first, that has not ended; none where there is none. `root` as for
// LinuxProcessTable.
std::optional<Pid> living_thread(Pid process, const std::string& root = "/");

}  // namespace tier
