#include "prefetch/advice/advice_loop.h"

#include <algorithm>

namespace tier {

void AdviceLoop::arm(bool armed) {
  state_.armed = armed;
  state_.state = armed ? "nothing was wanted yet that is not in memory" : "off: it is not armed";
}

// What is used after this long was not foretold.
void AdviceLoop::judge(std::uint64_t tick, const FindTarget& find, Nanoseconds now) {
  while (!pending_.empty() && pending_.front().due <= tick) {
    const Advised advised = std::move(pending_.front().advised);
    pending_.pop_front();
    taken_.erase(advised.key);
    if (advised.bytes.value == 0) continue;
    const Target* const target = find(advised.key.target);
    const std::optional<Bytes> used = target == nullptr ? std::nullopt : executor_.used(*target, advised);
    if (!used) {
      ++state_.unjudged;
      score_.dropped(advised.bytes);
      continue;
    }
    state_.judged += advised.bytes;
    state_.used += *used;
    score_.judged(advised.bytes, *used, now);
  }
}

Bytes AdviceLoop::refill(Nanoseconds now) {
  const auto rate = static_cast<double>(settings_.rate.value);
  const double passed = refilled_.count() == 0 ? 1 : seconds(now - refilled_);
  tokens_ = std::min(tokens_ + rate * std::max(passed, 0.0), rate);
  refilled_ = now;
  return {static_cast<std::uint64_t>(std::max(tokens_, 0.0))};
}

// False: nothing can be advised at all.
bool AdviceLoop::advise(const AdviceWish& wish, std::uint64_t due, const FindTarget& find) {
  const Target* const target = find(wish.key.target);
  if (target == nullptr) return true;
  auto advised = executor_.advise(*target, wish);
  if (!advised) {
    ++state_.failed;
    const ErrorKind kind = advised.error().kind;
    if (kind == ErrorKind::kPermission || kind == ErrorKind::kUnsupported) {
      refused_ = advised.error().text();
      return false;
    }
    advised = Advised{wish.key, {}, {}};
  }
  if (advised->bytes.value > 0) {
    ++state_.ranges;
    state_.advised += advised->bytes;
    tokens_ -= static_cast<double>(advised->bytes.value);
    score_.given(advised->bytes);
  }
  // Also where all was there, or it failed: it is not asked for again at once.
  taken_.insert(wish.key);
  pending_.push_back({std::move(*advised), due});
  return true;
}

void AdviceLoop::tick(const RegionSnapshot& snapshot, const ForecastSet& forecasts, const FindTarget& find,
                      Nanoseconds now) {
  const std::uint64_t tick = snapshot.tick.value;
  judge(tick, find, now);
  state_.useful_share = score_.useful_share();
  const Bytes budget = std::min(refill(now), score_.allowance(now));
  if (!state_.armed) return;
  if (budget.value > 0) refused_.clear();
  for (const AdviceWish& wish : planner_.plan(snapshot, forecasts, taken_, budget)) {
    if (advise(wish, tick + settings_.judge_after, find)) continue;
    score_.rest(now);
    break;
  }
  state_.state = refused_.empty() ? score_.text(now) : "cannot: " + refused_;
}

}  // namespace tier
