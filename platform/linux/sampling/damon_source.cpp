#include "platform/linux/sampling/damon_source.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "damon.skel.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/sampling/damon_rounds.h"
#include "platform/linux/sampling/damon_sysfs.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/sampling/source_meter.h"

namespace tier {
namespace {

constexpr std::array<int, 3> kIntervalFactors = {1, 10, 100};
constexpr double kAggregationsPerPhase = 1.4;                          // one, and some slack
constexpr Nanoseconds kShortestPhase = std::chrono::milliseconds(60);  // a slow kdamond is late
constexpr Nanoseconds kShortestPause = std::chrono::milliseconds(100);
constexpr Nanoseconds kFirstCycle = std::chrono::seconds(4);  // taken for one until there was one
constexpr Nanoseconds kIdle =
    std::chrono::milliseconds(500);  // between looks while there is nothing to watch
// Between looks at which spans were touched. Ten times as long a one tells too late to be worth anything
// (docs/benchmarks.md, accessed bits); it is doubled while kdamond costs more than its share of the budget.
constexpr Nanoseconds kFirstLook = std::chrono::seconds(2), kLongestLook = std::chrono::seconds(64);
constexpr double kLookBudget = 0.25;  // of the sampling budget

}  // namespace

// Two threads: the caller's, which collects, and the driver, which owns DAMON's sysfs while it runs. They
// share what `mutex_` guards; it is held over no system call.
class DamonSource::Impl final : public Run {
 public:
  Impl(const SamplingSettings& settings, const Clock& clock, DamonUse use, const std::string& admin)
      : settings_(settings),
        use_(use),
        rounds_(settings.damon_samples_per_aggregation),
        meter_(clock),
        sysfs_(admin, "/sys/module", DamonRecord(settings.runtime_directory)) {}
  ~Impl() override { end_driver(); }

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override;
  Result<void> set_ranges(TargetId target, std::span<const Mapping> mappings) override;
  SampleBatch collect() override;
  SourceStatus status() const override;
  std::optional<Nanoseconds> longest_silence() const override {
    if (use_ == DamonUse::kTouched) return std::nullopt;
    const std::lock_guard<std::mutex> lock(mutex_);
    return cycle_;
  }

 private:
  struct Plan {  // what DAMON shall watch
    std::vector<DamonTarget> targets;
    std::vector<TargetId> ids;  // by DAMON's target index
    std::uint64_t version = 0;
  };

  void end_driver();
  void drive();
  Plan plan() const;
  Result<void> note_start();
  Result<double> phase(const Plan& plan, int factor);
  bool round(const Plan& plan);
  bool watch(const Plan& plan);
  void note_running(const Plan& plan);
  void deliver();
  void wait(Nanoseconds time);
  void report(const Result<void>& outcome);
  DamonIntervals intervals(int factor) const;

