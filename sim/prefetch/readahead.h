// Readahead of block devices: another thing that prefetches, with other settings, behind the same interface.
#pragma once

#include <span>
#include <vector>

#include "sim/prefetch/model.h"

namespace tier::sim {

// Programs that read files of one device, through the page cache.
struct FileReaders {
  AccessPattern pattern = AccessPattern::kUnknown;  // sequential or random
  double latency = 0;                               // seconds, of one request while the device is idle
  double bandwidth = 0;                             // bytes per second
  double readers = 1;                               // threads
  double compute = 0;                               // seconds that a thread works on each page
  double run = 0;                                   // pages that are read in sequence before the next jump
  double missing = 1;  // share of the pages, or of random reads, that the page cache does not hold
  double weight = 0;   // share of the node's activity
};

// Settings, as prefetch/controls/control.cpp makes them where 128 KiB, the kernel's default, was found.
constexpr double kReadaheadKib[] = {128, 0, 16, 512, 2048};

class ReadaheadModel final : public PrefetchModel {
 public:
  ReadaheadModel(std::vector<FileReaders> devices, std::vector<std::size_t> kinds);
  std::size_t scopes() const override { return devices_.size(); }
  std::size_t settings() const override { return std::size(kReadaheadKib); }
  const std::vector<std::size_t>& kinds() const override { return kinds_; }
  PrefetchState solve(std::span<const std::size_t> settings, double intensity) const override;

 private:
  std::vector<FileReaders> devices_;
  std::vector<std::size_t> kinds_;
};

}  // namespace tier::sim
