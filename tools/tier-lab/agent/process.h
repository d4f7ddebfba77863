// Child processes of the agent: their output arrives line by line, without blocking.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platform/api/file_descriptor.h"

namespace tier::lab {

using LineSink = std::function<void(const std::string& line)>;

class Process {
 public:
  // Starts `command` with stdout and stderr on one pipe, pinned to `cpus` unless that is empty. On failure to
  // execute, the child prints the reason and exits 127, as a shell does.
  Process(const std::vector<std::string>& command, const std::vector<int>& cpus, LineSink on_line);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  int descriptor() const { return pipe_.get(); }
  bool open() const { return pipe_.valid(); }

  // Reads what has come and hands on whole lines; closes the pipe at end of file.
  void drain();
  // Exit code (128 + signal when killed) once the child has ended.
  std::optional<int> exit_code();
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  FileDescriptor pipe_;
  std::string partial_;
  LineSink on_line_;
  std::optional<int> code_;
};

}  // namespace tier::lab