  const SamplingSettings& settings_;
  const DamonUse use_;
  // Of the collecting thread.
  BpfSkeleton<damon_bpf> skeleton_;
  BpfEvents events_;
  BpfLink link_;
  DamonRounds rounds_;
  CounterDifference kernel_counters_;
  Nanoseconds last_delivery_{};
  std::uint64_t rounds_delivered_ = 0;
  std::vector<tier_damon_region> arrived_;  // in this collect()
  std::vector<TargetId> ids_;               // by DAMON's target index
  std::uint64_t ids_since_ = 0;             // CLOCK_MONOTONIC, ns
  SampleBatch batch_;
  SourceMeter meter_;
  // Of the driver, once it runs.
  DamonSysfs sysfs_;
  Nanoseconds look_ = kFirstLook;
  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::map<TargetId, Target> targets_;
  std::map<TargetId, std::vector<AddressRange>> spans_;
  std::uint64_t version_ = 1;
  std::vector<TargetId> running_ids_;
  Nanoseconds running_since_{};
  std::vector<Nanoseconds> beginnings_;
  std::uint64_t rounds_done_ = 0;
  std::string trouble_;
  double kdamond_share_ = 0;
  Nanoseconds cycle_ = kFirstCycle;  // a round and the pause after it
  std::thread driver_;
};

Result<void> DamonSource::Impl::start() {
  TIER_TRY(sysfs_.claim());  // before anything is loaded
  TIER_TRY(require_btf(kKernelBtf));
  take_bpf_log();
  skeleton_.reset(damon_bpf__open());
  if (!skeleton_) return tl::make_unexpected(bpf_error("opening the DAMON reader", errno));
  set_reader(*skeleton_->rodata, read_reader_view());
  TIER_TRY(prepare_tables(*skeleton_->obj, settings_));
  if (const int code = damon_bpf__load(skeleton_.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the DAMON reader", -code));
  const auto handler = [this](std::span<const std::byte> event) {
    ++batch_.counters.taken;
    const auto* region = reinterpret_cast<const tier_damon_region*>(event.data());
    if (event.size() < sizeof(*region) || region->version != TIER_EVENTS_VERSION)
      ++batch_.counters.undecoded;
    else
      arrived_.push_back(*region);
  };
  TIER_TRY(events_.open(*skeleton_->obj, handler));
  link_.reset(bpf_program__attach(skeleton_->progs.on_aggregated));
  if (!link_) return tl::make_unexpected(bpf_error("attaching to damon:damon_aggregated", errno));
  last_delivery_ = clock_time(CLOCK_MONOTONIC);
  driver_ = std::thread([this] { drive(); });
  return {};
}

void DamonSource::Impl::end_driver() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (driver_.joinable()) driver_.join();
}

Result<void> DamonSource::Impl::set_targets(std::span<const Target> targets) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<TargetId, Target> wanted;
  for (const Target& target : targets) wanted[target.id] = target;
  const bool same = wanted.size() == targets_.size() &&
                    std::all_of(wanted.begin(), wanted.end(),
                                [&](const auto& entry) { return targets_.contains(entry.first); });
  if (same) return {};
  targets_ = std::move(wanted);
  std::erase_if(spans_, [&](const auto& entry) { return !targets_.contains(entry.first); });
  ++version_;
  return {};
}

Result<void> DamonSource::Impl::set_ranges(TargetId target, std::span<const Mapping> mappings) {
  std::vector<AddressRange> spans = damon_spans(mappings, settings_.damon_maximum_regions);
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<AddressRange>& held = spans_[target];
  if (held == spans) return {};
  held = std::move(spans);
  ++version_;
  return {};
}

DamonSource::Impl::Plan DamonSource::Impl::plan() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Plan plan;
  plan.version = version_;
  for (const auto& [id, target] : targets_) {
    const auto spans = spans_.find(id);
    if (spans == spans_.end() || spans->second.empty()) continue;
    plan.targets.push_back({target.pid, spans->second});
    plan.ids.push_back(id);
  }
  return plan;
}

DamonIntervals DamonSource::Impl::intervals(int factor) const {
  const Nanoseconds sampling = settings_.damon_shortest_interval * factor;
  return {sampling, sampling * settings_.damon_samples_per_aggregation};
}

void DamonSource::Impl::wait(Nanoseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait_for(lock, time, [this] { return ending_; });
}

void DamonSource::Impl::report(const Result<void>& outcome) {
  const std::lock_guard<std::mutex> lock(mutex_);
  trouble_ = outcome ? "" : outcome.error().message;
}

// After each start of the kdamond: whose results to take, and from when on it counts.
Result<void> DamonSource::Impl::note_start() {
  const Nanoseconds now = clock_time(CLOCK_MONOTONIC);
  const Pid pid = TIER_TRY(sysfs_.kdamond_pid());
  skeleton_->bss->kdamond_cpu_ns = 0;
  skeleton_->bss->kdamond_pid = static_cast<std::uint32_t>(pid.value);
  const std::lock_guard<std::mutex> lock(mutex_);
  beginnings_.push_back(now);
  return {};
}

