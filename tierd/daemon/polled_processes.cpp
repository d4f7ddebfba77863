#include "tierd/daemon/polled_processes.h"

#include <set>

namespace tier {
namespace {

constexpr std::uint64_t kPassesKept = 16;

}  // namespace

PolledProcesses::PolledProcesses(const ProcessTable& table, const Error& why, std::size_t per_look)
    : table_(table), why_(why), per_look_(per_look) {}

void PolledProcesses::forget() {
  known_.clear();
  rest_.clear();
}

Result<ProcessLook> PolledProcesses::look(const ProcessQuestion& question, bool renew) {
  ProcessLook look;
  look.looked = true;
  ++looks_;
  const std::set<Pid> asked(question.asked.begin(), question.asked.end());
  for (const Pid pid : asked)
    if (auto seen = table_.glance(pid)) look.processes.push_back(std::move(*seen));
  if (!question.others) return look;
  if (renew && rest_.empty()) {
    auto all = TIER_TRY(table_.list());
    rest_.assign(all.rbegin(), all.rend());
    ++pass_;
    std::erase_if(known_, [&](const auto& entry) { return entry.second.again <= pass_; });
  }
  for (std::size_t done = 0; done < per_look_ && !rest_.empty(); ++done) {
    const Pid pid = rest_.back();
    rest_.pop_back();
    if (!asked.contains(pid)) look_at(pid, question, look);
  }
  return look;
}

void PolledProcesses::look_at(Pid pid, const ProcessQuestion& question, ProcessLook& look) {
  const auto known = known_.find(pid);
  if (known != known_.end() && known->second.empty) return;
  auto seen = table_.glance(pid);
  if (!seen) return;
  const bool empty = seen->resident.value == 0;
  const bool told = known != known_.end() && known->second.start_time == seen->start_time &&
                    known->second.program == seen->program;
  const bool wanted = !empty && seen->resident >= question.minimum && !(question.minimum.value == 0 && told);
  if (!told && (empty || question.minimum.value == 0))
    known_[pid] = {seen->start_time, seen->program, pass_ + kPassesKept, empty};
  if (wanted) look.processes.push_back(std::move(*seen));
}

ProcessWatchState PolledProcesses::state() const {
  ProcessWatchState state;
  state.way = "files";
  state.reason = why_.message;
  state.fix = why_.fix;
  state.looks = looks_;
  return state;
}

}  // namespace tier
