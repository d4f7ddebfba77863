// Processes by reading files, where the kernel's own list cannot be read (no BPF): a bounded number of them
// at a look, so that passing all takes several looks on a machine with many.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "platform/api/process_table.h"
#include "platform/api/process_watch.h"

namespace tier {

class PolledProcesses final : public ProcessWatch {
 public:
  // One file each, about 12 µs: 6 ms of a tick at most.
  static constexpr std::size_t kPerLook = 512;

  // `table` must outlive it. `why`: why it is not by events.
  explicit PolledProcesses(const ProcessTable& table, const Error& why = {}, std::size_t per_look = kPerLook);

  // kFailed: the processes cannot be listed.
  Result<ProcessLook> look(const ProcessQuestion& question, bool renew) override;
  bool news() const override { return true; }
  void forget() override;
  ProcessWatchState state() const override;

 private:
  // Whoever was told of, or has no memory (most are kernel threads), and need not be looked at for some
  // passes.
  struct Known {
    std::uint64_t start_time = 0, program = 0;
    std::uint64_t again = 0;  // the pass that tells of it once more: names and cgroups change without a trace
    bool empty = false;
  };
  void look_at(Pid pid, const ProcessQuestion& question, ProcessLook& look);

  const ProcessTable& table_;
  Error why_;
  std::size_t per_look_;
  std::vector<Pid> rest_;  // of the present pass, last first
  std::map<Pid, Known> known_;
  std::uint64_t pass_ = 0, looks_ = 0;
};

}  // namespace tier
