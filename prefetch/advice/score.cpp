#include "prefetch/advice/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tier {
namespace {

constexpr double kMemory = 4;  // of `evidence`: what was judged so long ago counts for 1/e

}  // namespace

void AdviceScore::begin_try() {
  stage_ = Stage::kTrying;
  given_ = {};
  used_ = judged_ = 0;
}

Bytes AdviceScore::allowance(Nanoseconds now) {
  if (stage_ == Stage::kResting && now >= rested_until_) begin_try();
  switch (stage_) {
    case Stage::kResting:
      return {};
    case Stage::kTrying:
      return settings_.evidence - std::min(given_, settings_.evidence);
    case Stage::kLeading:
      break;
  }
  return {std::numeric_limits<std::uint64_t>::max()};
}

void AdviceScore::judged(Bytes advised, Bytes used, Nanoseconds now) {
  if (stage_ == Stage::kResting || advised.value == 0) return;
  const auto bytes = static_cast<double>(advised.value);
  const auto evidence = static_cast<double>(settings_.evidence.value);
  const double keep = stage_ == Stage::kTrying ? 1 : std::exp(-bytes / (kMemory * evidence));
  judged_ = keep * judged_ + bytes;
  used_ = keep * used_ + static_cast<double>(std::min(used, advised).value);
  share_ = used_ / judged_;
  if (judged_ < evidence) return;
  if (*share_ < settings_.least_useful) return rest(now);
  if (stage_ == Stage::kTrying) next_rest_ = settings_.first_rest;
  stage_ = Stage::kLeading;
}

void AdviceScore::dropped(Bytes advised) { given_ -= std::min(given_, advised); }

void AdviceScore::rest(Nanoseconds now) {
  stage_ = Stage::kResting;
  next_rest_ = std::clamp(next_rest_, settings_.first_rest, settings_.longest_rest);
  rested_until_ = now + next_rest_;
  next_rest_ = std::min(2 * next_rest_, settings_.longest_rest);
}

std::optional<double> AdviceScore::useful_share() const { return share_; }

std::string AdviceScore::text(Nanoseconds now) const {
  const double percent = 100 * share_.value_or(0);
  switch (stage_) {
    case Stage::kTrying:
      return "a little is advised, to see whether it is used";
    case Stage::kLeading:
      return fmt::format("{:.0f} % of what was advised lately was used", percent);
    case Stage::kResting:
      break;
  }
  return fmt::format("stands back for {:.0f} s: {:.0f} % of what was advised lately was used",
                     std::max(seconds(rested_until_ - now), 0.0), percent);
}

}  // namespace tier
