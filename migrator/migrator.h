// Executes migration plans within a rate, and reports the fate of every page.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
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
  // Most bytes per system call, fewer where calls take long: see CallSize. Never less than `huge_page`.
  Bytes batch = 2_MiB;
  // Requests moved at once, within the one rate: a call that waits for a page under I/O or for a lock does
  // not hold up the others. Read where no executor is given.
  int threads = 2;
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
  const TopologyReader* topology = nullptr;  // free memory of the nodes; never asked by two threads at once
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
  // still has waiting when a newer one comes; what has begun goes on. A newer plan without requests calls all
  // off: moves end after the system calls in progress. Returns at once.
  void submit(MigrationPlan plan);
  // Before a new plan is made: what waits is reported kStale. Returns what the plan must leave alone, by key:
  // what is being moved, and what has been since reports were taken last.
  std::vector<MoveUnderWay> withdraw();
  // The same without withdrawing: what waits is among it.
  std::vector<MoveUnderWay> under_way() const;

  std::vector<MigrationReport> take_reports();  // since the last call, in the order they were finished
  bool idle() const;                            // nothing waits and nothing runs
  MigratorTotals totals() const;
  MoveCosts estimate() const;

  // Forgets what was learnt about a target that is watched no more.
  void forget(TargetId target);

  // Cancels what waits (reported kCancelled) and returns after the system calls in progress. Idempotent.
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
    std::uint64_t turn = 0;       // waiting_ is sorted by it
    std::vector<OpenView> views;  // of the process, then of others with the same pages; empty: none is left
    std::string open_error;
    Address next = 0;              // first address not yet handled
    std::vector<Address> no_room;  // handled, but the node was full: to be tried again
    Shortage shortage;             // why no_room found none
    std::uint64_t seen_freed = 0;  // freed_ of the destination when its last batch began
    MigrationReport report;        // counts what is settled so far

    bool begun() const { return report.pages.requested > 0 || !no_room.empty(); }
    bool ended() const { return next >= request.range.end && no_room.empty(); }
  };
  using Works = std::list<Work>;
  // What one thread moves now.
  struct Batch {
    Works::iterator work;  // in running_
    std::vector<Address> pages;
  };

  Works opened(MigrationPlan plan) const;
  void open_targets(Works& incoming) const;
  std::optional<Nanoseconds> step();
  void run_batch(const Batch& batch);
  Shortage judge_shortage(const MigrationRequest& request, std::span<const Address> pages) const;
  std::optional<Bytes> free_on(NodeId node) const;
  // The rest is called with mutex_ held, take_next() apart.
  std::optional<Batch> take_next(Nanoseconds now, std::optional<Nanoseconds>& pause);
  Batch begin(Works::iterator work);
  bool finished_unasked(Work& work, Nanoseconds now);
  void note(const Batch& batch, const BatchResult& result, Shortage shortage);
  void settle(Works mine, const BatchResult& result);
  bool called_off(const Work& work) const { return work.sequence < called_off_; }
  void withdraw_waiting(bool begun_too);
  std::vector<MoveUnderWay> listed(bool waiting_too) const;
  void finish_by_counts(Work& work);
  void finish(Work& work, MoveFate fate, std::string detail);
  void cancel_all(Works waiting, MoveFate fate, const std::string& detail);
  std::uint64_t pages_in(AddressRange range) const;
  // Who waits for whom; in room.cpp.
  bool must_wait(Works::const_iterator work) const;
  bool frees_before(NodeId node, Works::const_iterator work) const;
  Works::iterator wait_again(Works& mine);
  bool waits_for_room(Works::iterator work);
  bool postpone_behind_demotions(Works::iterator work);
  bool settle_shortage(Works& mine);
  bool full_for(const MigrationRequest& request) const;
  void fail_for_shortage(Work& work);

  const ProcessTable& processes_;
  const Clock& clock_;
  const MigratorSettings settings_;
  const Bytes page_size_;
  const MigratorAids aids_;
  BatchMover batch_mover_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> called_off_{0};  // plans older than this one are
  mutable std::mutex topology_mutex_;         // held while aids_.topology reads

  mutable std::mutex mutex_;  // guards everything below; never held over a system call
  TokenBucket bucket_;
  Works waiting_;
  std::uint64_t next_turn_ = 1;
  Works running_;  // each by one thread; of the others none changes it
  bool stopped_ = false;
  std::uint64_t newest_ = 0;
  // Nodes without room for a promotion of the newest plan, with the size of the page that found none: smaller
  // ones may find some. Nothing has left these nodes since.
  std::map<NodeId, Bytes> full_;
  std::map<NodeId, std::uint64_t> freed_;  // batches that took pages away from the node
  RefusalMemory refusals_;
  MigratorTotals totals_;
  MoveCostMeter promotion_cost_, demotion_cost_;
  std::vector<MigrationReport> reports_;

  std::shared_ptr<StepExecutor> executor_;  // last: stops before the rest goes
};

}  // namespace tier
