// The kernel's memory tiering: hint faults promote, reclaim demotes. Two policies of one lineage: NUMA
// balancing's tiering mode as in Linux since 5.18, and TPP (Maruf et al., ASPLOS 2023).
//
// A region stands for its pages: one hint fault, one place on the LRU lists. Scanning finds its process by
// job. Constants: kernel/sched/fair.c of Linux 6.12 [K]; demotion is kernel_lru.h.
#include <algorithm>
#include <cmath>

#include "sim/machine/sampling.h"
#include "sim/policies/entries.h"
#include "sim/policies/kernel_lru.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr PolicySetting kSettings[] = {
    {"scan_bytes", 256.0 * (1 << 20), "of mappings whose pages a scan unmaps [K]"},
    {"scan_least_s", 1, "shortest period between scans of a process, seconds [K]"},
    {"scan_most_s", 60, "longest period between scans of a process, seconds [K]"},
    {"hot_threshold_s", 1, "from unmapping to fault: longer is not hot, seconds [K]"},
    {"rate", 65536e6, "of promotion candidates, bytes per second [K]"},
    {"headroom", 0, "of the fast tier that demotion keeps free beyond the watermarks; TPP: 0.02 [R]"},
    {"mark_step", 0.001, "of the fast tier between its watermarks: watermark_scale_factor 10 [K]"},
    {"active_list", 0,
     "1: promote what is on the active list, at the second fault (TPP [R]); 0: by threshold"},
};
constexpr double kVirtualPerScan = 8;      // bytes passed over per byte unmapped at most [K]
constexpr double kThresholdSteps = 16;     // of the range up to twice the threshold [K]
constexpr double kEnoughShare = 1.0 / 16;  // free: promote without asking [K]
constexpr Bytes kEnoughLeast = 1_GiB;      // but no less than this [K]
constexpr Nanoseconds kStep = std::chrono::milliseconds(10);
// A hint fault, from entry to return with the page table's lock taken: about a microsecond [A].
constexpr Nanoseconds kFaultPrice = std::chrono::microseconds(1);
constexpr Nanoseconds kUnmapPrice = std::chrono::nanoseconds(20);  // per page table entry scanned [A]

class NumaBalancing final : public TieringPolicy, public Observer {
 public:
  NumaBalancing(const PolicySettings& settings, std::uint64_t seed)
      : settings_(settings),
        threshold_(settings["hot_threshold_s"]),
        faults_(kFaultPrice, seed),
        lru_(seed ^ 0x5DEECE66DULL) {}

  void start(Machine& machine) override {
    lru_.start(machine, settings_["mark_step"], settings_["headroom"]);
    unmapped_.assign(machine.regions(), false);
    moves_.start(machine);
    machine.attach(faults_);
    machine.attach(*this);
    scans_.resize(machine.jobs());
    for (Scan& scan : scans_) scan.period = settings_["scan_least_s"];
    // Faulting threads copy, each its own page.
    machine.set_copy_threads(std::max(1, static_cast<int>(machine.busy_threads())));
  }

  // The kernel leaves the low watermark free: what does not fit above it goes to the next node.
  int place(const Machine& machine, Region) override {
    if (moves_.room(machine, 0) > lru_.low()) return 0;
    lru_.wake();
    return 1;
  }

  Nanoseconds step(Machine& machine) override {
    machine.set_copy_threads(std::max(1, static_cast<int>(machine.busy_threads())));
    moves_.settle(machine, [&](Region region) { lru_.list(machine, region); });
    for (std::size_t job = 0; job < scans_.size(); ++job)
      if (machine.now() >= scans_[job].next) scan(machine, job);
    adjust_threshold(machine);
    for (const HintFault& fault : faults_.take()) handle(machine, fault);
    if (settings_["headroom"] > 0 && moves_.room(machine, 0) < lru_.target()) lru_.wake();
    charge_helpers(machine, 1, lru_.reclaim(machine, moves_, kStep));
    return machine.now() + kStep;
  }

  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override {
    lru_.list_new(machine, first, count, moves_);
  }
  void on_release(Machine&, Region first, std::uint32_t count) override {
    for (Region region = first; region < first + count; ++region) {
      lru_.remove(region);
      unmapped_[region] = false;
    }
  }

 private:
  struct Scan {
    Region at = 0;      // the next to unmap, within the job
    double period = 1;  // seconds
    Nanoseconds next{};
    std::uint64_t faults = 0;  // in this pass
  };

  void scan(Machine& machine, std::size_t job) {
    Scan& scan = scans_[job];
    const auto size = static_cast<double>(machine.region_size().value);
    const auto regions = static_cast<Region>(machine.info_of(job).regions);
    double unmap = settings_["scan_bytes"], pass = unmap * kVirtualPerScan, entries = 0;
    Region looked_at = 0;
    for (; unmap > 0 && pass > 0 && looked_at < regions; ++looked_at) {
      const Region region = machine.offset_of(job) + scan.at;
      scan.at = (scan.at + 1) % regions;
      if (scan.at == 0) adapt_period(scan);
      pass -= size;
      // What is unmapped already stays so, and its time runs on [K].
      if (machine.tier_of(region) <= 0 || moves_.contains(region) || unmapped_[region]) continue;
      faults_.unmap(machine, region);
      unmapped_[region] = true;
      unmap -= size;
      const Bytes page = machine.pages_of(region) == PageKind::kHuge ? machine.description().huge_page
                                                                     : machine.description().small_page;
      entries += std::max(1.0, size / static_cast<double>(page.value));
    }
    for (std::uint32_t t = 0; t < machine.targets().size(); ++t)
      if (machine.targets()[t].job == job) {
        machine.interfere(t, entries * seconds(kUnmapPrice));
        break;
      }
    scan.next = machine.now() + Nanoseconds{static_cast<std::int64_t>(scan.period * 1e9)};
  }

