#include "tierd/policy/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "tierd/policy/planner.h"
#include "tierd/words/words.h"

namespace tier {

MigrationPlan make_plan(const PolicyInput& input) { return Planner(input).make(); }

MigrationPlan make_urgent_plan(const PolicyInput& input, std::span<const RegionKey> winners) {
  return Planner(input).make_urgent(winners);
}

Standing explain_standing(const PolicyInput& input, const RegionKey& key) {
  const auto& regions = input.snapshot.regions;
  const auto it = std::find_if(regions.begin(), regions.end(), [&](const Region& r) { return r.key == key; });
  const auto index = static_cast<std::size_t>(it - regions.begin());
  if (it == regions.end() || index >= input.forecasts.forecasts.size())
    return {"Nothing was sampled there lately, and it occupies no faster memory.", {}, {}, {}};
  Valuation value(input);
  if (const char* obstacle = value.obstacle(*it))
    return {fmt::format("It stays where it is, because {}.", obstacle), {}, {}, {}};

  static_cast<void>(value.candidates());  // prices are of all traffic
  const Candidate candidate = value.candidate_of(*it, input.forecasts.forecasts[index]);
  const PlanNode& here = value.nodes()[candidate.node];
  const PlanNode* better = nullptr;
  for (const PlanNode& node : value.nodes()) {
    if (node.rank >= here.rank || !value.allowed(candidate, node)) continue;
    const bool nearer = better != nullptr && node.rank == better->rank &&
                        value.reach(candidate, node) < value.reach(candidate, *better);
    if (better == nullptr || nearer) better = &node;
  }
  if (here.rank == 0) return {"It is in the fastest tier.", {}, {}, {}};
  if (better == nullptr) return {"Its process may use no faster node.", {}, {}, {}};
  const std::size_t span = value.last_span();
  const double benefit = value.benefit(candidate, value.surely(candidate, span), span, here, *better);
  const double cost = value.cost(candidate, true);
  Standing standing{{}, better->id, StallSeconds{benefit}, StallSeconds{cost}};
  if (candidate.moving != nullptr) {
    standing.why = fmt::format("It is being moved to node {}.", candidate.moving->to.value);
  } else if (candidate.settled) {
    standing.why = fmt::format("It was moved {} ago and is left alone for a while.",
                               seconds_text(it->since_move * input.snapshot.seconds()));
  } else if (benefit <= input.margin * cost) {
    standing.why = fmt::format("Moving it to node {} would save {} and cost {}, which does not pay.",
                               better->id.value, seconds_text(benefit), seconds_text(cost));
  } else {
    standing.why = fmt::format(
        "Moving it to node {} would save {} and cost {}; it waits for room there or for its turn.",
        better->id.value, seconds_text(benefit), seconds_text(cost));
  }
  return standing;
}

}  // namespace tier
