// Processes by the kernel's own list of tasks (bpf/processes.bpf.c): one read tells of all that matter, no
// file of any process is opened, and what happens between two looks is remembered in the kernel.
//
// A look costs the time of passing every task of the machine once, so it is made when it is worth its price:
// at most 0.3 % of the time, 1 % when a process that was asked for has executed or ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "platform/api/process_watch.h"
#include "platform/linux/sampling/bpf_support.h"

namespace tier {

class BpfProcessWatch final : public ProcessWatch {
 public:
  // `clock` must outlive it. kUnsupported: no type information, no task iterator, or a hook is missing (Linux
  // 5.15 and later have them all). kPermission: CAP_BPF and CAP_PERFMON are needed. `spare_node`: where the
  // kernel's table of processes lies while there is room, see place_tables().
  static Result<std::unique_ptr<BpfProcessWatch>> start(const Clock& clock,
                                                        std::optional<NodeId> spare_node = std::nullopt,
                                                        const std::string& btf_path = kKernelBtf);
  ~BpfProcessWatch() override;

  Result<ProcessLook> look(const ProcessQuestion& question, bool renew) override;
  bool news() const override;
  void forget() override;
  ProcessWatchState state() const override;

 private:
  class Impl;
  explicit BpfProcessWatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tier
