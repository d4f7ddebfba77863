#include "tools/tier-lab/vm.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

namespace tier::lab {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(100);
constexpr std::size_t kConsoleLines = 30;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Follows a growing file.
class Follower {
 public:
  explicit Follower(const std::string& path) : path_(path) {}
  // What has been appended since the last call.
  std::string more() {
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset_));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    offset_ += text.size();
    return text;
  }

 private:
  std::string path_;
  std::size_t offset_ = 0;
};

// Owns the child: killed and reaped when the owner leaves early.
class Qemu {
 public:
  ~Qemu() { end(); }
  bool start(const VmPlan& plan) {
    pid_ = fork();
    if (pid_ != 0) return pid_ > 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // no guest outlives the lab
    const int log = open(plan.qemu_log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    std::vector<char*> arguments{const_cast<char*>("qemu-system-x86_64")};
    for (const std::string& word : plan.arguments) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    std::perror("qemu-system-x86_64");
    _exit(127);
  }
  // Status as of waitpid once it has ended.
  bool ended(int& status) {
    if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

std::string file_text(const std::string& path) { return Follower(path).more(); }

tl::unexpected<Error> guest_error(const std::string& what, const VmPlan& plan) {
  return fail(ErrorKind::kFailed, what + "\n--- the console's last lines (" + plan.console_path + "):\n" +
                                      last_lines(file_text(plan.console_path), kConsoleLines));
}

}  // namespace

std::string last_lines(const std::string& text, std::size_t lines) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i + 1 < text.size() && !std::isalpha(static_cast<unsigned char>(text[i]))) ++i;
      continue;
    }
    if (text[i] == '\n' || text[i] == '\t' || static_cast<unsigned char>(text[i]) >= 0x20) plain += text[i];
  }
  std::size_t at = plain.size();
  while (lines > 0 && at > 0) {
    at = plain.rfind('\n', at - 1);
    if (at == std::string::npos) return plain;
    --lines;
  }
  return plain.substr(at == 0 ? 0 : at + 1);
}

std::string kernel_failure(const std::string& console) {
  struct Sign {
    const char* text;
    const char* name;
  };
  static constexpr Sign kSigns[] = {{"Kernel panic - not syncing", "the guest kernel panicked"},
                                    {"Oops:", "the guest kernel oopsed"},
                                    {"BUG: unable to handle", "the guest kernel oopsed"},
                                    {"kernel BUG at", "the guest kernel hit a BUG"},
                                    {"soft lockup - CPU", "a guest CPU is locked up"},
                                    {"rcu_preempt detected stalls", "a guest CPU is stalled"}};
  for (const Sign& sign : kSigns) {
    const std::size_t at = console.find(sign.text);
    if (at == std::string::npos) continue;
    const std::string line = console.substr(at, console.find_first_of("\r\n", at) - at);
    return std::string(sign.name) + ": " + line;
  }
  return {};
}

Result<> run_vm(const VmPlan& plan, const EventSink& on_event) {
  Qemu qemu;
  const auto start = Clock::now();
  auto last_sign = start;
  if (!qemu.start(plan))
    return fail(ErrorKind::kFailed, std::string("cannot start QEMU: ") + std::strerror(errno));
  Follower console(plan.console_path), events(plan.events_path);
  std::string seen, partial;
  int status = 0;
  for (bool over = false; !over;) {
    std::this_thread::sleep_for(kPoll);
    over = qemu.ended(status);  // before reading, so that the last bytes are read after the end
    const std::string more = console.more();
    const std::string lines = events.more();
    if (!more.empty() || !lines.empty()) last_sign = Clock::now();
    seen += more;
    partial += lines;
    std::size_t from = 0;
    for (std::size_t to; (to = partial.find('\n', from)) != std::string::npos; from = to + 1)
      on_event(partial.substr(from, to - from));
    partial.erase(0, from);
    if (const std::string failure = kernel_failure(seen); !failure.empty()) {
      if (!over) std::this_thread::sleep_for(std::chrono::seconds(1));  // let the call trace come
      qemu.end();
      return guest_error(failure, plan);
    }
    if (over) break;
    if (since(last_sign) > plan.silence_s)
      return qemu.end(), guest_error("the guest hangs: no sign of life for " +
                                         std::to_string(static_cast<int>(plan.silence_s)) + " s",
                                     plan);
    if (since(start) > plan.timeout_s)
      return qemu.end(), guest_error("the run did not end within " +
                                         std::to_string(static_cast<int>(plan.timeout_s)) + " s",
                                     plan);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorKind::kFailed, "QEMU failed: " + last_lines(file_text(plan.qemu_log_path), kConsoleLines),
              "tools/lib/ensure-qemu installs a QEMU that works");
}

}  // namespace tier::lab
