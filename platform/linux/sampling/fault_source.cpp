#include "platform/linux/sampling/fault_source.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "faults.skel.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/sampling/source_meter.h"

namespace tier {
namespace {

constexpr std::uint64_t kWriteFault = 2;  // bit 1 of the x86 page fault error code

}  // namespace

class FaultSource::Impl final : public Run {
 public:
  Impl(const SamplingSettings& settings, std::string btf_path, const Clock& clock)
      : settings_(settings), btf_path_(std::move(btf_path)), meter_(clock) {}

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override {
    watched_.replace(targets);
    return events_.watch(watched_);
  }
  SampleBatch collect() override;
  SourceStatus status() const override;
  std::optional<Nanoseconds> longest_silence() const override { return std::nullopt; }  // first touches alone

 private:
  void handle(std::span<const std::byte> event);

  SamplingSettings settings_;
  std::string btf_path_;
  BpfSkeleton<faults_bpf> skeleton_;
  BpfEvents events_;
  BpfLink link_;
  WatchList watched_;
  CounterDifference kernel_counters_;
  SampleBatch batch_;
  Nanoseconds program_price_{};
  SourceMeter meter_;
};

Result<void> FaultSource::Impl::start() {
  TIER_TRY(require_btf(btf_path_));
  take_bpf_log();
  skeleton_.reset(faults_bpf__open());
  if (!skeleton_) return tl::make_unexpected(bpf_error("opening the fault sampler", errno));
  set_reader(*skeleton_->rodata, read_reader_view());
  TIER_TRY(prepare_tables(*skeleton_->obj, settings_));
  if (const int code = faults_bpf__load(skeleton_.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the fault sampler", -code));
  if (Result<void> opened = events_.open(*skeleton_->obj, [this](auto event) { handle(event); }); !opened)
    return opened;
  link_.reset(bpf_program__attach(skeleton_->progs.on_fault));
  if (!link_) return tl::make_unexpected(bpf_error("attaching to exceptions:page_fault_user", errno));
  return {};
}

void FaultSource::Impl::handle(std::span<const std::byte> event) {
  ++batch_.counters.taken;
  const auto* fault = reinterpret_cast<const tier_fault*>(event.data());
  if (event.size() < sizeof(*fault) || fault->header.version != TIER_EVENTS_VERSION) {
    ++batch_.counters.undecoded;
    return;
  }
  const std::optional<TargetId> target = watched_.find(fault->header.tgid, fault->header.start_ticks);
  if (!target) {
    ++batch_.counters.foreign;
    return;
  }
  ++batch_.counters.delivered;
  AccessSample sample;
  sample.target = *target;
  sample.tid = Tid{static_cast<std::int32_t>(fault->header.tid)};
  sample.address = fault->address;
  sample.ip = fault->ip;
  sample.type = (fault->error_code & kWriteFault) != 0 ? AccessType::kStore : AccessType::kLoad;
  sample.meaning = WeightMeaning::kAccesses;
  sample.weight = 1;
  sample.time = Nanoseconds(static_cast<std::int64_t>(fault->header.time_ns));
  sample.source = SourceKind::kFault;
  sample.cpu = fault->header.cpu;
  batch_.samples.push_back(sample);
}

SampleBatch FaultSource::Impl::collect() {
  const Nanoseconds cpu_begin = clock_time(CLOCK_THREAD_CPUTIME_ID);
  batch_ = {};
  events_.drain();
  const tier_counters now = events_.counters();
  program_price_ = program_price(now);
  batch_.counters += kernel_counters_.since_last(now);
  meter_.add(batch_.counters, clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
  return std::move(batch_);
}

SourceStatus FaultSource::Impl::status() const {
  SourceStatus status;
  status.name = "faults";
  status.meaning = WeightMeaning::kAccesses;
  status.fidelity =
      "page faults: each page shows once when it is first touched, and again on kernel NUMA hint faults";
  meter_.fill(status, program_price_);
  return status;
}

FaultSource::FaultSource(SamplingSettings settings, const Clock& clock, std::string btf_path)
    : SwitchedSource("faults"),
      settings_(std::move(settings)),
      clock_(clock),
      btf_path_(std::move(btf_path)) {}

std::unique_ptr<SwitchedSource::Run> FaultSource::new_run() const {
  return std::make_unique<Impl>(settings_, btf_path_, clock_);
}

}  // namespace tier
