// Mappings from the kernel's own list of them, without a look at any page.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "core/target.h"

namespace tier {

// Thread-safe.
class VmaReader {
 public:
  virtual ~VmaReader() = default;

  // All mappings of a process as ProcessTable::mappings() gives them, flags and policies included.
  // `start_time` 0: whichever process has the number; else kFailed when the number belongs to another one.
  virtual Result<std::vector<Mapping>> read(Pid pid, std::uint64_t start_time) const = 0;

  // Differs when the mappings may have changed; does not take the mmap lock. 0 for a process without memory.
  virtual std::uint64_t version(Pid pid) const = 0;
};

}  // namespace tier
