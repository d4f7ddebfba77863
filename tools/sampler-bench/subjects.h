// Programs of everyday life for the measurements to watch.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/sampler-bench/bench_support.h"

namespace tier {

struct Subject {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> driver;  // keeps it busy; empty: it is busy by itself
  std::function<void()> body = {};  // runs in a child process where there is no command
};

// `folder`: for their sockets and files.
std::vector<Subject> real_programs(const std::string& folder);

// A subject with its driver.
class RunningSubject {
 public:
  explicit RunningSubject(const Subject& subject);
  const Program& program() const { return program_; }

 private:
  Program program_;
  std::optional<Program> driver_;
};

// Removed with the object. path() is empty where none could be made.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tier
