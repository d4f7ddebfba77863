// Builds one plan, request by request. Private to the policy.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "tierd/policy/fast_limits.h"
#include "tierd/policy/ranking.h"
#include "tierd/policy/valuation.h"

namespace tier {

class Planner {
 public:
  explicit Planner(const PolicyInput& input);
  MigrationPlan make();
  MigrationPlan make_urgent(std::span<const RegionKey> winners);

 private:
  struct Swap {
    std::size_t winner = 0;
    std::size_t to = 0;  // node
    std::vector<std::size_t> victims;
    std::vector<std::size_t> victim_nodes;  // alike
    BySpan gain{}, loss{};                  // seconds
    double cost = 0;                        // seconds
    double bytes = 0;
    bool winner_first = false;  // the slower node is full: go through the faster one's headroom
    MoveReason reason = MoveReason::kDemandRising;
    double net(std::size_t span) const { return gain[span] - loss[span]; }
  };

  bool begin();
  void demote_first();
  void leave_offline_nodes();
  void keep_headroom(std::size_t node);
  bool room_pays(const Candidate& candidate, double worth, double margin) const;
  void keep_limits(std::size_t node);
  void count_holdings();
  void demote(std::size_t candidate, MoveReason reason, double instead = 0);
  void improve(int rank);
  void improve_over(std::size_t span, int rank);
  void approach(int rank);
  void forget_insiders();
  Ranking& inside(std::size_t node);
  bool pays(const Swap& swap, double margin) const;
  std::size_t best_span(const Swap& swap) const;
  using Demand = double (Valuation::*)(const Candidate&, std::size_t span) const;
  BySpan benefits(const Candidate& candidate, Demand demand, const PlanNode& from, const PlanNode& to) const;
  void relieve(std::size_t node);
  std::size_t cheaper_below(const PlanNode& node) const;

  // By seconds per byte.
  Ranking outsiders(int rank) const;         // greatest gain first
  Ranking insiders(std::size_t node) const;  // least loss first
  template <typename May>
  Ranking insiders(std::size_t node, May may) const;  // those of them for which may(candidate)
  bool try_promotion(std::size_t candidate, int rank);
  bool try_move(std::size_t candidate, std::size_t to);
  bool lateral(const Swap& swap) const;
  bool choose_victims(Swap& swap);
  bool place_victim(Swap& swap, std::size_t victim, std::vector<double>& taken) const;
  bool settle(const Swap& swap);
  void commit(const Swap& swap, bool declined);

  // Best node of a tier by latency, of those that its program reaches alike and farther than `beyond`, the
  // nearest such; none: nodes_.size().
  std::size_t best_node(const Candidate& candidate, int rank, double beyond = 0) const;
  double soonest(const Candidate& candidate, int rank) const;
  // First node with room of the tiers below `rank`; of a tier's the one that its program reaches soonest.
  std::size_t node_below(const Candidate& candidate, int rank, const std::vector<double>& taken) const;
  double loss_density(const Candidate& candidate) const;
  MigrationRequest request(std::size_t candidate, std::size_t to, MoveReason reason, std::size_t span,
                           double benefit, double cost);
  void add(std::size_t candidate, std::size_t to, MoveReason reason, double benefit, double cost,
           StallSeconds instead = {});
  void account(const MigrationRequest& request, std::size_t candidate, std::size_t to);
  bool fits_budget(double bytes) const { return bytes <= budget_; }

  const PolicyInput& input_;
  Valuation value_;
  FastLimits limits_;
  std::optional<std::span<const RegionKey>> winners_;  // none: every region may win
  std::vector<Candidate> candidates_;
  std::size_t span_ = 0;                        // over which is being ranked, see improve()
  std::vector<std::optional<Ranking>> inside_;  // by node, as far as asked
  std::vector<std::size_t> inside_next_;        // first of inside_ that may still be displaced
  MigrationPlan plan_;
  double budget_ = 0, declined_budget_ = 0;  // bytes left
  std::uint64_t next_id_ = 0;
};

}  // namespace tier
