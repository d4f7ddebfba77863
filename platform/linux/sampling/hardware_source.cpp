#include "platform/linux/sampling/hardware_source.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <x86intrin.h>

#include <cerrno>

#include "hardware.skel.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/sampling/sample_decoder.h"
#include "platform/linux/sampling/source_meter.h"

namespace tier {
namespace {

constexpr Nanoseconds kClockCheck = std::chrono::milliseconds(5);

// Cycles of the time stamp counter per second; latencies are given in cycles close to it.
double cycles_per_second(const Clock& clock) {
  const Nanoseconds begin = clock.now();
  const std::uint64_t first = __rdtsc();
  Nanoseconds now = begin;
  for (int turns = 0; turns < 10'000'000 && now - begin < kClockCheck; ++turns) now = clock.now();
  const double time = seconds(now - begin);
  return time > 0 ? static_cast<double>(__rdtsc() - first) / time : 1e9;
}

Result<BpfSkeleton<hardware_bpf>> load(bool with_latency, const SamplingSettings& settings) {
  take_bpf_log();
  BpfSkeleton<hardware_bpf> skeleton(hardware_bpf__open());
  if (!skeleton) return tl::make_unexpected(bpf_error("opening the hardware sampler", errno));
  bpf_program__set_autoload(skeleton->progs.on_address_with_latency, with_latency);
  bpf_program__set_autoload(skeleton->progs.on_address, !with_latency);
  set_reader(*skeleton->rodata, read_reader_view());
  TIER_TRY(prepare_tables(*skeleton->obj, settings));
  if (const int code = hardware_bpf__load(skeleton.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the hardware sampler", -code));
  return skeleton;
}

perf_event_attr attributes_of(const HardwareEncoding& encoding, std::uint64_t period) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = encoding.type;
  attributes.config = encoding.config;
  attributes.config1 = encoding.config1;
  attributes.config2 = encoding.config2;
  attributes.precise_ip = encoding.precise & 3U;
  attributes.sample_period = period;
  attributes.sample_type = PERF_SAMPLE_ADDR | PERF_SAMPLE_WEIGHT | PERF_SAMPLE_DATA_SRC;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return attributes;
}

}  // namespace

class HardwareSource::Impl final : public Run {
 public:
  Impl(const SamplingSettings& settings, const HardwareEvent& event, const Clock& clock)
      : settings_(settings), event_(event), clock_(clock), meter_(clock) {}

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override {
    watched_.replace(targets);
    return events_.watch(watched_);
  }
  SampleBatch collect() override;
  SourceStatus status() const override;

 private:
  Result<void> open_encoding(const HardwareEncoding& encoding, int cpu, int program_fd);
  void handle(std::span<const std::byte> event);

  const SamplingSettings& settings_;
  const HardwareEvent& event_;
  const Clock& clock_;
  BpfSkeleton<hardware_bpf> skeleton_;
  BpfEvents events_;
  std::vector<FileDescriptor> perf_events_;
  bool with_latency_ = false;
  double cycles_per_second_ = 1e9;
  WatchList watched_;
  CounterDifference kernel_counters_;
  SampleBatch batch_;
  Nanoseconds program_price_{};
  SourceMeter meter_;
};

// IBS before Linux 6.2 cannot leave the kernel out; its addresses are dropped by the program.
Result<void> HardwareSource::Impl::open_encoding(const HardwareEncoding& encoding, int cpu, int program_fd) {
  int group = -1;
  if (encoding.leader_config != 0) {
    HardwareEncoding leader = encoding;
    leader.config = encoding.leader_config;
    leader.config1 = leader.config2 = 0;
    leader.precise = 0;
    perf_event_attr attributes = attributes_of(leader, 0);
    attributes.disabled = 0;
    auto opened = TIER_TRY(open_perf_event(&attributes, -1, cpu));
    group = opened.get();
    perf_events_.push_back(std::move(opened));
  }
  perf_event_attr attributes = attributes_of(encoding, settings_.hardware_period);
  Result<FileDescriptor> opened = open_perf_event(&attributes, -1, cpu, group);
  if (!opened) {
    attributes.exclude_kernel = attributes.exclude_hv = 0;
    opened = open_perf_event(&attributes, -1, cpu, group);
  }
  if (!opened) return tl::make_unexpected(opened.error());
  TIER_TRY(attach_program(*opened, program_fd));
  perf_events_.push_back(std::move(*opened));
  return {};
}

Result<void> HardwareSource::Impl::start() {
  TIER_TRY(require_btf(kKernelBtf));
  Result<BpfSkeleton<hardware_bpf>> loaded = load(event_.has_latency, settings_);
  with_latency_ = loaded.has_value() && event_.has_latency;
  if (!loaded && event_.has_latency) loaded = load(false, settings_);
  if (!loaded) return tl::make_unexpected(loaded.error());
  skeleton_ = std::move(*loaded);
  if (Result<void> opened = events_.open(*skeleton_->obj, [this](auto event) { handle(event); }); !opened)
    return opened;
  if (with_latency_) cycles_per_second_ = cycles_per_second(clock_);
  const int program_fd =
      bpf_program__fd(with_latency_ ? skeleton_->progs.on_address_with_latency : skeleton_->progs.on_address);
  for (const int cpu : online_cpus())
    for (const HardwareEncoding& encoding : event_.encodings)
      TIER_TRY(open_encoding(encoding, cpu, program_fd));
  return {};
}

void HardwareSource::Impl::handle(std::span<const std::byte> event) {
  ++batch_.counters.taken;
  const std::optional<RawSample> raw = parse_sample(event);
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
  ++batch_.counters.delivered;
  const auto stands_for = static_cast<double>(raw->sample->stands_for);
  AccessSample sample;
  sample.target = *target;
  sample.tid = Tid{static_cast<std::int32_t>(header.tid)};
  sample.address = raw->sample->address;
  sample.ip = raw->sample->registers.ip;
  if (event_.encodings.size() == 1) sample.type = event_.encodings.front().access;
  sample.meaning = with_latency_ ? WeightMeaning::kStall : WeightMeaning::kAccesses;
  sample.weight = with_latency_ ? static_cast<double>(raw->sample->latency) / cycles_per_second_ * stands_for
                                : stands_for;
  sample.time = Nanoseconds(static_cast<std::int64_t>(header.time_ns));
  sample.source = SourceKind::kHardware;
  sample.cpu = header.cpu;
  batch_.samples.push_back(sample);
}

SampleBatch HardwareSource::Impl::collect() {
  const Nanoseconds cpu_begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  batch_ = {};
  events_.drain();
  const tier_counters now = events_.counters();
  program_price_ = program_price(now);
  batch_.counters += kernel_counters_.since_last(now);
  meter_.add(batch_.counters, clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
  return std::move(batch_);
}

SourceStatus HardwareSource::Impl::status() const {
  SourceStatus status;
  status.name = "hardware";
  status.meaning = with_latency_ ? WeightMeaning::kStall : WeightMeaning::kAccesses;
  status.fidelity = fmt::format("{}, one sample per {} events, {}", event_.name, settings_.hardware_period,
                                with_latency_ ? "weighed by latency" : "weighed by count");
  meter_.fill(status, program_price_);
  return status;
}

HardwareSource::HardwareSource(SamplingSettings settings, HardwareEvent event, const Clock& clock)
    : SwitchedSource("hardware"), settings_(std::move(settings)), event_(std::move(event)), clock_(clock) {}

std::unique_ptr<SwitchedSource::Run> HardwareSource::new_run() const {
  return std::make_unique<Impl>(settings_, event_, clock_);
}

}  // namespace tier
