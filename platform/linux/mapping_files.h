// Mappings from the text files of /proc, where BPF iterators cannot be had. For flags and policies these
// files make the kernel walk all pages of a process under its mmap lock (smaps, numa_maps), so walks are
// bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/target.h"
#include "core/time_budget.h"
#include "platform/api/process_table.h"

namespace tier {

// How long the kernel would hold a process's mmap lock for one walk: what is mapped by small pages is counted
// one by one, and there are no more of these than page tables have room for. Pure.
Nanoseconds estimated_walk(Bytes resident, Bytes page_tables, Nanoseconds per_page);

struct WalkSettings {
  // Of all processes together. The engine's budget for reading mappings holds as well, and is larger.
  double share = 0.0025;
  Nanoseconds most = std::chrono::milliseconds(20);
  // A walk that would take longer is never begun. A program that maps or unmaps memory waits that long at
  // most.
  Nanoseconds longest = std::chrono::milliseconds(20);
  Nanoseconds per_page{120};  // 126 ms for 4 GiB of small pages; follows what walks are measured to take
  Nanoseconds again = std::chrono::seconds(30);  // until the policies of one process are asked for again
};

// Thread-safe.
class MappingFiles {
 public:
  // `path` names a file of a process, such as "maps": of a thread that lives, where the first one has ended.
  using Path = std::function<std::string(Pid, const char*)>;
  explicit MappingFiles(std::string root, Path path = {}, WalkSettings settings = {},
                        std::function<Nanoseconds()> now = {});  // none: the monotonic clock

  // As VmaReader::read(). Where policies are not known, because the walk is not yet paid for or would take
  // too long, every mapping counts as bound by the program itself; where locks are not known and the process
  // has any, every mapping counts as locked: such pages stay where they are.
  Result<std::vector<Mapping>> read(Pid pid, std::uint64_t start_time) const;

  // From the sizes in /proc/PID/status: a change that leaves all of them the same goes unnoticed. 0 also
  // while a walk of that process waits for its turn.
  std::uint64_t version(Pid pid) const;

  MappingsAccount account() const;

 private:
  struct Walked {
    std::uint64_t start_time = 0;
    std::optional<std::vector<Address>> policies, locked;  // starts of mappings
    Nanoseconds at{}, used{};
    bool waits = false;     // for its turn
    bool too_long = false;  // never walked
  };
  struct Sizes {
    Bytes resident, page_tables, locked;
  };
  using FileOf = std::function<std::string(const char*)>;
  void walk(const FileOf& path, const Sizes& sizes, Walked& walked) const;

  static constexpr Nanoseconds kForgetAfter = std::chrono::minutes(10);

  std::string root_;
  Path proc_;
  WalkSettings settings_;
  std::function<Nanoseconds()> now_;
  mutable std::mutex mutex_;  // guards what follows; held while walking, so that walks never overlap
  mutable TimeBudget budget_;
  mutable double per_page_;  // ns
  mutable std::map<Pid, Walked> known_;
};

}  // namespace tier
