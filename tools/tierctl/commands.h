// tierctl's commands, apart from the command line and the process: everything they need comes in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tierd/config/loader.h"
#include "tierd/control/views.h"
#include "tools/tierctl/enable.h"
#include "tools/tierctl/render.h"

namespace tier {

class Recording;
struct TopSelection;

struct CommandOptions {
  std::string socket;
  bool json = false;
  Style style;
  double watch_seconds = 0;       // 0: once
  std::uint64_t watch_count = 0;  // 0: until interrupted
  bool clear_screen = false;      // between the pictures of --watch, on a terminal
};

// Which processes are recorded; all where nothing is named.
struct RecordFilter {
  std::vector<std::int32_t> pids;
  std::vector<std::string> targets;  // names, as `tierctl top` prints them
  bool all() const { return pids.empty() && targets.empty(); }
};

struct TerminalSize {
  std::size_t columns = 0, lines = 0;  // 0: not a terminal, or not known
};

// What commands need from the process.
struct Surroundings {
  std::function<Result<void>(const std::string&)> print;  // to stdout, at once
  std::function<void(const std::string&)> warn;           // one line to stderr
  std::function<bool()> interrupted;                      // SIGINT or SIGTERM came
  std::function<void(double seconds)> pause;              // returns early when interrupted
  std::function<void(const std::string&)> progress;       // one passing line; may be empty: no terminal
  std::function<std::int64_t()> unix_now;                 // seconds
  std::function<TerminalSize()> terminal;                 // now; may be empty: lines are not broken
  std::function<DoctorView()> local_doctor;               // may be empty: not built in
  std::function<Result<void>(const Config&)> check_named_files;  // may be empty: not built in
  // What [targets] names and no process matches now, a sentence for each; may be empty: not built in.
  std::function<std::vector<std::string>(const Config&)> unmatched_targets;
  ConfigDirectories config_directories;
  EnableSystem enable;
  std::string version;
};

class Commands {
 public:
  Commands(CommandOptions options, Surroundings surroundings)
      : options_(std::move(options)), around_(std::move(surroundings)) {}

  Result<void> status();
  // One line in any case. kFailed when tierd is blind, kNotRunning when it does not run; these errors have no
  // message, since the line says it.
  Result<void> check() const;
  Result<void> doctor();
  Result<void> nodes();
  // Watching on a terminal, where no number of rows is given: as many as fit.
  Result<void> top(const TopSelection& selection);
  Result<void> heatmap(std::int32_t pid, std::uint32_t rows, std::uint32_t ticks);  // ticks 0: as many as fit
  Result<void> forecast();
  Result<void> explain(std::int32_t pid, std::uint64_t address);
  Result<void> events(std::uint64_t since, bool follow);
  // Until interrupted, or for `duration` ("30s"; empty: no limit), counted in the daemon's ticks.
  Result<void> record(const std::string& file, const std::string& duration, const RecordFilter& filter = {});
  Result<void> policy_pause();
  Result<void> policy_resume();
  Result<void> policy_show();
  Result<void> config_check(const std::string& file) const;  // empty: the installed files
  Result<void> config_show();
  Result<void> config_reload() const;
  Result<void> prefetch_status();
  Result<void> prefetch_explain(const std::string& control);
  // Once, whatever --watch says. kFailed, with the table printed, where a knob could not be written.
  Result<void> prefetch_arm(bool dry_run);
  Result<void> prefetch_disarm();
  Result<void> prefetch_restore();
  Result<void> version();
  Result<void> options_list() const;
  Result<void> enable(const std::string& option, bool restart);
  Result<void> disable(const std::string& option, bool restart);
  // All that are on; goes on after one that cannot be taken back, and fails then.
  Result<void> disable_all(bool restart);

 private:
  template <typename View>
  Result<void> show(const std::string& method, const std::string& parameters_json);
  void look_at_terminal();
  Result<void> repeat(const std::function<Result<std::string>()>& picture);
  Result<void> control(const std::string& method, const std::string& message) const;
  Result<void> order_prefetch(const std::string& method, const std::string& parameters_json);
  Result<void> show_changes(const std::vector<OptionChange>& changes) const;
  Result<void> end_recording(Recording& recording, const std::string& file, const Result<void>& ended);

  CommandOptions options_;
  Surroundings around_;
  TerminalSize terminal_;  // when the last picture was made
};

}  // namespace tier
