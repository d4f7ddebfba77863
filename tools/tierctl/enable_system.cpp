#include "tools/tierctl/enable_system.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/linux/sysctl.h"

namespace tier {
namespace {

Result<int> run_program(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ); error != 0)
    return fail(ErrorKind::kFailed, fmt::format("cannot run {}: {}", arguments[0], std::strerror(error)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return fail(ErrorKind::kFailed, fmt::format("{}: {}", arguments[0], std::strerror(errno)));
  // As shells have it (bash(1), EXIT STATUS).
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

EnableSystem real_enable_system(const std::filesystem::path& root) {
  EnableSystem system;
  system.root = root;
  system.live = root == "/";
  const std::filesystem::path shipped = TIERD_ENABLE_DIRECTORY;
  system.shipped = root / shipped.relative_path();  // an image has tierd of its own
  // An image may belong to whoever makes it: the file system decides.
  system.privileged = !system.live || ::geteuid() == 0;
  system.systemd = ::sd_booted() > 0;
  system.read_sysctl = [](const std::string& name) { return read_sysctl(name); };
  system.write_sysctl = [](const std::string& name, long value) { return write_sysctl(name, value); };
  system.run = run_program;
  return system;
}

}  // namespace tier
