// What holding a region somewhere is worth, and what moving it costs, in seconds. Private to the policy.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tierd/policy/policy.h"

namespace tier {

// A node as the policy sees it; `free` changes as the plan grows.
struct PlanNode {
  NodeId id;
  int rank = 0;
  double latency = 0, unloaded = 0;  // seconds; the first as loaded now
  // Bytes. New memory of watched programs needs new_room free, swaps need swap_room to go through; promotions
  // leave headroom, the greater of both.
  double total = 0, free = 0, new_room = 0, swap_room = 0, headroom = 0;
  double taken = 0, freeing = 0;  // by moves under way: the first is no more in `free`, the other not yet
  double held = 0, wanted = 0;    // by its candidates before the plan: bytes, accesses a second
  double traffic = 0;             // lines a second that these accesses move; follows what relief moves
  double crowding = 0;            // seconds that one more line makes others wait, see core/queueing.h
  bool usable = false;            // may receive and give pages
  bool leaving = false;           // going offline: gives, never receives
};

// By span: over the next kSpans[span] seconds.
using BySpan = std::array<double, kSpans.size()>;

struct Candidate {
  const Region* region = nullptr;
  const Target* target = nullptr;
  const DemandForecast* forecast = nullptr;
  const double* reach = nullptr;  // by node: see ReachTable; null: 1 for all of them
  double bytes = 0;
  double lines = 1;                      // moved per access that is waited for, see lines_per_wait()
  int limit = -1;                        // its cgroup's entry in FastLimits; -1: none
  std::uint16_t node = 0;                // index into Valuation::nodes()
  bool settled = false;                  // moved so lately that it stays, under way, or in this plan already
  const MoveUnderWay* moving = nullptr;  // under way; null: it is not
};

class Valuation {
 public:
  explicit Valuation(const PolicyInput& input);

  std::vector<PlanNode>& nodes() { return nodes_; }
  const std::vector<PlanNode>& nodes() const { return nodes_; }
  int ranks() const { return ranks_; }  // number of tiers
  // The policy's horizon; spans up to it are looked at.
  std::size_t last_span() const { return last_span_; }
  // Some forecast differs between the spans: what is wanted next is not what will be wanted later.
  bool shaped() const { return shaped_; }
  const DemandQuantiles& forecast(const Candidate& candidate) const { return of_span(candidate, last_span_); }
  // Of the longest horizon that does not reach beyond the span; the first at least.
  const DemandQuantiles& of_span(const Candidate& candidate, std::size_t span) const {
    return candidate.forecast->horizons[horizons_[span]];
  }

  // Demand per second that speaks for a promotion, and against a demotion.
  double surely(const Candidate& candidate, std::size_t span) const {
    const DemandQuantiles& q = of_span(candidate, span);
    return q.mean - promotion_caution_ * (q.mean - q.low);
  }
  double expected(const Candidate& candidate, std::size_t span) const {
    return of_span(candidate, span).mean;
  }
  double possibly(const Candidate& candidate, std::size_t span) const {
    const DemandQuantiles& q = of_span(candidate, span);
    return q.mean + demotion_caution_ * (q.high - q.mean);
  }

  // Regions that may move: resident, not pinned, of a known target, on a node that may give.
  std::vector<Candidate> candidates();
  // Null when it may move, else why not: a clause that follows "it stays because".
  const char* obstacle(const Region& region) const;

  std::size_t index_of(NodeId id) const;  // into nodes(); nodes().size() for one of no tier
  bool allowed(const Candidate& candidate, const PlanNode& node) const;
  // How many times the node's latency its program waits, from the CPUs that it runs on; 1 where all are
  // alike.
  double reach(const Candidate& candidate, const PlanNode& node) const {
    return candidate.reach == nullptr ? 1 : candidate.reach[&node - nodes_.data()];
  }
  // Seconds that an access of its program to that node takes.
  double latency(const Candidate& candidate, const PlanNode& node) const {
    return candidate.reach == nullptr ? node.latency : node.latency * reach(candidate, node);
  }
  // Some program runs nearer to some nodes than to others.
  bool several_sockets() const { return !reaches_.empty(); }
  // Seconds that one of its accesses takes from everybody: its own wait, and what its lines make others wait.
  double price(const Candidate& candidate, const PlanNode& node) const {
    return latency(candidate, node) + candidate.lines * node.crowding;
  }
  // Seconds gained over a span by serving `per_second` accesses from `to` instead of `from`, by all programs
  // together.
  double benefit(const Candidate& candidate, double per_second, std::size_t span, const PlanNode& from,
                 const PlanNode& to) const;
  // Seconds of our own work that moving it takes.
  double work(const Candidate& candidate, bool promotion) const;
  // Seconds that moving it costs: the work, and what the program waits for a page on its way.
  double cost(const Candidate& candidate, bool promotion) const;
  // One of them by itself, whether it may move or not.
  Candidate candidate_of(const Region& region, const DemandForecast& forecast);
  // Moves the candidate's demand and lines, and with them the latencies of both nodes.
  void shift(const Candidate& candidate, PlanNode& from, PlanNode& to) const;

 private:
  void build_nodes();
  void count_moving();
  const MoveUnderWay* moving(const RegionKey& key) const;
  void build_reaches();
  static void crowd(PlanNode& node);
  double wait_for_page(const Candidate& candidate, double away) const;  // thread-seconds
  const Target* target_of(TargetId id) const;
  const char* obstacle(const Region& region, const Target* target, std::size_t node) const;
  // A target, and how far its program reaches.
  struct Owner {
    const Target* target = nullptr;
    const double* reach = nullptr;
  };
  Owner owner_of(TargetId id) const;
  void fill(Candidate& candidate, const Region& region, const DemandForecast& forecast, const Owner& owner,
            std::size_t node) const;

  const PolicyInput& input_;
  std::unordered_map<TargetId, const Target*> targets_;
  std::unordered_map<TargetId, double> waiting_;  // thread-seconds of this tick, of the candidates' targets
  std::vector<PlanNode> nodes_;
  std::unordered_map<TargetId, std::vector<double>> reaches_;  // by index of nodes_; programs that differ
  int ranks_ = 0;
  double tick_ = 1;      // seconds
  double cooldown_ = 0;  // ticks
  std::size_t last_span_ = 0;
  std::array<std::size_t, kSpans.size()> horizons_{};  // by span, see of_span()
  double promotion_caution_ = 0, demotion_caution_ = 0;
  bool shaped_ = false;
};

}  // namespace tier
