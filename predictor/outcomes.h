// Forecasts that wait for their time: what every candidate said of the panel's regions, and what came.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/forecast.h"
#include "predictor/panel.h"

namespace tier {

// Ticks between two forecasts of a horizon that are scored: those of long horizons overlap, and more of them
// would cost without telling more.
inline constexpr std::array<std::uint64_t, kHorizons.size()> kScoredEvery = {1, 2, 4};

// One tick's forecasts for one horizon; an entry is a region of the panel.
struct Outcomes {
  std::vector<std::uint32_t> slots;  // by entry
  std::vector<float> forecasts;      // by candidate, then entry
  std::vector<bool> valid;           // by candidate: it had a forecast
  std::vector<float> chosen;         // alike: whether it would be held in the fast tier, see choose_highest()
  std::vector<float> came;           // by entry: mean demand per tick over the horizon, once it is due
  // Of the running tick: demand of all entries, and by candidate of what it chose.
  double asked = 0;
  std::vector<double> captured;
  double total = 0;          // sum of came
  std::size_t capacity = 0;  // entries that fit into the fast tier
  std::size_t issued = 0;    // the candidate that was followed
  std::uint64_t due = 0;     // tick; 0: none waits here
  bool under_way = false;    // its forecasts were for the running tick, among others

  std::size_t size() const { return slots.size(); }
  std::span<const float> of(std::size_t candidate) const {
    return {forecasts.data() + candidate * size(), size()};
  }
  std::span<float> of(std::size_t candidate) { return {forecasts.data() + candidate * size(), size()}; }
  std::span<const float> chosen_by(std::size_t candidate) const {
    return {chosen.data() + candidate * size(), size()};
  }
  std::span<float> chosen_by(std::size_t candidate) { return {chosen.data() + candidate * size(), size()}; }
};

class WaitingOutcomes {
 public:
  explicit WaitingOutcomes(std::size_t candidates);

  // A tick has passed: what was chosen captures part of its demand. Afterwards due(horizon) is what came due.
  void tick(const Panel& panel);
  const Outcomes* due(std::size_t horizon) const { return due_[horizon]; }
  // Those that wait or just came due are under way; the others are empty.
  std::span<const Outcomes> of(std::size_t horizon) const { return rings_[horizon]; }

  // Room for this tick's forecasts and choices, to be filled in; null where this tick's are not scored.
  Outcomes* begin(std::size_t horizon, const Panel& panel, std::size_t capacity, std::size_t issued);
  std::size_t bytes_used() const;

 private:
  std::size_t candidates_;
  std::array<std::vector<Outcomes>, kHorizons.size()> rings_;
  std::array<Outcomes*, kHorizons.size()> due_{};
  std::vector<float> demand_;
  std::uint64_t tick_ = 0;
};

}  // namespace tier
