// Reads mappings through BPF iterators (bpf/mappings.bpf.c): Linux 6.1 or later, CAP_BPF and CAP_PERFMON.
#pragma once

#include <memory>

#include "platform/linux/vma_reader.h"

namespace tier {

class VmaIterator final : public VmaReader {
 public:
  // Loads the programs and reads this process with them once. kPermission or kUnsupported, with the reason,
  // where that cannot be.
  static Result<std::unique_ptr<VmaIterator>> load();
  ~VmaIterator() override;

  Result<std::vector<Mapping>> read(Pid pid, std::uint64_t start_time) const override;
  std::uint64_t version(Pid pid) const override;

 private:
  class Impl;
  explicit VmaIterator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tier
