// Memory of one node that belongs to this process, for measuring. Private to the probes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

class ProbeMemory {
 public:
  // `most`: bytes kept at most.
  ProbeMemory(NodeId node, Bytes most);
  ~ProbeMemory();
  ProbeMemory(const ProbeMemory&) = delete;
  ProbeMemory& operator=(const ProbeMemory&) = delete;

  // Base pages of the node that may be read; at least kFewest of them. What is kept already is looked at
  // again, and what is missing is asked for a few pages at a time, less and less often while there is none.
  // A page is touched under a policy that only prefers the node and given back where it landed elsewhere: no
  // allocation is forced, so none fails aloud, nothing is reclaimed and nothing is killed. Where too few land
  // there, pages of this program's own file that lie on the node in the page cache serve instead.
  // kFailed: there are too few, or the node is offline or outside this process's cpuset.
  Result<void> refresh();
  const std::vector<Address>& pages() const { return pages_; }
  // Changes whenever pages() does.
  std::uint64_t version() const { return version_; }

  static constexpr std::size_t kFewest = 16;

 private:
  bool prefer_node();
  void drop_strays();
  void grow();
  std::size_t keep_landed(std::size_t first, std::size_t end);
  void lock(std::size_t page) const;
  void give_back(std::size_t page);
  void read_file_pages();
  void changed();
  Address address(std::size_t page) const { return start_ + page * page_size_; }

  NodeId node_;
  std::size_t page_size_;
  std::size_t wanted_;               // pages
  Address start_ = 0;                // 0: no mapping
  int error_ = 0;                    // of the mapping or the policy
  std::vector<bool> kept_;           // by page of the mapping
  std::vector<Address> file_pages_;  // of the program's file
  std::vector<Address> pages_;
  std::uint64_t version_ = 0;
  std::uint32_t wait_ = 1, calls_ = 1;  // calls from one attempt to the next, and since the last one
};

// Drops the line from all caches.
void evict_line(const void* line);
// Earlier evictions are over before later loads begin.
void evictions_done();

}  // namespace tier