void DamonSource::Impl::note_running(const Plan& plan) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (running_ids_ != plan.ids) running_since_ = clock_time(CLOCK_MONOTONIC);
  running_ids_ = plan.ids;
}

// Left running until something else is to be watched, or the same more rarely. False when it failed. Setting
// a plan up writes two files for each span: where mappings change all the time the one before is kept until
// it has paid for that.
bool DamonSource::Impl::watch(const Plan& plan) {
  const DamonIntervals once{look_, look_};
  const Nanoseconds cpu_begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  Result<void> outcome = sysfs_.run(plan.targets, once);
  if (outcome) outcome = note_start();
  report(outcome);
  if (!outcome) return false;
  note_running(plan);
  const double setup = seconds(clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
  const double budget = kLookBudget * std::min(settings_.cpu_budget, SamplingSettings::kCpuBudgetLimit);
  const Nanoseconds begin = clock_time(CLOCK_MONOTONIC);
  for (;;) {
    wait(look_);
    const double passed = seconds(clock_time(CLOCK_MONOTONIC) - begin);
    const double looking = static_cast<double>(skeleton_->bss->kdamond_cpu_ns) * 1e-9;
    const std::lock_guard<std::mutex> lock(mutex_);
    kdamond_share_ = (looking + setup) / passed;
    if (ending_) return true;
    const bool dear = looking > budget * passed && look_ < kLongestLook;
    if (dear) look_ *= 2;
    if (dear || (plan.version != version_ && looking + setup <= budget * passed)) return true;
  }
}

// One of the three intervals; returns the CPU time it took.
Result<double> DamonSource::Impl::phase(const Plan& plan, int factor) {
  const DamonIntervals these = intervals(factor);
  const bool first = factor == kIntervalFactors.front();
  TIER_TRY(first ? sysfs_.run(plan.targets, these) : sysfs_.restart(these));
  TIER_TRY(note_start());
  if (first) note_running(plan);
  const double length = static_cast<double>(these.aggregation.count()) * kAggregationsPerPhase;
  wait(std::max(Nanoseconds(static_cast<std::int64_t>(length)), kShortestPhase));
  // By the program: a daemon in a PID namespace of its own sees no kernel thread in /proc.
  return static_cast<double>(skeleton_->bss->kdamond_cpu_ns) * 1e-9;
}

// One turn through the three intervals, then a pause that keeps kdamond within its budget. False when it
// failed.
bool DamonSource::Impl::round(const Plan& plan) {
  const Nanoseconds begin = clock_time(CLOCK_MONOTONIC);
  Result<void> outcome;
  double spent = 0;
  for (const int factor : kIntervalFactors) {
    const Result<double> cost = phase(plan, factor);
    if (!cost) {
      outcome = tl::make_unexpected(cost.error());
      break;
    }
    spent += *cost;
  }
  if (Result<void> stopped = sysfs_.pause(); outcome && !stopped) outcome = stopped;
  report(outcome);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++rounds_done_;
  }
  const double used = seconds(clock_time(CLOCK_MONOTONIC) - begin);
  const double wanted = spent / std::min(settings_.cpu_budget, SamplingSettings::kCpuBudgetLimit);
  const Nanoseconds pause =
      std::max(kShortestPause, Nanoseconds(static_cast<std::int64_t>(std::max(0.0, wanted - used) * 1e9)));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cycle_ = clock_time(CLOCK_MONOTONIC) - begin + pause;
  }
  wait(pause);
  const std::lock_guard<std::mutex> lock(mutex_);
  kdamond_share_ = spent / std::max(seconds(clock_time(CLOCK_MONOTONIC) - begin), 1e-9);
  return outcome.has_value();
}

