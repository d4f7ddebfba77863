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

struct ProcessSettings {
  std::vector<int> cpus;  // pins it to them; empty: to none
  std::vector<unsigned>
      interleave;  // nodes over which its memory is spread by weight; empty: as the kernel does
};

class Process {
 public:
  // Starts `command` with stdout and stderr on one pipe. On failure to execute it, or to give it its
  // settings, the child prints the reason and exits 127, as a shell does.
  Process(const std::vector<std::string>& command, const ProcessSettings& settings, LineSink on_line);
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
