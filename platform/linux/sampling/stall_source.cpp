#include "platform/linux/sampling/stall_source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/program_price.h"
#include "platform/linux/sampling/rate_control.h"
#include "platform/linux/sampling/sample_decoder.h"
#include "platform/linux/sampling/source_meter.h"
#include "stall.skel.h"

namespace tier {
namespace {

struct SkeletonCloser {
  void operator()(stall_bpf* skeleton) const { stall_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<stall_bpf, SkeletonCloser>;

// How a tick is told to have hit user code; see bpf/stall.bpf.c.
enum class TickProgram { kExact, kByRunqueue, kByStack, kNone };

constexpr Nanoseconds kRateInterval = std::chrono::seconds(1);  // between looks at the achieved rate
constexpr double kTickGap = 0.9;           // of the period: other timers share the interrupt and are no ticks
constexpr double kClockGap = 0.3;          // of the mean gap when two timers interleave
constexpr double kCalibrationClock = 250;  // Hz, when there is no tick to calibrate on
constexpr double kBudgetIntervals = 32;    // over which the ticks keep the budget on average
constexpr double kSmoothing = 0.999;       // weight of the past in the share of direct samples, per sample

Result<Skeleton> load(TickProgram tick, const SamplingSettings& settings) {
  take_bpf_log();
  Skeleton skeleton(stall_bpf__open());
  if (!skeleton) return tl::make_unexpected(bpf_error("opening the stall sampler", errno));
  bpf_program__set_autoload(skeleton->progs.on_tick, tick == TickProgram::kExact);
  bpf_program__set_autoload(skeleton->progs.on_tick_by_runqueue, tick == TickProgram::kByRunqueue);
  bpf_program__set_autoload(skeleton->progs.on_tick_by_stack, tick == TickProgram::kByStack);
  if (tick == TickProgram::kByRunqueue) {
    const std::optional<std::int64_t> distance = per_cpu_distance("runqueues", "__irq_regs");
    if (!distance) return fail(ErrorKind::kUnsupported, "the kernel's BTF lacks __irq_regs or runqueues");
    skeleton->bss->irq_regs_from_runqueues = *distance;
  }
  if (Result<void> sized = set_ring_bytes(*skeleton->obj, settings.ring_bytes); !sized)
    return tl::make_unexpected(sized.error());
  if (const int code = stall_bpf__load(skeleton.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the stall sampler", -code));
  return skeleton;
}

}  // namespace

class StallSource::Impl final : public Run {
 public:
  Impl(StallOptions options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override {
    watched_.replace(targets);
    return events_ ? events_->watch(watched_) : Result<void>{};
  }
  SampleBatch collect() override;
  SourceStatus status() const override;
  const StallCalibration& calibration() const { return calibration_; }

 private:
  Result<void> load_best();
  Result<void> attach();
  Result<void> calibrate();
  void handle(std::span<const std::byte> event);
  void deliver(const RawSample& raw, TargetId target);
  double weight_of(const tier_sample& sample, bool direct);
  void control_rate(Nanoseconds now);
  void set_gaps();
  int clock_program() const { return bpf_program__fd(skeleton_->progs.on_clock); }
  bpf_program* tick() const {
    switch (tick_) {
      case TickProgram::kExact:
        return skeleton_->progs.on_tick;
      case TickProgram::kByRunqueue:
        return skeleton_->progs.on_tick_by_runqueue;
      case TickProgram::kByStack:
        return skeleton_->progs.on_tick_by_stack;
      case TickProgram::kNone:
        break;
    }
    return nullptr;
  }

  StallOptions options_;
  const Clock& clock_;
  TickProgram tick_ = TickProgram::kNone;
  Skeleton skeleton_;
  std::unique_ptr<BpfEvents> events_;
  BpfLink tick_link_;
  ClockEvents clock_events_;
  std::unique_ptr<SampleDecoder> decoder_;
  std::function<void(const RawSample&)> calibrating_;  // set while start() calibrates
  WatchList watched_;
  StallCalibration calibration_;
  PickRule rule_;
  CounterDifference kernel_counters_;
  SampleBatch batch_;  // being filled by collect()
  SampleCounters totals_;
  double direct_ = 1, decoded_ = 1;  // decayed counts, for the weight of samples in an emulator
  // Of the present interval of the rate control.
  Nanoseconds interval_begin_{}, interval_cpu_{};
  std::uint64_t interval_samples_ = 0, interval_usable_ = 0;
  double samples_per_second_ = 0, cpu_share_ = 0;
  double unthinned_ = 0;  // what samples at every tick would cost, share of one CPU, smoothed
  unsigned stride_ = 1;   // every how many ticks of a CPU is a sample
  Nanoseconds decode_price_{};
};

Result<void> StallSource::Impl::load_best() {
  std::vector<TickProgram> choices = {TickProgram::kNone};
  if (options_.ride_tick)
    choices = {TickProgram::kExact, TickProgram::kByRunqueue, TickProgram::kByStack, TickProgram::kNone};
  Error last;
  for (const TickProgram choice : choices) {
    Result<Skeleton> loaded = load(choice, options_.settings);
    if (loaded) {
      skeleton_ = std::move(*loaded);
      tick_ = choice;
      return {};
    }
    last = loaded.error();
    if (last.kind == ErrorKind::kPermission) break;
  }
  return tl::make_unexpected(last);
}

Result<void> StallSource::Impl::attach() {
  events_ = std::make_unique<BpfEvents>();
  if (Result<void> opened = events_->open(*skeleton_->obj, [this](auto event) { handle(event); }); !opened)
    return opened;
  const int known_fd = bpf_map__fd(skeleton_->maps.known_code);
  const auto lifetime = static_cast<std::uint64_t>(options_.settings.code_lifetime.count());
  decoder_ = std::make_unique<SampleDecoder>(
      [known_fd, lifetime](const tier_known_code& key) {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        const std::uint64_t until = static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
                                    static_cast<std::uint64_t>(now.tv_nsec) + lifetime;
        bpf_map_update_elem(known_fd, &key, &until, BPF_ANY);  // a failure only means that code is sent again
      },
      [known_fd](const tier_known_code& key) { bpf_map_delete_elem(known_fd, &key); });
  if (tick_ == TickProgram::kNone) return clock_events_.set_frequency(clock_program(), kCalibrationClock);
  tick_link_.reset(bpf_program__attach(tick()));
  if (!tick_link_) return tl::make_unexpected(bpf_error("attaching to irq_vectors:local_timer_entry", errno));
  return {};
}

Result<void> StallSource::Impl::calibrate() {
  const ProgramPrice price(tick() == nullptr ? clock_program() : bpf_program__fd(tick()));
  std::vector<CalibrationSample>
      samples;  // what was decoded can be judged only once the child has told its buffer
  std::vector<std::optional<PickedAccess>> picked;
  calibrating_ = [&](const RawSample& raw) {
    const PickRule both{raw.sample->registers.ip != calibration_loop().load, false};
    picked.push_back(decoder_->decode(raw, both));
    samples.push_back({raw.sample->registers.ip, false});
  };
  const tier_counters before = events_->counters();
  WatchList child;
  const auto watch_child = [&](Pid pid) -> Result<void> {
    Target target;
    target.pid = pid;
    child.replace(std::span(&target, 1));
    return events_->watch(child);
  };
  const Result<CalibrationRun> run =
      run_calibration_child(options_.settings, watch_child, [this] { events_->drain(); });
  events_->drain();
  calibrating_ = nullptr;
  if (Result<void> restored = events_->watch(watched_); !restored) return restored;
  if (!run) return tl::make_unexpected(run.error());
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i].right = picked[i] && picked[i]->address >= run->buffer &&
                       picked[i]->address < run->buffer + run->buffer_size.value;
  const tier_counters after = events_->counters();
  const std::uint64_t interrupts = samples.size() + after.in_kernel - before.in_kernel;
  Result<StallCalibration> result = analyse_calibration(calibration_loop(), *run, samples, interrupts,
                                                        options_.settings.stall_concentration);
  if (!result) return tl::make_unexpected(result.error());
  calibration_ = *result;
  calibration_.tick_period = kernel_tick_period();
  calibration_.price = price.per_sample(samples.size());
  calibration_.clock_price = calibration_.price + price_of_clock_interrupt(clock_program());
  return {};
}

// The tick's own gap keeps other timers' interrupts out; with a clock event beside it any gap is possible.
void StallSource::Impl::set_gaps() {
  const double period = static_cast<double>(calibration_.tick_period.count());
  const double together = 1e9 / (1e9 / period + clock_events_.frequency());
  const double gap = clock_events_.frequency() > 0 ? kClockGap * together : (stride_ - 1 + kTickGap) * period;
  skeleton_->data->maximum_weight_ns = static_cast<std::uint64_t>(stride_ * period);
  skeleton_->bss->minimum_gap_ns = static_cast<std::uint64_t>(gap);
}

Result<void> StallSource::Impl::start() {
  if (Result<void> btf = require_btf(options_.btf_path); !btf) return btf;
  if (Result<void> loaded = load_best(); !loaded) return loaded;
  if (Result<void> attached = attach(); !attached) return attached;
  if (options_.calibration) {
    calibration_ = *options_.calibration;
  } else if (Result<void> calibrated = calibrate(); !calibrated) {
    return calibrated;
  }
  const bool frequency = calibration_.meaning == WeightMeaning::kAccesses;
  rule_ = {calibration_.ip_is_behind || frequency, frequency};
  if (tick_ == TickProgram::kNone)
    if (Result<void> set = clock_events_.set_frequency(clock_program(), kCalibrationClock); !set) return set;
  set_gaps();
  kernel_counters_.since_last(events_->counters());  // calibration is not the targets' business
  interval_begin_ = clock_.now();
  return events_->watch(watched_);
}

void StallSource::Impl::handle(std::span<const std::byte> event) {
  const std::optional<RawSample> raw = parse_sample(event);
  if (raw && calibrating_) return calibrating_(*raw);
  ++batch_.counters.taken;
  if (!raw) {
    ++batch_.counters.undecoded;
    return;
  }
  const tier_event_header& header = raw->sample->header;
  const std::optional<TargetId> target = watched_.find(header.tgid, header.start_ticks);
  if (!target) {
    ++batch_.counters.foreign;
    return;
  }
  deliver(*raw, *target);
}

void StallSource::Impl::deliver(const RawSample& raw, TargetId target) {
  const std::optional<PickedAccess> picked = decoder_->decode(raw, rule_);
  if (!picked) {
    ++batch_.counters.undecoded;
    return;
  }
  ++batch_.counters.delivered;
  const tier_event_header& header = raw.sample->header;
  AccessSample sample;
  sample.target = target;
  sample.tid = Tid{static_cast<std::int32_t>(header.tid)};
  sample.address = picked->address;
  sample.ip = raw.sample->registers.ip;
  sample.type = picked->type;
  sample.meaning = calibration_.meaning;
  sample.weight = weight_of(*raw.sample, picked->direct);
  sample.time = Nanoseconds(static_cast<std::int64_t>(header.time_ns));
  sample.source = SourceKind::kStall;
  sample.cpu = header.cpu;
  batch_.samples.push_back(sample);
}

// Stall: the time the sample stands for. Frequency: with samples spread evenly over instructions, those
// directly behind an access count executions of it exactly, time / (time per instruction) each; the others
// only show which addresses, so all share the total of the direct ones.
double StallSource::Impl::weight_of(const tier_sample& sample, bool direct) {
  const double time = static_cast<double>(sample.stands_for) * 1e-9;
  if (calibration_.meaning == WeightMeaning::kStall) return time;
  direct_ = direct_ * kSmoothing + (direct ? 1 : 0);
  decoded_ = decoded_ * kSmoothing + 1;
  return time / calibration_.instruction_seconds * direct_ / decoded_;
}

SampleBatch StallSource::Impl::collect() {
  const Nanoseconds cpu_begin = thread_cpu_time();
  batch_ = {};
  events_->drain();
  batch_.counters += kernel_counters_.since_last(events_->counters());
  totals_ += batch_.counters;
  interval_samples_ += batch_.counters.taken + batch_.counters.lost;
  interval_usable_ += batch_.counters.delivered;
  interval_cpu_ += thread_cpu_time() - cpu_begin;
  if (const Nanoseconds now = clock_.now(); now - interval_begin_ >= kRateInterval) control_rate(now);
  return std::move(batch_);
}

void StallSource::Impl::control_rate(Nanoseconds now) {
  const double length = seconds(now - interval_begin_);
  const auto count = static_cast<double>(interval_samples_);
  samples_per_second_ = count / length;
  const double clock_share =
      clock_events_.frequency() * clock_events_.cpus() * seconds(calibration_.clock_price);
  const double tick_share =
      samples_per_second_ * seconds(calibration_.price) + seconds(interval_cpu_) / length;
  cpu_share_ = clock_share + tick_share;
  if (interval_samples_ > 0) decode_price_ = interval_cpu_ / static_cast<std::int64_t>(interval_samples_);
  RateInput input;
  input.samples_per_second = samples_per_second_;
  input.ticks_per_cpu = tick_ == TickProgram::kNone ? 0 : 1 / seconds(calibration_.tick_period);
  input.interrupts_per_cpu = input.ticks_per_cpu + clock_events_.frequency();
  if (interval_samples_ > 0) input.usable_share = static_cast<double>(interval_usable_) / count;
  input.target_samples_per_second = options_.settings.target_samples_per_second;
  input.cpu_budget = std::min(options_.settings.cpu_budget, SamplingSettings::kCpuBudgetLimit);
  input.spent = tick_share;
  input.price = calibration_.clock_price;
  input.cpus = static_cast<unsigned>(online_cpus().size());
  const bool ticks_only = tick_ != TickProgram::kNone && clock_events_.frequency() == 0;
  // Smoothed from nothing: the first looks at unknown code are dear and soon over.
  unthinned_ += ((ticks_only ? tick_share * stride_ : 0) - unthinned_) / kBudgetIntervals;
  const unsigned stride = ticks_only ? tick_stride(unthinned_, input.cpu_budget, stride_) : 1;
  // What was achieved while ticks were left out says nothing of how many more a clock would have to give.
  double wanted = std::max(stride, stride_) > 1 ? 0 : clock_frequency(input);
  if (tick_ == TickProgram::kNone && wanted == 0) wanted = clock_events_.frequency();  // nothing else samples
  const bool changed = worth_changing(clock_events_.frequency(), wanted) &&
                       clock_events_.set_frequency(clock_program(), wanted);
  if (changed || stride != stride_) {
    stride_ = stride;
    set_gaps();
  }
  interval_begin_ = now;
  interval_samples_ = interval_usable_ = 0;
  interval_cpu_ = Nanoseconds(0);
}

SourceStatus StallSource::Impl::status() const {
  SourceStatus status;
  status.name = tick_ == TickProgram::kNone     ? "stall-clock"
                : clock_events_.frequency() > 0 ? "stall-tick+clock"
                                                : "stall-tick";
  status.meaning = calibration_.meaning;
  const double tick_frequency =
      calibration_.tick_period.count() > 0 ? 1 / seconds(calibration_.tick_period) : 0;
  status.fidelity =
      fmt::format("{}; tick {:.0f} Hz, clock {:.0f} Hz at {:.1f} us each", calibration_.describe(),
                  tick_ == TickProgram::kNone ? 0.0 : tick_frequency / stride_, clock_events_.frequency(),
                  seconds(calibration_.clock_price) * 1e6);
  status.samples_per_second = samples_per_second_;
  status.price_per_sample =
      (clock_events_.frequency() > 0 ? calibration_.clock_price : calibration_.price) + decode_price_;
  status.cpu_share = cpu_share_;
  status.totals = totals_;
  return status;
}

StallSource::StallSource(StallOptions options, const Clock& clock)
    : SwitchedSource("stall"), options_(std::move(options)), clock_(clock) {}

std::unique_ptr<SwitchedSource::Run> StallSource::new_run() const {
  return std::make_unique<Impl>(options_, clock_);
}

StallCalibration StallSource::calibration() const {
  return run() != nullptr ? static_cast<const Impl*>(run())->calibration() : StallCalibration{};
}

}  // namespace tier
