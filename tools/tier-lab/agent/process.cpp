#include "tools/tier-lab/agent/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace tier::lab {
namespace {

constexpr int kWeightedInterleave = 6;  // MPOL_WEIGHTED_INTERLEAVE, include/uapi/linux/mempolicy.h, Linux 6.9

void apply(const ProcessSettings& settings) {
  if (!settings.cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : settings.cpus) CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) std::perror("cannot pin to the CPUs of the scenario");
  }
  unsigned long nodes = 0;
  for (const unsigned node : settings.interleave) nodes |= 1UL << node;
  if (nodes == 0 || syscall(SYS_set_mempolicy, kWeightedInterleave, &nodes, 8 * sizeof nodes) == 0) return;
  std::perror("cannot interleave by weight (Linux 6.9 and later can)");
  _exit(127);
}

[[noreturn]] void become(const std::vector<std::string>& command, const ProcessSettings& settings,
                         int output) {
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  setsid();
  apply(settings);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  std::fprintf(stderr, "cannot execute %s: %s\n", arguments[0], std::strerror(errno));
  _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const ProcessSettings& settings, LineSink on_line)
    : on_line_(std::move(on_line)) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  pipe_.reset(ends[0]);
  const FileDescriptor output(ends[1]);
  pid_ = fork();
  if (pid_ == 0) become(command, settings, output.get());
  fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
}

void Process::drain() {
  char chunk[4096];
  while (pipe_.valid()) {
    const ssize_t got = read(pipe_.get(), chunk, sizeof chunk);
    if (got < 0) return;
    if (got == 0) {
      if (!partial_.empty()) on_line_(partial_);
      partial_.clear();
      pipe_.reset();
      return;
    }
    partial_.append(chunk, static_cast<std::size_t>(got));
    std::size_t start = 0;
    for (std::size_t end; (end = partial_.find('\n', start)) != std::string::npos; start = end + 1)
      on_line_(partial_.substr(start, end - start));
    partial_.erase(0, start);
  }
}

std::optional<int> Process::exit_code() {
  int status = 0;
  if (!code_ && pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!code_ && pid_ <= 0) code_ = 127;
  return code_;
}

void Process::signal(int number) const {
  if (pid_ > 0 && !code_) kill(pid_, number);
}

}  // namespace tier::lab
