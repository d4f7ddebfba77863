// Pools of huge pages (hugetlbfs): which mappings use them, and how many pages are free on a node.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/address_range.h"
#include "platform/api/pages.h"

namespace tier {

// Devices of the hugetlbfs mounts of /proc/PID/mountinfo and the page size of each. Devices are numbered as
// MemoryObject::device.
std::map<std::uint64_t, Bytes> parse_pool_mounts(std::string_view mountinfo);

// The line of /proc/PID/maps that holds an address: its range and device.
struct MappedDevice {
  AddressRange range;
  std::uint64_t device = 0;
};
std::optional<MappedDevice> find_mapped_device(std::string_view maps, Address address);

// Asks for one mapping at a time: use it where a move has failed, not for every region.
class LinuxPagePools final : public PagePools {
 public:
  explicit LinuxPagePools(std::string root = "/");
  std::optional<PooledPages> at(Pid pid, Address address, NodeId node) const override;

 private:
  struct Answer {
    Pid pid;
    AddressRange range;
    Bytes size;  // 0: not of a pool
    Nanoseconds until{};
  };
  Answer look_up(Pid pid, Address address, Nanoseconds now) const;

  const std::string root_;
  std::map<std::uint64_t, Bytes> own_devices_;  // of the kernel's own mounts, for memory without a file name
  mutable std::mutex mutex_;
  mutable Answer last_;  // guarded by mutex_: the regions of one mapping come one after another
};

}  // namespace tier
