#include "platform/linux/sampling/feature_probe.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "platform/linux/capabilities.h"
#include "platform/linux/file.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/damon_source.h"
#include "platform/linux/sampling/damon_sysfs.h"
#include "platform/linux/sampling/hardware_events.h"
#include "platform/linux/sampling/kernel_types.h"

namespace tier {
namespace {

constexpr std::uint32_t kTrialRingBytes = 4096 * 16;

Result<void> try_tracing_program(const Result<std::shared_ptr<const KernelTypes>>& types) {
  // r0 = 0; exit, as a program on a tracepoint that every kernel with BTF has.
  const bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  take_bpf_log();
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_TRACE_RAW_TP;
  if (!types) return tl::make_unexpected(types.error());
  const auto type = (*types)->tracepoint("sched_switch");
  if (!type) return tl::make_unexpected(bpf_error("looking up tp_btf/sched_switch", ESRCH));
  options.attach_btf_id = *type;
  const FileDescriptor program(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "trial", "GPL", code, std::size(code), &options));
  if (!program.valid()) return tl::make_unexpected(bpf_error("loading a tp_btf program", errno));
  return {};
}

Result<void> try_ring_buffer() {
  const FileDescriptor ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "trial", 0, 0, kTrialRingBytes, nullptr));
  if (!ring.valid()) return tl::make_unexpected(bpf_error("creating a BPF ring buffer", errno));
  return {};
}

Result<void> try_clock_event() {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = 1000000000;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  const std::vector<int> cpus = online_cpus();
  TIER_TRY(open_perf_event(&attributes, -1, cpus.empty() ? 0 : cpus.front()));
  return {};
}

Result<void> try_pidfd() {
  const FileDescriptor fd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!fd.valid()) return fail_errno("pidfd_open", errno);
  return {};
}