void DamonSource::Impl::drive() {
  for (;;) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (ending_) return;
    }
    const Plan now = plan();
    if (now.targets.empty() || !(use_ == DamonUse::kTouched ? watch(now) : round(now))) wait(kIdle);
  }
}

// Only whole rounds: one interval alone is saturated for the hot spans or blind to the cold ones.
void DamonSource::Impl::deliver() {
  const Nanoseconds now = clock_time(CLOCK_MONOTONIC);
  const double length = seconds(now - last_delivery_);
  last_delivery_ = now;
  for (const DamonRounds::SpanRate& seen : rounds_.take()) {
    if (seen.target_index >= ids_.size() || seen.rate <= 0) continue;
    AccessSample sample;
    sample.target = ids_[seen.target_index];
    sample.address = seen.span.start;
    sample.meaning = WeightMeaning::kAccesses;
    sample.weight = seen.rate * length;
    sample.time = now;
    sample.source = SourceKind::kDamon;
    batch_.samples.push_back(sample);
  }
}

SampleBatch DamonSource::Impl::collect() {
  const Nanoseconds cpu_begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  batch_ = {};
  events_.drain();
  bool round_is_complete = false;
  {  // after the drain: whatever has arrived, its beginning is noted
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Nanoseconds time : beginnings_) rounds_.begin(time);
    beginnings_.clear();
    ids_ = running_ids_;
    ids_since_ = static_cast<std::uint64_t>(running_since_.count());
    round_is_complete = rounds_done_ != rounds_delivered_;
    rounds_delivered_ = rounds_done_;
  }
  for (const tier_damon_region& region : arrived_) {
    if (region.time_ns < ids_since_ || region.target_index >= ids_.size())
      ++batch_.counters.foreign;  // numbered by an order of targets that is gone
    else if (use_ == DamonUse::kTouched)
      batch_.looks.push_back({ids_[region.target_index], {region.start, region.end}, region.accesses > 0});
    else
      rounds_.add(region);
  }
  arrived_.clear();
  if (round_is_complete) deliver();
  // Several events make one sample; those that only confirm silence, or end up in a sample with others, count
  // as delivered.
  batch_.counters.delivered = batch_.counters.taken - batch_.counters.undecoded - batch_.counters.foreign;
  batch_.counters += kernel_counters_.since_last(events_.counters());
  meter_.add(batch_.counters, clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
  return std::move(batch_);
}

SourceStatus DamonSource::Impl::status() const {
  SourceStatus status;
  status.name = "damon";
  if (use_ == DamonUse::kFrequencies) status.meaning = WeightMeaning::kAccesses;
  meter_.fill(status, Nanoseconds(0));
  const std::lock_guard<std::mutex> lock(mutex_);
  const double shortest = seconds(settings_.damon_shortest_interval) * 1e3;
  status.fidelity =
      use_ == DamonUse::kTouched
          ? "whether a span was touched since the last look, seconds before"
          : fmt::format("access frequency per span, sampling every {:.1f}, {:.1f} and {:.1f} ms in turn",
                        shortest, shortest * 10, shortest * 100);
  if (!trouble_.empty()) status.fidelity += "; trouble: " + trouble_;
  if (!sysfs_.unrecorded().empty())
    status.fidelity += "; DAMON would not be taken over after a crash: " + sysfs_.unrecorded();
  status.cpu_share += kdamond_share_;
  if (status.samples_per_second > 0)
    status.price_per_sample +=
        Nanoseconds(static_cast<std::int64_t>(kdamond_share_ / status.samples_per_second * 1e9));
  return status;
}

DamonSource::DamonSource(SamplingSettings settings, const Clock& clock, DamonUse use, std::string admin)
    : SwitchedSource("damon"),
      settings_(std::move(settings)),
      clock_(clock),
      use_(use),
      admin_(std::move(admin)) {}

std::unique_ptr<SwitchedSource::Run> DamonSource::new_run() const {
  return std::make_unique<Impl>(settings_, clock_, use_, admin_);
}

}  // namespace tier
