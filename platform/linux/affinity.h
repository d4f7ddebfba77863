// Where threads of this process may run.
#pragma once

#include <span>
#include <vector>

namespace tier {

// Of these CPUs those that the calling thread may use now. CPUs that the administrator keeps from this
// process, by affinity, cpuset or isolation, are not among them.
std::vector<int> allowed_cpus(std::span<const int> cpus);

// The calling thread runs on the allowed ones of these CPUs as long as this lives, and where it might before
// afterwards.
class PinnedThread {
 public:
  explicit PinnedThread(std::span<const int> cpus);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;
  bool held() const { return held_; }

 private:
  std::vector<unsigned char> before_;
  bool held_ = false;
};

}  // namespace tier
