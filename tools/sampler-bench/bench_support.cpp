#include "tools/sampler-bench/bench_support.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "platform/linux/process_table.h"

namespace tier {

Program Program::fork_body(const std::function<void()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return Program(pid);
}

Program Program::execute(const std::vector<std::string>& command) {
  return fork_body([&] {
    const int sink = open("/dev/null", O_RDWR);
    dup2(sink, STDIN_FILENO);
    dup2(sink, STDOUT_FILENO);
    dup2(sink, STDERR_FILENO);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  });
}

Program::~Program() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Program::running() const {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

Nanoseconds Program::cpu_time() const {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

Result<Target> Program::target() const {
  Result<Target> described = LinuxProcessTable().describe(Pid{pid_});
  if (described) described->id = TargetId{1};
  return described;
}

SampleBatch watch(AccessSource& source, const Program& program, Nanoseconds time) {
  SampleBatch all;
  const Result<Target> target = program.target();
  const Result<void> watched =
      target ? source.set_targets({&*target, 1}) : tl::make_unexpected(target.error());
  if (!watched) {
    std::fprintf(stderr, "%s\n", watched.error().text().c_str());
    return all;
  }
  if (const auto mappings = LinuxProcessTable().mappings_of(*target))
    static_cast<void>(source.set_ranges(target->id, *mappings));
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end && program.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    const Result<SampleBatch> batch = source.collect();
    if (!batch) break;
    all.samples.insert(all.samples.end(), batch->samples.begin(), batch->samples.end());
    all.counters += batch->counters;
  }
  static_cast<void>(source.set_targets({}));
  return all;
}

int verdict(const std::string& name, double value, const std::string& unit, const std::string& target,
            bool holds) {
  nlohmann::json line;
  line["name"] = name;
  line["value"] = value;
  line["unit"] = unit;
  line["target"] = target;
  line["holds"] = holds;
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return holds ? 0 : 1;
}

int cannot(const Error& error) {
  std::fprintf(stderr, "sampler-bench: %s\n", error.text().c_str());
  return 2;
}

Result<std::unique_ptr<StallSource>> start_stall(const SamplingSettings& settings, const Clock& clock) {
  StallOptions options;
  options.settings = settings;
  auto source = std::make_unique<StallSource>(options, clock);
  TIER_TRY(source->start());
  return source;
}

}  // namespace tier
