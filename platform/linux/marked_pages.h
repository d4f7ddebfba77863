// Marked pages: found in /proc/PID/pagemap, made visible by process_vm_readv(2).
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "platform/api/pages.h"

namespace tier {

// What this kernel does with pages without access rights, and whether NUMA balancing marks any.
struct MarkingFacts {
  bool hides = false;                 // move_pages(2) does not see them
  std::optional<int> balancing;       // sysctl kernel.numa_balancing; none: the kernel has none
  std::optional<std::uint64_t> ever;  // page table entries marked since boot; none: not known
  std::optional<int> yama;            // sysctl kernel.yama.ptrace_scope; 3 forbids the read to everyone
};
MarkingFacts read_marking_facts(const std::string& root = "/");

// Whether move_pages(2) sees a page of our own from which mprotect(2) has taken all access: to the kernel it
// looks as a marked one does. Tells the kernels that hide from those that do not, backports included.
bool kernel_hides_marked_pages();

class LinuxMarkedPages final : public MarkedPages {
 public:
  explicit LinuxMarkedPages(std::string root = "/");

  bool possible() const override;
  Result<std::vector<bool>> find(Pid pid, std::span<const Address> pages) const override;
  UnmarkCall unmark(Pid pid, std::span<const Address> pages) override;

 private:
  const std::string root_;
  const bool hides_;
  mutable std::mutex mutex_;
  mutable bool marked_once_ = false;  // guarded by mutex_
  mutable Nanoseconds look_again_{};  // guarded by mutex_
};

}  // namespace tier
