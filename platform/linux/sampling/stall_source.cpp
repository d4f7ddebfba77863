#include "platform/linux/sampling/stall_source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "platform/linux/clock_time.h"
#include "platform/linux/sampling/lasting_code.h"
#include "platform/linux/sampling/recent_lines.h"
#include "platform/linux/sampling/sample_decoder.h"
#include "platform/linux/sampling/source_meter.h"
#include "platform/linux/sampling/stall_clock.h"
#include "platform/linux/sampling/stall_program.h"
#include "platform/linux/sampling/stall_tables.h"
#include "platform/linux/sampling/waiting_share.h"

namespace tier {

namespace {

constexpr Nanoseconds kRateInterval = std::chrono::seconds(1);  // between looks at the achieved rate
constexpr double kTickGap = 0.9;     // of the period: other timers share the interrupt and are no ticks
constexpr double kClockGap = 0.3;    // of the mean gap when two timers interleave
constexpr double kFirstClock = 250;  // Hz, where no program can ride the tick
constexpr Nanoseconds kFirstPatience = std::chrono::milliseconds(1500);  // of start(), with the calibration
constexpr Nanoseconds kBetweenDrains = std::chrono::milliseconds(20);
constexpr double kBudgetIntervals = 32;  // over which the ticks keep the budget on average
// Loads and stores per instruction, where they cannot be counted: between a quarter and a half in common
// programs (Hennessy and Patterson, Computer Architecture, appendix A).
constexpr double kAccessesPerInstruction = 0.35;
constexpr double kSmoothing = 0.999;  // weight of the past in the share of direct samples, per sample

// What the process holds there now. The program has just used the page, so that none is brought in for this.
std::optional<std::uint64_t> read_word(std::uint32_t tgid, Address address, unsigned bytes) {
  std::uint64_t word = 0;
  const iovec here{&word, bytes}, there{reinterpret_cast<void*>(address), bytes};
  const ssize_t got = ::process_vm_readv(static_cast<pid_t>(tgid), &here, 1, &there, 1, 0);
  return got == static_cast<ssize_t>(bytes) ? std::optional(word) : std::nullopt;
}

}  // namespace

class StallSource::Impl final : public Run {
 public:
  Impl(StallOptions options, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        events_([this] { return bpf_program__fd(skeleton_->progs.on_clock); }, clock) {}

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override {
    targets_.assign(targets.begin(), targets.end());
    watched_.replace(targets);
    std::unordered_set<TargetId> present;
    for (const Target& target : targets) present.insert(target.id);
    lasting_.keep_only(watched_.by_pid());
    std::erase_if(waiting_, [&](const auto& known) { return !present.contains(known.first); });
    return watch_all();
  }
  Result<void> set_ranges(TargetId target, std::span<const Mapping> mappings) override;
  void set_stake(double stake) override { stake_ = stake; }
  void set_budget_share(double share) override {
    budget_share_ = share;
    decoder_->set_learning_share(SampleDecoder::kLearningShare * share);
  }
  SampleBatch collect() override;
  SourceStatus status() const override;
  double samples_per_cpu_second() const override;
  StallCalibration calibration() const { return calibration_->verdict(); }
  StallPrices prices() const {
    return {program_price(tables_->counters()), events_.price(), events_.last_input()};
  }

 private:
  Result<void> load_best();
  Result<void> attach();
  void make_decoder();
  void calibrate_first();
  void follow_calibration();
  Result<void> watch_all();
  void handle(std::span<const std::byte> event);
  bool of_calibration(const RawSample& raw);
  void deliver(const RawSample& raw, TargetId target);
  bool waited(const RawSample& raw, TargetId target, const DecodedSample& decoded);
  double weight_of(const tier_sample& sample, bool direct);
  void control_rate(Nanoseconds now);
  RateInput rate_input(double length, double tick_share) const;
  double clock_wanted(const RateInput& input, Nanoseconds now);
  void set_gaps();
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
  std::string no_tick_;  // why no program rides the tick
  BpfSkeleton<stall_bpf> skeleton_;
  std::unique_ptr<StallTables> tables_;
  BpfLink tick_link_;
  StallClock events_;
  double stake_ = 0;         // see AccessSource::set_stake
  double budget_share_ = 1;  // see AccessSource::set_budget_share
  std::unique_ptr<SampleDecoder> decoder_;
  std::unique_ptr<LiveCalibration> calibration_;
  std::optional<Pid> last_child_;  // its last samples may come after its end
  StallCalibration verdict_;       // that samples are decoded and weighed by
  std::vector<Target> targets_;
  WatchList watched_;
  PickRule rule_;
  LastingCode lasting_;
  std::unordered_map<TargetId, WaitingShare> waiting_;
  RecentLines lines_;
  const Nanoseconds tick_period_ = kernel_tick_period();
  CounterDifference kernel_counters_;
  SampleBatch batch_;  // being filled by collect()
  SampleCounters totals_;
  double direct_ = 1, decoded_ = 1;  // decayed counts, for the weight of samples in an emulator
  // Of the present interval of the rate control.
  Nanoseconds interval_begin_{}, interval_cpu_{};
  Nanoseconds last_drain_{}, between_drains_{};  // the longest
  std::uint64_t interval_samples_ = 0, interval_usable_ = 0, interval_lost_ = 0, interval_weight_ns_ = 0;
  std::uint64_t program_ns_ = 0;
  std::map<std::pair<Pid, Tid>, std::uint64_t> seen_;  // samples of each thread
  double samples_per_second_ = 0, cpu_share_ = 0, own_share_ = 0;
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
    Result<BpfSkeleton<stall_bpf>> loaded = load_stall_program(choice, options_.settings);
    if (loaded) {
      skeleton_ = std::move(*loaded);
      tick_ = choice;
      if (choice == TickProgram::kNone) no_tick_ = last.message;
      return {};
    }
    last = loaded.error();
    if (last.kind == ErrorKind::kPermission) break;
  }
  return tl::make_unexpected(last);
}

void StallSource::Impl::make_decoder() {
  decoder_ = std::make_unique<SampleDecoder>(
      [this](const tier_known_code& key) {
        const auto now = static_cast<std::uint64_t>(clock_time(CLOCK_MONOTONIC).count());
        const bool lasts = lasting_.holds(key.tgid, key.ip);
        const Nanoseconds lifetime =
            lasts ? options_.settings.lasting_code_lifetime : options_.settings.code_lifetime;
        tables_->known_code().learnt(key, now, static_cast<std::uint64_t>(lifetime.count()));
      },
      [this](const tier_known_code& key) { tables_->known_code().forget(key); }, read_word, clock_);
}

Result<void> StallSource::Impl::attach() {
  tables_ = TIER_TRY(StallTables::open(*skeleton_->obj, [this](auto event) { handle(event); }));
  make_decoder();
  if (tick_ == TickProgram::kNone) {
    Result<void> clock = events_.require(kFirstClock);
    if (clock || no_tick_.empty()) return clock;
    return fail(clock.error().kind,
                "no program can ride the tick (" + no_tick_ + "), and " + clock.error().message,
                clock.error().fix);
  }
  tick_link_.reset(bpf_program__attach(tick()));
  if (!tick_link_) return tl::make_unexpected(bpf_error("attaching to irq_vectors:local_timer_entry", errno));
  return {};
}

Result<void> StallSource::Impl::set_ranges(TargetId target, std::span<const Mapping> mappings) {
  const auto known =
      std::find_if(targets_.begin(), targets_.end(), [&](const Target& t) { return t.id == target; });
  if (known == targets_.end()) return {};
  const auto tgid = static_cast<std::uint32_t>(known->pid.value);
  decoder_->forget(tgid, lasting_.replace(tgid, mappings));
  return {};
}

// The watched programs, and the calibration loop while it runs.
Result<void> StallSource::Impl::watch_all() {
  std::vector<Target> all = targets_;
  if (const std::optional<Pid> child = calibration_->child()) {
    last_child_ = child;
    all.emplace_back().pid = *child;
  }
  WatchList list;
  list.replace(all);
  return tables_->watch(list);
}

// Mostly settles all within a tenth of a second; on a busy machine it goes on beside the watched programs.
void StallSource::Impl::calibrate_first() {
  const Nanoseconds give_up = clock_time(CLOCK_MONOTONIC) + kFirstPatience;
  while (clock_time(CLOCK_MONOTONIC) < give_up) {
    if (calibration_->advance()) static_cast<void>(watch_all());  // a failure only delays calibration
    if (!calibration_->child()) break;
    timespec pause{0, kBetweenDrains.count()};
    nanosleep(&pause, nullptr);
    tables_->drain();
  }
  follow_calibration();
}

void StallSource::Impl::follow_calibration() {
  const StallCalibration now = calibration_->verdict();
  const bool new_rule = !now.same_rule(verdict_);
  verdict_ = now;
  const bool frequency = now.meaning == WeightMeaning::kAccesses;
  rule_ = {now.ip_is_behind || frequency, frequency};
  if (new_rule) decoder_->clear();
}

// The tick's own gap keeps other timers' interrupts out; with a clock event beside it any gap is possible.
void StallSource::Impl::set_gaps() {
  const double period = static_cast<double>(tick_period_.count());
  const double together = 1e9 / (1e9 / period + events_.frequency());
  const double gap = events_.frequency() > 0 ? kClockGap * together : (stride_ - 1 + kTickGap) * period;
  skeleton_->data->maximum_weight_ns = static_cast<std::uint64_t>(stride_ * period);
  skeleton_->bss->minimum_gap_ns = static_cast<std::uint64_t>(gap);
}

Result<void> StallSource::Impl::start() {
  TIER_TRY(require_btf(options_.btf_path));
  TIER_TRY(load_best());
  TIER_TRY(attach());
  calibration_ =
      std::make_unique<LiveCalibration>(options_.settings, clock_, options_.prior, options_.calibrate);
  calibrate_first();
  set_gaps();
  const tier_counters now = tables_->counters();
  kernel_counters_.since_last(now);  // calibration is not the targets' business
  program_ns_ = now.program_ns;
  interval_begin_ = last_drain_ = clock_.now();
  return watch_all();
}

// Takes the samples of the calibration loop, which are none of a target's.
bool StallSource::Impl::of_calibration(const RawSample& raw) {
  const auto is = [&](std::optional<Pid> child) {
    return child && static_cast<std::uint32_t>(child->value) == raw.sample->header.tgid;
  };
  if (!is(last_child_) || watched_.by_pid().contains(raw.sample->header.tgid)) return false;
  if (!is(calibration_->child())) return true;
  // By the instruction that the loop is known to have there, whichever the pointer turns out to mean.
  const PickRule both{raw.sample->registers.ip != calibration_loop().load, false};
  const DecodedSample decoded = decoder_->decode(raw, both);
  if (decoded.deferred) return true;
  calibration_->add_calibration(raw.sample->registers.ip,
                                decoded.picked ? std::optional(decoded.picked->address) : std::nullopt);
  return true;
}

void StallSource::Impl::handle(std::span<const std::byte> event) {
  const std::optional<RawSample> raw = parse_sample(event);
  if (raw && of_calibration(*raw)) return;
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
  interval_weight_ns_ += raw->sample->stands_for;
  ++seen_[{Pid{static_cast<std::int32_t>(header.tgid)}, Tid{static_cast<std::int32_t>(header.tid)}}];
  deliver(*raw, *target);
}

// Of time in which the program waited for memory; of time that it computed none is, see waiting_share.h.
bool StallSource::Impl::waited(const RawSample& raw, TargetId target, const DecodedSample& decoded) {
  if (!decoded.transition || verdict_.meaning != WeightMeaning::kStall) return true;
  WaitingShare& share = waiting_[target];
  share.add(*decoded.transition);
  return drawn(share.of(*decoded.transition, verdict_.ip_is_behind, decoded.place),
               raw.sample->header.time_ns, raw.sample->registers.ip);
}

void StallSource::Impl::deliver(const RawSample& raw, TargetId target) {
  const DecodedSample decoded = decoder_->decode(raw, rule_);
  if (decoded.deferred) {
    ++batch_.counters.deferred;
    batch_.deferred.push_back(target);
    return;
  }
  if (decoded.transition) calibration_->add_live(raw.sample->registers.ip, *decoded.transition);
  if (!waited(raw, target, decoded)) {
    ++batch_.counters.computing;
    batch_.computing.push_back(target);
    return;
  }
  // An access that is not the one the machine points at is not what it waited for.
  const std::optional<PickedAccess>& picked = decoded.picked;
  const bool exact = verdict_.meaning == WeightMeaning::kStall && decoded.transition;
  if (!picked || (exact && !picked->direct)) {
    ++batch_.counters.undecoded;
    batch_.undecoded.push_back(target);
    return;
  }
  const tier_event_header& header = raw.sample->header;
  const Nanoseconds time(static_cast<std::int64_t>(header.time_ns));
  if (exact && lines_.seen_again(header.tgid, picked->address, time)) {
    ++batch_.counters.computing;
    batch_.computing.push_back(target);
    return;
  }
  ++batch_.counters.delivered;
  AccessSample sample;
  sample.target = target;
  sample.tid = Tid{static_cast<std::int32_t>(header.tid)};
  sample.address = picked->address;
  sample.ip = raw.sample->registers.ip;
  sample.type = picked->type;
  sample.meaning = verdict_.meaning;
  sample.weight = weight_of(*raw.sample, picked->direct);
  sample.time = time;
  sample.source = SourceKind::kStall;
  sample.cpu = header.cpu;
  batch_.samples.push_back(sample);
}

// Stall: the time the sample stands for. Frequency: with samples spread evenly over instructions, those
// directly behind an access count executions of it exactly, time / (time per instruction) each; the others
// only show which addresses, so all share the total of the direct ones. Where interrupts come at the start of
// blocks alone no sample is direct, and the total is taken from what programs do on average.
double StallSource::Impl::weight_of(const tier_sample& sample, bool direct) {
  const double time = static_cast<double>(sample.stands_for) * 1e-9;
  if (verdict_.meaning == WeightMeaning::kStall) return time;
  direct_ = direct_ * kSmoothing + (direct ? 1 : 0);
  decoded_ = decoded_ * kSmoothing + 1;
  const double accesses = verdict_.at_block_starts ? kAccessesPerInstruction : direct_ / decoded_;
  return time / verdict_.instruction_seconds * accesses;
}

SampleBatch StallSource::Impl::collect() {
  const Nanoseconds cpu_begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  batch_ = {};
  const Nanoseconds drained = clock_.now();
  between_drains_ = std::max(between_drains_, drained - last_drain_);
  last_drain_ = drained;
  tables_->drain();
  // They come CPU by CPU, and what looks for patterns takes them as they followed each other.
  std::sort(batch_.samples.begin(), batch_.samples.end(),
            [](const AccessSample& a, const AccessSample& b) { return a.time < b.time; });
  if (calibration_->advance()) static_cast<void>(watch_all());  // a failure only delays calibration
  follow_calibration();
  batch_.counters += kernel_counters_.since_last(tables_->counters());
  totals_ += batch_.counters;
  interval_samples_ += batch_.counters.taken + batch_.counters.lost;
  interval_lost_ += batch_.counters.lost;
  interval_usable_ += batch_.counters.delivered + batch_.counters.computing;
  interval_cpu_ += clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_begin;
  if (const Nanoseconds now = clock_.now(); now - interval_begin_ >= kRateInterval) control_rate(now);
  return std::move(batch_);
}

RateInput StallSource::Impl::rate_input(double length, double tick_share) const {
  RateInput input;
  const double kept = static_cast<double>(interval_samples_ - std::min(interval_samples_, interval_lost_));
  if (kept > 0)
    input.busy_cpus = static_cast<double>(interval_weight_ns_) * 1e-9 / length *
                      static_cast<double>(interval_samples_) / kept;
  input.ticks_per_cpu = tick_ == TickProgram::kNone ? 0 : 1 / seconds(tick_period_);
  if (interval_samples_ > 0)
    input.usable_share = static_cast<double>(interval_usable_) / (samples_per_second_ * length);
  input.target_samples_per_second = options_.settings.target_samples_per_second;
  input.cpu_budget =
      budget_share_ * std::min(options_.settings.cpu_budget, SamplingSettings::kCpuBudgetLimit);
  input.spent = tick_share;
  input.stake = stake_;
  input.price = events_.price().value_or(Nanoseconds(0)) + program_price(tables_->counters());
  return input;
}

double StallSource::Impl::clock_wanted(const RateInput& input, Nanoseconds now) {
  std::vector<SeenThread> threads;
  for (const auto& [who, samples] : seen_) threads.push_back({who.first, who.second, samples});
  return events_.wanted(input, threads, now, tick_ != TickProgram::kNone);
}

void StallSource::Impl::control_rate(Nanoseconds now) {
  const double length = seconds(now - interval_begin_);
  samples_per_second_ = static_cast<double>(interval_samples_) / length;
  const std::uint64_t program_ns = tables_->counters().program_ns;
  const double program_share = static_cast<double>(program_ns - program_ns_) * 1e-9 / length;
  own_share_ = seconds(interval_cpu_) / length;
  const double tick_share = program_share + own_share_;
  cpu_share_ = events_.share() + tick_share;
  if (interval_samples_ > 0) decode_price_ = interval_cpu_ / static_cast<std::int64_t>(interval_samples_);
  const RateInput input = rate_input(length, tick_share);
  const bool ticks_only = tick_ != TickProgram::kNone && events_.frequency() == 0;
  // Smoothed from nothing: the first looks at unknown code are dear and soon over.
  unthinned_ += ((ticks_only ? tick_share * stride_ : 0) - unthinned_) / kBudgetIntervals;
  const double room =
      tables_->room() / std::max(1e-3, seconds(between_drains_));  // samples a second of one CPU
  const auto fits = static_cast<unsigned>(std::ceil(input.ticks_per_cpu / room));
  const unsigned stride = std::max(fits, ticks_only ? tick_stride(unthinned_, input.cpu_budget, stride_) : 1);
  // What was achieved while ticks were left out says nothing of how many more a clock would have to give.
  double wanted = std::max(stride, stride_) > 1 ? 0 : clock_wanted(input, now);
  wanted = std::min(wanted, std::max(0.0, room - input.ticks_per_cpu));
  if (tick_ == TickProgram::kNone && wanted == 0) wanted = events_.frequency();  // nothing else samples
  const bool changed = events_.set(wanted);
  if (changed || stride != stride_) {
    stride_ = stride;
    set_gaps();
  }
  program_ns_ = program_ns;
  interval_begin_ = now;
  between_drains_ = Nanoseconds(0);
  interval_samples_ = interval_usable_ = interval_weight_ns_ = interval_lost_ = 0;
  interval_cpu_ = Nanoseconds(0);
  seen_.clear();
}

double StallSource::Impl::samples_per_cpu_second() const {
  const double ticks = tick_ == TickProgram::kNone ? 0 : 1 / seconds(tick_period_) / stride_;
  return ticks + events_.sure_frequency();
}

SourceStatus StallSource::Impl::status() const {
  SourceStatus status;
  status.name = tick_ == TickProgram::kNone ? "stall-clock"
                : events_.frequency() > 0   ? "stall-tick+clock"
                                            : "stall-tick";
  status.meaning = verdict_.meaning;
  status.fidelity = fmt::format("{}; tick {:.0f} Hz, {}", calibration_->describe(),
                                tick_ == TickProgram::kNone ? 0.0 : 1 / seconds(tick_period_) / stride_,
                                events_.describe());
  status.samples_per_second = samples_per_second_;
  status.price_per_sample = program_price(tables_->counters()) + decode_price_;
  if (events_.frequency() > 0) status.price_per_sample += events_.price().value_or(Nanoseconds(0));
  status.cpu_share = cpu_share_;
  status.own_share = own_share_;
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

StallPrices StallSource::prices() const {
  return run() != nullptr ? static_cast<const Impl*>(run())->prices() : StallPrices{};
}

}  // namespace tier
