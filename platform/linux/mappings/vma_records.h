// The records of bpf/mappings.bpf.c as mappings. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpf/mappings.h"
#include "core/result.h"
#include "core/target.h"

namespace tier {

// Takes the iterator's output in pieces of any size; finish() gives the mappings.
class VmaRecords {
 public:
  // Records of another process than that which started at `start_time` are an error; 0: any, but all of one.
  explicit VmaRecords(std::uint64_t start_time, std::uint64_t page_size)
      : start_time_(start_time), page_size_(page_size) {}

  // False when no more is wanted: all mappings have come, or they begin again, or another thread's view of
  // them begins. An error for what cannot be a record, and for more than kMostMappings of them.
  Result<bool> feed(std::span<const std::byte> bytes);

  // Sorted by address, without overlaps: the kernel lets go of the mmap lock now and then, so a mapping that
  // grew or was replaced meanwhile may be reported twice, and the later report counts. An error when the end
  // is missing or when there was none.
  Result<std::vector<Mapping>> finish();

  static constexpr std::size_t kMostMappings = 4U << 20;

 private:
  Result<bool> take(const tier_vma& record, std::string_view name);

  std::uint64_t start_time_;
  std::uint64_t page_size_;
  std::vector<std::byte> pending_;  // the beginning of a record
  std::uint32_t thread_ = 0;
  std::string name_;  // of the mapping before
  std::size_t records_ = 0;
  Address newest_ = 0;  // where the last mapping begins
  bool ended_ = false;
  std::vector<Mapping> mappings_;
};

}  // namespace tier