  // After each full pass. No faults: nothing to see, look half as often. Faults on slow memory: all remote,
  // so seven of ten slots come off the period [K].
  void adapt_period(Scan& scan) {
    scan.period = std::clamp(scan.period * (scan.faults == 0 ? 2 : 0.3), settings_["scan_least_s"],
                             settings_["scan_most_s"]);
    scan.faults = 0;
  }

  // Once in the longest scan period: so that candidates match the rate limit.
  void adjust_threshold(const Machine& machine) {
    const Nanoseconds period = settings_.time("scan_most_s");
    if (machine.now() < next_adjustment_ + period) return;
    next_adjustment_ = machine.now();
    const double published = settings_["hot_threshold_s"], unit = 2 * published / kThresholdSteps;
    const double expected = settings_["rate"] * settings_["scan_most_s"];
    if (candidates_ > expected * 1.1)
      threshold_ = std::max(unit, threshold_ - unit);
    else if (candidates_ < expected * 0.9)
      threshold_ = std::min(2 * published, threshold_ + unit);
    candidates_ = 0;
  }

  bool wanted(const Machine& machine, const HintFault& fault) {
    const Region region = fault.region;
    if (settings_["active_list"] != 0) {
      if (lru_.active_below(region)) return true;
      lru_.activate_below(region);
      return false;
    }
    const double enough = std::max(static_cast<double>(kEnoughLeast.value),
                                   static_cast<double>(machine.capacity(0).value) * kEnoughShare);
    if (static_cast<double>(machine.free(0).value) > enough) {
      threshold_ = settings_["hot_threshold_s"];
      return true;
    }
    if (seconds(fault.touched - fault.unmapped) >= threshold_) return false;
    const auto size = static_cast<double>(machine.region_size().value);
    candidates_ += size;
    if (fault.touched >= second_ + std::chrono::seconds(1)) second_ = fault.touched, this_second_ = 0;
    return (this_second_ += size) <= settings_["rate"];
  }

  // Promotion happens in the faulting task, which waits for it.
  void handle(Machine& machine, const HintFault& fault) {
    const Region region = fault.region;
    unmapped_[region] = false;
    if (machine.tier_of(region) <= 0 || moves_.contains(region)) return;
    const std::size_t job = machine.targets()[machine.target_of(region)].job;
    ++scans_[job].faults;
    if (!wanted(machine, fault)) return;
    if (moves_.room(machine, 0) <= lru_.high()) {
      lru_.wake();  // promotion fails, and wakes kswapd for the next one
      return;
    }
    lru_.activate_below(region);
    machine.interfere(machine.target_of(region), seconds(machine.move_duration(region)));
    moves_.queue(machine, region, 0);
  }

  PolicySettings settings_;
  double threshold_;  // seconds
  HintFaults faults_;
  KernelLru lru_;
  PendingMoves moves_;
  std::vector<Scan> scans_;                  // by job
  std::vector<bool> unmapped_;               // waits for its hint fault
  double candidates_ = 0, this_second_ = 0;  // bytes
  Nanoseconds next_adjustment_{}, second_{};
};

Result<std::unique_ptr<TieringPolicy>> make(const PolicyContext& context) {
  return read_settings(context, kSettings)
      .map([&](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
        return std::make_unique<NumaBalancing>(s, context.seed);
      });
}

}  // namespace

PolicyEntry numa_balancing() {
  return {"numab",
          "Linux NUMA balancing in tiering mode: hint-fault latency promotes, kswapd demotes.",
          false,
          make,
          {{},
           {{"hot_threshold_s", 0.1}},
           {{"mark_step", 0.01}},
           {{"mark_step", 0.01}, {"hot_threshold_s", 0.1}},
           {{"rate", 200e6}},
           {{"scan_bytes", 1024.0 * (1 << 20)}},
           {{"scan_most_s", 5}}}};
}

PolicyEntry tpp() {
  const PolicySettingsMap published = {{"active_list", 1}, {"headroom", 0.02}};
  // TPP's values are its own; overrides come on top.
  const auto with = [published](PolicySettingsMap more) {
    more.insert(published.begin(), published.end());
    return more;
  };
  return {"tpp",
          "TPP (ASPLOS'23): promotes at the second hint fault, demotes ahead of need.",
          false,
          [with](const PolicyContext& context) {
            PolicyContext own = context;
            own.settings = with(context.settings);
            return make(own);
          },
          {{},
           {{"headroom", 0.05}},
           {{"headroom", 0.1}},
           {{"scan_bytes", 1024.0 * (1 << 20)}},
           {{"scan_most_s", 5}},
           {{"active_list", 0}}}};
}

}  // namespace tier::sim
