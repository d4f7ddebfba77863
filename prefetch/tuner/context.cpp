#include "prefetch/tuner/context.h"

#include <fmt/format.h>

namespace tier {
namespace {

// Of the best bandwidth. Latency rises steeply from about four fifths on (McCalpin: 75 to 85 % of the
// theoretical peak can be had); what is between the two stays what it was.
constexpr double kBusyFrom = 0.75, kBusyUntil = 0.55;
// Of a control's stall. Between the two it stays what it was.
constexpr double kSlowFrom = 0.6, kSlowUntil = 0.4;

}  // namespace

const char* to_string(AccessPattern pattern) {
  switch (pattern) {
    case AccessPattern::kUnknown:
      return "unknown pattern";
    case AccessPattern::kSequential:
      return "sequential";
    case AccessPattern::kStrided:
      return "strided";
    case AccessPattern::kRandom:
      return "random";
  }
  return "?";
}

std::string to_string(const TuningContext& context) {
  return fmt::format("{}{}{}", to_string(context.pattern), context.slow ? ", waits for slow memory" : "",
                     context.busy ? ", bandwidth nearly used up" : "");
}

void BusyTier::see(std::optional<double> use, bool all_default) {
  if (use && all_default) busy_ = *use > (busy_ ? kBusyUntil : kBusyFrom);
}

ContextTracker::ContextTracker(const std::vector<std::size_t>& kinds, unsigned sustain) : sustain_(sustain) {
  for (const std::size_t kind : kinds) scopes_.push_back({{kind}, {kind}});
}

double ContextTracker::see(const PrefetchFeedback& feedback, bool all_default) {
  fast_.see(feedback.node.fast_use, all_default);
  slow_.see(feedback.node.slow_use, all_default);
  double changed = 0;
  for (std::size_t i = 0; i < scopes_.size(); ++i) {
    const ScopeFeedback& seen = feedback.scopes[i];
    Scope& scope = scopes_[i];
    if (!(seen.weight > 0)) continue;  // nothing runs there that could tell
    // A pattern that cannot be told is no other pattern.
    const bool told = seen.pattern != AccessPattern::kUnknown;
    TuningContext looks{scope.now.kind, told ? seen.pattern : scope.now.pattern, scope.now.slow};
    if (seen.slow_share) looks.slow = *seen.slow_share > (scope.now.slow ? kSlowUntil : kSlowFrom);
    looks.busy = looks.slow ? slow_.busy() : fast_.busy();
    scope.seen = looks == scope.next ? scope.seen + 1 : 1;
    scope.next = looks;
    if (looks == scope.now || (scope.known && scope.seen < sustain_)) continue;
    scope.now = looks, scope.known = true;
    changed += seen.weight;
  }
  return changed;
}

}  // namespace tier
