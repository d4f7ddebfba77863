#include "tierd/daemon/tick_pace.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr Nanoseconds kStart = std::chrono::milliseconds(500);
// Samples for each region that is asked for, a tick.
constexpr double kSamplesEach = 0.15;
// Regions sampled once below which nothing is said.
constexpr double kFew = 16;
// Of what ticks and samples may take together, for ticks shorter than a second: what they are sooner by is
// worth little where they are dear. In the lab, where a tick takes 10 ms and more, a half of it cost redis
// four percent of its speed; ticks of two seconds, which a tenth would allow SQLite, cost it three.
constexpr double kForTicks = 0.1, kLongestByCost = 1;
// Time constant of the averages, and least time between two changes.
constexpr double kMemory = 4;
// Powers of two by which the length must be wrong to be changed: a half alone would go to and fro.
constexpr double kWrong = 0.75;

}  // namespace

TickPace::TickPace(PaceSettings settings)
    : settings_(settings), length_(std::clamp<Nanoseconds>(kStart, settings.shortest, longest())) {}

void TickPace::set_shortest(Nanoseconds shortest) {
  settings_.shortest = shortest;
  length_ = std::clamp(length_, shortest, longest());
  before_rest_ = std::clamp(before_rest_, shortest, longest());
}

Nanoseconds TickPace::longest() const { return std::max(settings_.shortest, settings_.longest); }

double TickPace::wanted(double cpu_limit) const {
  // One region more with two: with few of them the estimate is careful.
  const double each = 2 * (twice_ + 1) / std::max(once_, kFew);
  const bool enough = more_ >= once_ + twice_;
  return std::max(enough ? 0 : seconds(length_) * kSamplesEach / each,
                  std::min(cpu_ / std::max(kForTicks * cpu_limit, 1e-6), kLongestByCost));
}

void TickPace::tick(Nanoseconds passed, const Sampled& sampled, Nanoseconds cpu, double cpu_limit) {
  const double time = seconds(passed);
  if (!(time > 0)) return;
  const double kept = std::exp(-time / kMemory), weight = 1 - kept;
  once_ = kept * once_ + static_cast<double>(sampled.once);
  twice_ = kept * twice_ + static_cast<double>(sampled.twice);
  more_ = kept * more_ + static_cast<double>(sampled.more);
  cpu_ += weight * (seconds(cpu) - cpu_);
  if (resting_) resting_ = false, length_ = before_rest_, since_change_ = {};
  since_change_ += passed;
  if (seconds(since_change_) < kMemory) return;
  const double off = std::log2(std::max(wanted(cpu_limit), 1e-6) / seconds(length_));
  if (std::abs(off) < kWrong) return;
  const Nanoseconds next = std::clamp(off > 0 ? 2 * length_ : length_ / 2, settings_.shortest, longest());
  if (next == length_) return;
  length_ = next;
  since_change_ = {};
  once_ = twice_ = more_ = 0;  // of ticks of another length
}

void TickPace::rest() {
  if (!resting_) before_rest_ = length_;
  resting_ = true;
  length_ = longest();
}

}  // namespace tier
