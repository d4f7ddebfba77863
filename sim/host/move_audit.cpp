#include "sim/host/move_audit.h"

#include <utility>

namespace tier::sim {

void MoveAudit::judge(const Promoted& promoted) {
  if (promoted.saved > promoted.cost) useful_ += region_size_;
}

void MoveAudit::on_move(Machine& machine, Region region, int from, int to) {
  region_size_ = machine.region_size();
  if (place_.size() < machine.regions()) place_.resize(machine.regions(), kNone);
  on_release(machine, region, 1);
  if (to > from) return;
  place_[region] = static_cast<std::uint32_t>(open_.size());
  open_.push_back({region, from, to, seconds(machine.move_duration(region)), 0});
}

void MoveAudit::on_release(Machine&, Region first, std::uint32_t count) {
  for (Region region = first; region < first + count && region < place_.size(); ++region) {
    const std::uint32_t at = std::exchange(place_[region], kNone);
    if (at == kNone) continue;
    judge(open_[at]);
    open_[at] = open_.back();
    open_.pop_back();
    if (at < open_.size()) place_[open_[at].region] = at;
  }
}

void MoveAudit::sample(const Machine& machine) {
  const double passed = seconds(machine.now() - last_);
  last_ = machine.now();
  for (Promoted& promoted : open_) {
    if (machine.tier_of(promoted.region) == kNowhere) continue;
    const double gained =
        seconds(machine.loaded_latency(promoted.from)) - seconds(machine.loaded_latency(promoted.to));
    promoted.saved += passed * machine.demand_rate(promoted.region) * gained;
  }
}

void MoveAudit::finish() {
  for (const Promoted& promoted : open_) judge(promoted);
  open_.clear();
}

}  // namespace tier::sim
