// How far a long command is, on stderr: a line that rewrites itself on a terminal, now and then a line
// elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace tier::sim {

class Progress {
 public:
  explicit Progress(std::string what);
  void show(std::size_t done, std::size_t of);
  void finish() const;  // ends the line

 private:
  std::string what_;
  bool terminal_;
  std::chrono::steady_clock::time_point begun_, shown_;
  std::size_t first_ = 0;  // done when it was first shown: what was there already took no time
  bool any_ = false;
};

// Changes whenever the program does: results of another build are not reused.
std::string program_identity();

}  // namespace tier::sim
