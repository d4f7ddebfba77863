#include "predictor/outcomes.h"

#include <numeric>

#include "predictor/dot.h"

namespace tier {
namespace {

double sum_of(std::span<const float> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

WaitingOutcomes::WaitingOutcomes(std::size_t candidates) : candidates_(candidates) {
  for (std::size_t h = 0; h < rings_.size(); ++h)
    rings_[h].resize(static_cast<std::size_t>(kHorizons[h]) / kScoredEvery[h]);
}

void WaitingOutcomes::tick(const Panel& panel) {
  ++tick_;
  const float* const demand = panel.demand().data();
  for (std::size_t h = 0; h < rings_.size(); ++h) {
    due_[h] = nullptr;
    for (Outcomes& waiting : rings_[h]) {
      waiting.under_way = waiting.due != 0;
      if (!waiting.under_way) continue;
      demand_.resize(waiting.size());
      for (std::size_t i = 0; i < waiting.size(); ++i) demand_[i] = demand[waiting.slots[i]];
      for (std::size_t i = 0; i < waiting.size(); ++i) waiting.came[i] += demand_[i];
      waiting.asked = sum_of(demand_);
      for (std::size_t c = 0; c < candidates_; ++c)
        waiting.captured[c] = waiting.valid[c] ? dot(waiting.chosen_by(c), demand_) : 0;
      if (waiting.due != tick_) continue;
      for (float& came : waiting.came) came /= static_cast<float>(kHorizons[h]);
      waiting.total = sum_of(waiting.came);
      waiting.due = 0;
      due_[h] = &waiting;
    }
  }
}

Outcomes* WaitingOutcomes::begin(std::size_t horizon, const Panel& panel, std::size_t capacity,
                                 std::size_t issued) {
  if (tick_ % kScoredEvery[horizon] != 0) return nullptr;
  for (Outcomes& free : rings_[horizon]) {
    if (free.due != 0) continue;
    free.slots.assign(panel.slots().begin(), panel.slots().end());
    free.forecasts.resize(candidates_ * free.size());
    free.chosen.resize(candidates_ * free.size());
    free.captured.assign(candidates_, 0);
    free.came.assign(free.size(), 0);
    free.valid.assign(candidates_, false);
    free.total = 0;
    free.capacity = capacity, free.issued = issued;
    free.due = tick_ + static_cast<std::uint64_t>(kHorizons[horizon]);
    return &free;
  }
  return nullptr;
}

std::size_t WaitingOutcomes::bytes_used() const {
  std::size_t bytes = 0;
  for (const auto& ring : rings_)
    for (const Outcomes& each : ring)
      bytes += sizeof(Outcomes) +
               (each.slots.capacity() + 2 * each.forecasts.capacity() + each.came.capacity()) * 4;
  return bytes;
}

}  // namespace tier
