#include "tools/tier-record/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "platform/api/text_file.h"
#include "tools/tier-lab/command.h"

namespace tier::record {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr double kProgressEvery = 2;  // seconds
constexpr auto kGrace = std::chrono::seconds(10);

std::string plugin_argument(const RunPlan& plan) {
  return plan.plugin + ",out=" + plan.prefix + ",interval=" + std::to_string(plan.interval) +
         ",periods=" + std::to_string(plan.most_periods) + ",llc=" + std::to_string(plan.llc_bytes) +
         ",ways=" + std::to_string(plan.llc_ways);
}

std::vector<std::string> arguments_of(const RunPlan& plan) {
  std::vector<std::string> arguments = {plan.qemu,
                                        "-cpu",
                                        kCpu,
                                        "-seed",
                                        std::to_string(plan.seed),
                                        "-plugin",
                                        plugin_argument(plan),
                                        "-0",
                                        plan.command[0],
                                        plan.program};
  arguments.insert(arguments.end(), plan.command.begin() + 1, plan.command.end());
  return arguments;
}

pid_t start(const RunPlan& plan) {
  std::vector<std::string> words = arguments_of(plan);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // no program outlives its recorder
  execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(127);
}

// Whole lines of the program's own file, less the first: its periods.
std::size_t periods_so_far(const RunPlan& plan, pid_t child) {
  std::ifstream file(plan.prefix + "." + std::to_string(child));
  const auto lines = std::count(std::istreambuf_iterator<char>(file), {}, '\n');
  return lines > 0 ? static_cast<std::size_t>(lines - 1) : 0;
}

Result<void> judge(const std::string& program, int status) {
  if (WIFSIGNALED(status))
    return fail(ErrorKind::kFailed,
                program + " was ended by signal " + std::to_string(WTERMSIG(status)) + " under emulation");
  const int code = WEXITSTATUS(status);
  if (code == 0) return {};
  return fail(ErrorKind::kFailed,
              program + " failed with exit code " + std::to_string(code) + " under emulation",
              "see its messages above; programs that cannot run without a real processor exist");
}

// Once the program itself has ended: waits a moment for the processes that it leaves.
Result<void> judge_all(const std::string& program, int status) {
  const Clock::time_point begun = Clock::now();
  while (Clock::now() - begun < kGrace) {
    const pid_t ended = waitpid(-1, nullptr, WNOHANG);
    if (ended < 0) return judge(program, status);  // none is left
    if (ended == 0) std::this_thread::sleep_for(kPoll);
  }
  return fail(ErrorKind::kFailed,
              program + " has ended and left processes running, which were not recorded to their end",
              "end them, and run it in the foreground");
}

}  // namespace

Result<std::string> find_qemu() {
  const std::string script = shared_file("recorder/fetch-qemu-user", TIER_RECORDER_INSTALLED).string();
  Result<std::string> printed = lab::capture({script});
  if (!printed)
    return fail(ErrorKind::kUnsupported,
                "a qemu-x86_64 that loads plugins is not cached and could not be fetched",
                "run " + script + " and see what it lacks");
  while (!printed->empty() && printed->back() == '\n') printed->pop_back();
  return printed;
}

std::string find_plugin() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = program.parent_path() / "libtier_record.so";  // in the build folder
  return name_exists(beside) ? beside.string() : TIER_RECORD_PLUGIN_INSTALLED;
}

Result<std::string> find_program(const std::vector<std::string>& command) {
  if (command.empty())
    return fail(ErrorKind::kUsage, "no program given", "tier-record run -o FILE -- PROGRAM ARGUMENTS");
  const char* path = std::getenv("PATH");
  std::string found = command[0].find('/') != std::string::npos ? command[0] : "";
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; found.empty() && std::getline(folders, folder, ':');)
    if (access((folder + "/" + command[0]).c_str(), X_OK) == 0) found = folder + "/" + command[0];
  if (found.empty() || access(found.c_str(), X_OK) != 0)
    return fail(ErrorKind::kUsage, command[0] + " is not there, or not executable");
  char start[2] = {};
  std::ifstream(found).read(start, sizeof start);
  if (start[0] == '#' && start[1] == '!')
    return fail(ErrorKind::kUsage, found + " is a script", "give its interpreter and the script");
  return found;
}

Result<void> run_program(const RunPlan& plan, const Progress& progress) {
  // Processes whose parent ends before them become ours, so that we see them end, too.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t child = start(plan);
  if (child < 0) return fail(ErrorKind::kFailed, "cannot start another process");
  const Clock::time_point begun = Clock::now();
  double told = 0;
  for (int status = 0;; std::this_thread::sleep_for(kPoll)) {
    if (waitpid(child, &status, WNOHANG) == child) return judge_all(plan.command[0], status);
    const double passed = std::chrono::duration<double>(Clock::now() - begun).count();
    if (passed - told >= kProgressEvery) {
      told = passed;
      progress(passed, periods_so_far(plan, child));
    }
    if (plan.timeout_s <= 0 || passed < plan.timeout_s) continue;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return fail(ErrorKind::kFailed, plan.command[0] + " ran longer than the time limit",
                "raise --timeout, or bound it with --intervals");
  }
}

}  // namespace tier::record
