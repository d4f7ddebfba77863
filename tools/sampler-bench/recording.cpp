#include "tools/sampler-bench/recording.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <thread>

#include "platform/linux/file.h"
#include "tools/sampler-bench/record_event.h"
#include "tools/sampler-bench/subjects.h"

namespace tier {
namespace {

constexpr Nanoseconds kPatience = std::chrono::seconds(20);     // with one command to perf
constexpr Nanoseconds kQuiet = std::chrono::milliseconds(300);  // for perf to come to rest
constexpr int kPollMilliseconds = 250;

// The two pipes by which a running perf takes commands and confirms them (perf-record(1), --control).
class Control {
 public:
  static Result<Control> make(const std::string& folder) {
    Control control(folder);
    control.commands_ = TIER_TRY(pipe_at(control.commands_path_));
    control.answers_ = TIER_TRY(pipe_at(control.answers_path_));
    return control;
  }

  std::string option() const { return "fifo:" + commands_path_ + "," + answers_path_; }

  // Returns once perf has confirmed that it has done it. False: it has ended, or does not answer.
  bool command(const Program& perf, const std::string& text) const {
    const std::string line = text + "\n";
    if (::write(commands_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) return false;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end && perf.running()) {
      pollfd answers{answers_.get(), POLLIN, 0};
      if (::poll(&answers, 1, kPollMilliseconds) <= 0) continue;
      char confirmed[64];
      return ::read(answers_.get(), confirmed, sizeof(confirmed)) > 0;
    }
    return false;
  }

 private:
  explicit Control(const std::string& folder)
      : commands_path_(folder + "/commands"), answers_path_(folder + "/answers") {}

  // Open at both ends, so that nobody waits for the other to open his.
  static Result<FileDescriptor> pipe_at(const std::string& path) {
    if (mkfifo(path.c_str(), 0600) != 0) return fail_errno("making " + path, errno);
    FileDescriptor pipe(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!pipe.valid()) return fail_errno("opening " + path, errno);
    return pipe;
  }

  std::string commands_path_, answers_path_;
  FileDescriptor commands_, answers_;
};

bool wait_for_end(const Program& perf) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (perf.running()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

// Times that a thread of the program was put on a CPU, so far (proc(5), schedstat).
std::uint64_t switches_of(const Program& program) {
  std::uint64_t switches = 0;
  std::error_code ignored;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", program.pid()), ignored)) {
    const Result<std::string> text = read_file(thread.path().string() + "/schedstat");
    unsigned long long slices = 0;
    if (text && std::sscanf(text->c_str(), "%*u %*u %llu", &slices) == 1) switches += slices;
  }
  return switches;
}

// Samples that carry registers; `perf script` prints a line for each, with "ABI:" before the registers.
Result<std::uint64_t> count_useful(const std::string& file) {
  const std::string command = "perf script -i '" + file + "' -F ip,uregs 2>/dev/null";
  FILE* lines = popen(command.c_str(), "r");
  if (lines == nullptr) return fail_errno("starting perf script", errno);
  std::uint64_t useful = 0;
  char line[4096];
  while (fgets(line, sizeof(line), lines) != nullptr) {
    const std::string_view text(line);
    const auto found = text.find("ABI:");
    useful += found != std::string_view::npos && !text.substr(found).starts_with("ABI:0") ? 1U : 0U;
  }
  if (pclose(lines) != 0) return fail(ErrorKind::kFailed, "perf script cannot read " + file);
  return useful;
}

}  // namespace

bool perf_is_installed() { return std::system("command -v perf >/dev/null 2>&1") == 0; }

Result<Recording> record(const Program& program, double frequency, Nanoseconds time) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return fail(ErrorKind::kFailed, "no temporary folder");
  const Control control = TIER_TRY(Control::make(folder.path()));
  const std::string file = folder.path() + "/perf.data";
  // Without the build IDs of what was sampled, which no sample needs; with its events off until told (-D -1).
  const std::vector<std::string> words = {"perf",
                                          "record",
                                          "-q",
                                          "-B",
                                          "-N",
                                          "-e",
                                          "cpu-clock:u",
                                          "-F",
                                          std::to_string(std::llround(frequency)),
                                          std::string("--user-regs=") + kRecordedRegisters,
                                          "-D",
                                          "-1",
                                          "--control",
                                          control.option(),
                                          "-p",
                                          std::to_string(program.pid()),
                                          "-o",
                                          file};
  const Program perf = Program::execute(words);
  const auto failed = [&words] {
    return fail(ErrorKind::kFailed, "perf record does not do what it is told",
                "see what it says: " + fmt::format("{}", fmt::join(words, " ")));
  };
  if (!control.command(perf, "ping")) return failed();
  std::this_thread::sleep_for(kQuiet);
  const Nanoseconds perf_begun = perf.cpu_time();
  if (!control.command(perf, "enable")) return failed();
  const Nanoseconds program_begun = program.cpu_time();
  const std::uint64_t switches = switches_of(program);
  std::this_thread::sleep_for(time);
  Recording recording;
  recording.program_time = program.cpu_time() - program_begun;
  recording.switches = switches_of(program);
  recording.switches -= std::min(recording.switches, switches);  // threads may have ended
  if (!control.command(perf, "disable")) return failed();
  std::this_thread::sleep_for(kQuiet);  // it reads what is left in its buffers
  recording.perf_time = perf.cpu_time() - perf_begun;
  if (!control.command(perf, "stop") || !wait_for_end(perf)) return failed();
  if (!program.running()) return fail(ErrorKind::kFailed, "the program ended while perf sampled it");
  recording.useful = TIER_TRY(count_useful(file));
  return recording;
}

}  // namespace tier
