// Bytes of files that programs ask for, by block device, counted in the kernel (bpf/file_demand.bpf.c).
//
// A read counts what it asks for, a file mapping the pages that are passed, whether they were in memory or
// not: the same work gives the same figure under every read-ahead. On kernels with tracepoints of the page
// cache reads count whole pages. Not seen: what bypasses the page cache, pages that were mapped along with a
// neighbour (up to 64 KiB around it) and are touched in no order, and file systems that lie on no one block
// device, which have a read-ahead of their own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "platform/api/meter.h"
#include "platform/linux/sampling/bpf_support.h"

namespace tier {

// The device whose read-ahead counts for files on `device` (major << 20 | minor): of a partition its disk.
// None: there is no such device, or it has no setting. Below `root` for tests.
std::optional<std::uint32_t> readahead_device(std::uint32_t device, const std::string& root = "");

class FileDemandMeter final : public Meter {
 public:
  // Counts from now on, until it is destroyed. `clock` must outlive it. kUnsupported: no type information, or
  // no hook for it. kPermission.
  static Result<std::unique_ptr<FileDemandMeter>> start(const Clock& clock,
                                                        const std::string& btf_path = kKernelBtf);
  ~FileDemandMeter() override;

  const char* name() const override { return "file-demand"; }
  // kFileDemand, kFileSequential and kFileStrided of every device that programs asked anything of.
  std::vector<CounterReading> read() override;

 private:
  class Impl;
  FileDemandMeter(std::unique_ptr<Impl> impl, const Clock& clock);
  std::unique_ptr<Impl> impl_;
  const Clock& clock_;
};

}  // namespace tier