Result<void> try_move_pages() {
  int status = 0;
  void* page = &status;
  if (move_pages(0, 1, &page, nullptr, &status, 0) != 0) return fail_errno("move_pages", errno);
  return {};
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

KernelTrials real_kernel_trials() {
  const auto types = KernelTypes::read();
  return {[types] { return try_tracing_program(types); },
          try_ring_buffer,
          try_clock_event,
          try_pidfd,
          try_move_pages,
          [types](const std::string& name) { return types && (*types)->tracepoint(name); }};
}

LinuxFeatureProbe::LinuxFeatureProbe(std::string root, KernelTrials trials, std::string runtime_directory)
    : root_(std::move(root)), trials_(std::move(trials)), runtime_directory_(std::move(runtime_directory)) {}

FeatureState LinuxFeatureProbe::tried(FeatureState state, const Result<void>& outcome) const {
  state.present = outcome.has_value();
  if (!outcome) {
    state.reason = outcome.error().message;
    if (!outcome.error().fix.empty()) state.fix = outcome.error().fix;
  }
  return state;
}

FeatureState LinuxFeatureProbe::traced(FeatureState state, const std::string& tracepoint) const {
  state.present = trials_.tracepoint_btf(tracepoint);
  if (!state.present) state.reason = "the kernel's BTF has no tracepoint " + tracepoint;
  return state;
}

FeatureState LinuxFeatureProbe::btf() const {
  FeatureState state{
      Feature::kBtf, "BTF (kernel type information)", false, "5.4", {}, "CONFIG_DEBUG_INFO_BTF=y"};
  return tried(state, require_btf(under(root_, kKernelBtf)));
}

FeatureState LinuxFeatureProbe::hardware() const {
  FeatureState state{Feature::kHardwareSampling,
                     "hardware memory sampling (PEBS, IBS, SPE)",
                     false,
                     "4.9",
                     {},
                     "bare metal, or a virtual machine with a virtual PMU that passes memory events through"};
  const Result<HardwareEvent> event = find_hardware_event(root_);
  state.present = event.has_value();
  if (!event) state.reason = event.error().message;
  return state;
}

FeatureState LinuxFeatureProbe::damon_sysfs() const {
  FeatureState state{Feature::kDamonVaddr,
                     "DAMON (fvaddr through sysfs)",
                     false,
                     "5.19",
                     {},
                     "CONFIG_DAMON=y, CONFIG_DAMON_VADDR=y, CONFIG_DAMON_SYSFS=y"};
  const std::string admin = under(root_, kDamonAdmin);
  const Result<std::string> count = read_file(admin + "/kdamonds/nr_kdamonds");
  if (!count) {
    state.reason = count.error().message;
    return state;
  }
  const int kdamonds = std::atoi(count->c_str());
  const DamonRecord record(under(root_, runtime_directory_), under(root_, kBootId));
  const DamonOwner owner = damon_owner(admin, kdamonds, record);
  const Error refusal = damon_refusal(owner, kdamonds, admin, record);
  if (!refusal.message.empty()) {
    state.reason = refusal.message;
    state.fix = refusal.fix;
  } else if (const std::string user = kernel_damon_user(under(root_, "/sys/module")); !user.empty()) {
    state.reason = "somebody else runs DAMON: the kernel's own " + user;
    state.fix = "echo N > /sys/module/" + user + "/parameters/enabled";
  } else {
    state.present = true;
  }
  return state;
}

FeatureState LinuxFeatureProbe::move_pages() const {
  FeatureState state{Feature::kMovePages,
                     "move_pages(2) on other processes",
                     false,
                     "2.6.18",
                     {},
                     "CONFIG_NUMA=y and CONFIG_MIGRATION=y"};
  state = tried(state, trials_.move_pages());
  if (!state.present) return state;
  const Result<std::string> status = read_file(under(root_, "/proc/self/status"));
  const std::uint64_t held = status ? effective_capabilities(*status) : 0;
  const bool ptrace = (held >> CAP_SYS_PTRACE & 1U) != 0, nice = (held >> CAP_SYS_NICE & 1U) != 0;
  if (ptrace && nice) return state;
  state.present = false;
  state.reason =
      std::string("this process lacks ") + (ptrace ? "" : "CAP_SYS_PTRACE ") + (nice ? "" : "CAP_SYS_NICE");
  state.fix = "run as root or grant CAP_SYS_PTRACE and CAP_SYS_NICE";
  return state;
}

FeatureState LinuxFeatureProbe::psi() const {
  FeatureState state{Feature::kPsi,
                     "PSI (pressure stall information)",
                     false,
                     "4.20",
                     {},
                     "CONFIG_PSI=y, and psi=1 on the kernel command line where it is off by default"};
  const Result<std::string> text = read_file(under(root_, "/proc/pressure/memory"));
  state.present = text.has_value();
  if (!text) state.reason = text.error().message;
  return state;
}

FeatureState LinuxFeatureProbe::hmat() const {
  FeatureState state{Feature::kHmat,
                     "HMAT (firmware's latency and bandwidth of nodes)",
                     false,
                     "5.2",
                     "no node has access0/initiators/read_latency",
                     "CONFIG_ACPI_HMAT=y and firmware that has the table; measured latency stands in"};
  std::error_code ignored;
  const std::string nodes = under(root_, "/sys/devices/system/node");
  for (const auto& entry : std::filesystem::directory_iterator(nodes, ignored))
    if (exists(entry.path().string() + "/access0/initiators/read_latency")) {
      state.present = true;
      state.reason.clear();
    }
  return state;
}

std::vector<FeatureState> LinuxFeatureProbe::probe() {
  const std::string bpf_fix = "CONFIG_BPF_SYSCALL=y, CONFIG_BPF_EVENTS=y";
  std::vector<FeatureState> all;
  all.push_back(btf());
  all.push_back(tried({Feature::kBpfTracing, "BPF tracing programs (tp_btf)", false, "5.5", {}, bpf_fix},
                      trials_.tracing_program()));
  all.push_back(
      tried({Feature::kBpfRingBuffer, "BPF ring buffer", false, "5.8", {}, bpf_fix}, trials_.ring_buffer()));
  all.push_back(tried({Feature::kPerfCpuClock,
                       "perf cpu-clock event with a BPF program",
                       false,
                       "4.9",
                       {},
                       "CONFIG_PERF_EVENTS=y"},
                      trials_.clock_event()));
  all.push_back(hardware());
  all.push_back(damon_sysfs());
  all.push_back(traced(
      {Feature::kDamonTracepoint, "tracepoint damon:damon_aggregated", false, "5.15", {}, "CONFIG_DAMON=y"},
      "damon_aggregated"));
  all.push_back(traced({Feature::kFaultTracepoint,
                        "tracepoint exceptions:page_fault_user",
                        false,
                        "3.13",
                        {},
                        "an x86 kernel with CONFIG_TRACEPOINTS=y"},
                       "page_fault_user"));
  all.push_back(move_pages());
  all.push_back(
      tried({Feature::kPidfd, "pidfd_open(2)", false, "5.3", {}, "a newer kernel"}, trials_.pidfd()));
  all.push_back(psi());
  all.push_back(hmat());
  return all;
}

}  // namespace tier
