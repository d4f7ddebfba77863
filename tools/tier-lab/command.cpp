#include "tools/tier-lab/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "platform/api/file_descriptor.h"

namespace tier::lab {

Result<std::string> capture(const std::vector<std::string>& command, bool quiet) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(ErrorKind::kFailed, std::string("cannot make a pipe: ") + std::strerror(errno));
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  if (quiet) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = -1;
  const int refused = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  writer.reset();  // the end of file comes when the child has closed its copy
  std::string output;
  char chunk[8192];
  for (ssize_t got; refused == 0 && (got = read(reader.get(), chunk, sizeof chunk)) > 0;)
    output.append(chunk, static_cast<std::size_t>(got));
  if (refused != 0)
    return fail(ErrorKind::kFailed, "cannot run " + command[0] + ": " + std::strerror(refused));
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return fail(ErrorKind::kFailed,
              command[0] + " failed: " + output.substr(output.size() > 500 ? output.size() - 500 : 0));
}

}  // namespace tier::lab
