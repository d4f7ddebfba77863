// A settable machine for tests: nodes with capacities, processes with mappings, pages that live on a node
// each. Implements every platform interface and behaves as the kernel does, refusals included.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/advice.h"
#include "platform/api/machine.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"

namespace tier {

struct FakeNode {
  int id = 0;
  Bytes capacity = 1_GiB;
  std::optional<int> latency_ns = 100;  // none: neither firmware nor probe can tell
  bool has_cpus = true;
  bool online = true;
  std::vector<int> distances = {};
  std::optional<Bytes> bandwidth = {};  // per second
};

struct FakeMapping {
  Address start = 0;
  Bytes size = {};
  int node = 0;       // holds every page at the start; -1 = nothing resident
  bool huge = false;  // transparent huge pages: each aligned FakeSpec::huge_page moves as one
  Backing backing = Backing::kAnonymous;
  bool mlocked = false;
  bool own_policy = false;
  std::string name = {};
  // Not 0: shows pages of the object of that number from `offset` on, as all mappings of it do. `node` holds
  // those that were not resident yet; -1: this process has touched none of them.
  std::uint64_t object = 0;
  std::uint64_t offset = 0;
  Bytes pooled =
      {};  // of a pool, in pages of this size: each moves as one, into a free page of the other pool
};

struct FakeProcess {
  int pid = 0;
  std::uint64_t start_time = 1;
  std::string name = "program";
  std::string cgroup = "/";
  std::uint32_t uid = 0;
  Nanoseconds user_time{};
  std::vector<int> allowed_nodes = {};  // empty: all nodes
  std::vector<FakeMapping> mappings = {};
};

struct FakeSpec {
  std::vector<FakeNode> nodes = {};
  std::vector<FakeProcess> processes = {};
  Bytes page_size = 4_KiB;
  Bytes huge_page = 2_MiB;
};

// Every method is thread-safe.
class FakeMachine final : public ProcessTable,
                          public PageLocator,
                          public PageMover,
                          public PageAdvisor,
                          public MarkedPages,
                          public PagePools,
                          public TopologyReader,
                          public LatencyProbe,
                          public PressureReader,
                          public MetricReader,
                          public SelfMeter,
                          public RivalFinder {
 public:
  explicit FakeMachine(const FakeSpec& spec);
  ~FakeMachine() override;

  // What happens to the machine.
  void spawn(const FakeProcess& process);
  void exit(Pid pid);
  void use_cpu(Pid pid, Nanoseconds user_time);  // more of it
  void exec(Pid pid, const FakeProcess& image);  // same pid and start time, new mappings and name
  void map(Pid pid, const FakeMapping& mapping);
  void unmap(Pid pid, AddressRange range);
  void place(Pid pid, AddressRange range, int node);  // ignores capacity; node -1 evicts
  void set_online(NodeId node, bool online);
  void set_latency(NodeId node, Nanoseconds latency);
  void set_reserved(NodeId node, Bytes bytes);  // held by somebody else
  void set_pressure(std::optional<double> percent, std::optional<double> full = {});
  void set_readings(MachineReadings readings);  // rates are told from the second read() on
  void set_usage(SelfUsage usage);
  // Each reading of the thread's CPU time adds so much.
  void set_thread_step(Nanoseconds step);
  void set_rivals(std::vector<Rival> rivals);

  // A program reads every page of the range; those that were not resident come to `node`. Faults that waited
  // for a device: of file pages that were not in the page cache, of others that were not in the swap cache.
  std::uint64_t use(Pid pid, AddressRange range, int node);

  // What goes wrong. `times` < 0: for ever.
  // As for others' processes without CAP_SYS_PTRACE: kPermission from mappings() alone.
  void hide_mappings(Pid pid, bool hidden);
  void forbid_move_all(bool forbidden);  // as without CAP_SYS_NICE
  void deny(Pid pid, bool denied);       // EPERM for every call about it, kPermission from describe()
  void refuse_pages(Pid pid, AddressRange range, int error_number, int times = -1);  // page status
  void fail_migration(Pid pid, AddressRange range, int times = -1);  // positive return, no status
  void fail_calls(int error_number, int times);                      // whole move() calls

  // NUMA balancing marks what is resident there: hidden from locate() and move() until something touches it.
  void mark(Pid pid, AddressRange range);
  void forbid_reads(Pid pid,
                    bool forbidden);  // of its memory: EPERM from unmark(), as Yama's strictest scope
  void set_pool(NodeId node, Bytes page, std::uint64_t free);  // free pages of a pool

  // Called at the start of every move(), with no lock held: to change the world in the middle of a move.
  void on_move(std::function<void()> hook);
  // Every move() advances `clock` by fixed + bytes moved · per_byte.
  void charge_moves(ManualClock* clock, Nanoseconds fixed, double seconds_per_byte);

  // What the machine looks like.
  std::optional<NodeId> node_of(Pid pid, Address address) const;  // none: not resident
  Bytes cached(Pid pid, AddressRange range) const;                // advised, and not resident yet
  Bytes resident_on(Pid pid, NodeId node) const;
  Bytes free_on(NodeId node) const;
  std::uint64_t move_calls() const;
  std::uint64_t addresses_passed() const;  // to move(), over all calls
  std::uint64_t marked_reads() const;      // pages told to unmark(), over all calls

  // ProcessTable
  Result<std::vector<Pid>> list() const override;
  Result<Target> describe(Pid pid) const override;
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override;
  Result<std::vector<Mapping>> mappings(Pid pid) const override;
  std::uint64_t mappings_version(Pid pid) const override;
  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override;
  Bytes base_page_size() const override;
  // PageLocator, PageMover
  PageCall locate(Pid pid, std::span<const Address> pages) const override;
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to,
                PageSharing sharing = PageSharing::kOwn) override;
  // PageAdvisor: evicted pages go to the cache.
  Result<Bytes> will_need(Pid pid, std::uint64_t start_time, std::span<const AddressRange> ranges) override;
  // MarkedPages. A page that is not resident comes to the first node, as it would to a reader there.
  bool possible() const override;
  Result<std::vector<bool>> find(Pid pid, std::span<const Address> pages) const override;
  UnmarkCall unmark(Pid pid, std::span<const Address> pages) override;
  // PagePools
  std::optional<PooledPages> at(Pid pid, Address address, NodeId node) const override;
  // TopologyReader, LatencyProbe, PressureReader, MetricReader, SelfMeter, RivalFinder
  Result<std::vector<NumaNode>> nodes() const override;
  Result<Nanoseconds> measure(NodeId node) override;
  Nanoseconds cost() const override;
  MemoryPressure memory_avg10() const override;
  std::optional<double> cpu_some_avg10() const override;  // the same figure
  MachineReadings read() override;
  SelfUsage usage() const override;
  Nanoseconds thread_cpu() const override;
  std::vector<Rival> find() const override;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with process handles, which may outlive the machine
};

}  // namespace tier
