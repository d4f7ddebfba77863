// Executes migration plans within a rate, and reports the fate of every page.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/plan.h"
#include "migrator/batch.h"
#include "migrator/executor.h"
#include "migrator/move_cost.h"
#include "migrator/page_finder.h"
#include "migrator/refusals.h"
#include "migrator/shared_pages.h"
#include "migrator/token_bucket.h"
#include "platform/api/machine.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"

namespace tier {

struct MigratorSettings {
  // Bytes per second, both directions together. 2 MiB cost about 1 ms of one CPU (500 µs fixed plus the
  // copy), so this default uses at most half of one CPU and under 3 % of one DDR channel. What is planned has
  // paid for itself by its price; the rate bounds what a wrong price can do.
  Bytes rate = 1_GiB;
  // Unused allowance that may be spent at once: a quarter second's worth.
  Bytes burst = 256_MiB;
  // Most bytes per system call; bounds how long stop() waits. Never less than `huge_page`.
  Bytes batch = 2_MiB;
  // A transparent huge page of this machine (one PMD).
  Bytes huge_page = 2_MiB;
  RefusalSettings refusals = {};
};

// Since the start. `pages` balances at all times.
struct MigratorTotals {
  PageCounts pages;
  Bytes promoted, demoted;
  std::uint64_t plans = 0;
  std::map<MoveFate, std::uint64_t> requests;  // by fate
  BatchCalls calls;                            // system calls made, failed by errno, worst latency
  MarkedTotals marked;                         // pages marked by NUMA balancing, see PageFinder
};

// What tells the migrator why pages do not move. Each may be null.
struct MigratorAids {
  const PageFinder* finder = nullptr;        // asked in place of the locator; sees marked pages
  const TopologyReader* topology = nullptr;  // free memory of the nodes; used by the migrator's thread alone
  const PagePools* pools = nullptr;
};

// What a move costs now, per direction. See MoveCost.
struct MoveCosts {
  MoveCost promotion, demotion;
};

// Every request of every submitted plan is reported exactly once. Thread-safe.
class Migrator {
 public:
  // All references must outlive the migrator. Starts `executor`; without one, a thread of its own.
  Migrator(PageMover& mover, PageLocator& locator, const ProcessTable& processes, const Clock& clock,
           MigratorSettings settings = {}, std::shared_ptr<StepExecutor> executor = nullptr,
           MigratorAids aids = {});
  ~Migrator();
  Migrator(const Migrator&) = delete;
  Migrator& operator=(const Migrator&) = delete;

  // Queues the plan. Opens its processes, so that an exit, an exec or a reused pid between now and the move
  // is noticed. A plan older than the newest submitted is reported kStale, and so is whatever an older plan
  // still has waiting when a newer one comes. Returns at once.
  void submit(MigrationPlan plan);

  std::vector<MigrationReport> take_reports();  // since the last call, in the order they were finished
  bool idle() const;                            // nothing waits and nothing runs
  MigratorTotals totals() const;
  MoveCosts estimate() const;

  // Forgets what was learnt about a target that is watched no more.
  void forget(TargetId target);

  // Cancels what waits (reported kCancelled) and returns after the system call in progress. Idempotent.
  void stop();

 private:
  // Why the kernel had no memory for some pages (ENOMEM).
  struct Shortage {
    bool of_node = false;  // the node is full; else only these pages find no place there
    bool lasts = false;    // nothing but an administrator changes that
    Bytes piece;           // of so many bytes in one piece there were none
    std::string detail;
  };
  struct Work {
    MigrationRequest request;
    std::uint64_t sequence = 0;
    std::vector<OpenView> views;  // of the process, then of others with the same pages; empty: none is left
    std::string open_error;
    Address next = 0;              // first address not yet handled
    std::vector<Address> no_room;  // handled, but the node was full: to be tried again
    Shortage shortage;             // why no_room found none
    MigrationReport report;        // counts what is settled so far
  };

  void open_targets(std::deque<Work>& incoming) const;
  std::optional<Nanoseconds> step();
  void run_batch(Work& work);
  Shortage judge_shortage(const MigrationRequest& request, std::span<const Address> pages) const;
  std::optional<Bytes> free_on(NodeId node) const;
  // The rest is called with mutex_ held, take_next() apart.
  std::optional<Work> take_next(Nanoseconds now);
  void settle(Work work, bool target_gone);
  bool postpone_behind_demotions(Work& work);
  void finish_by_counts(Work work);
  void finish(Work work, MoveFate fate, std::string detail);
  void cancel_all(std::deque<Work> waiting, MoveFate fate, const std::string& detail);
  std::uint64_t pages_in(AddressRange range) const;
  bool full_for(const MigrationRequest& request) const;
  void fail_for_shortage(Work work);

  const ProcessTable& processes_;
  const Clock& clock_;
  const MigratorSettings settings_;
  const Bytes page_size_;
  const MigratorAids aids_;
  BatchMover batch_mover_;  // worker only
  TokenBucket bucket_;      // worker only
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  // guards everything below; never held over a system call
  std::deque<Work> waiting_;
  bool running_ = false;
  bool stopped_ = false;
  std::uint64_t newest_ = 0;
  // Nodes without room for a promotion of the newest plan, with the size of the page that found none: smaller
  // ones may find some. Nothing has left these nodes since.
  std::map<NodeId, Bytes> full_;
  RefusalMemory refusals_;
  MigratorTotals totals_;
  MoveCostMeter promotion_cost_, demotion_cost_;
  std::vector<MigrationReport> reports_;

  std::shared_ptr<StepExecutor> executor_;  // last: stops before the rest goes
};

}  // namespace tier
