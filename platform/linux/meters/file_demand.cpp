#include "platform/linux/meters/file_demand.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "bpf/file_demand.h"
#include "file_demand.skel.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"
#include "platform/linux/sampling/kernel_types.h"

namespace tier {
namespace {

bool has_tracepoints() {
  const auto types = KernelTypes::read();
  return types && (*types)->tracepoint("mm_filemap_get_pages");
}

// A kernel that knows the functions may still let nobody attach to them.
tl::unexpected<Error> cannot(const char* verb, int error_number, bool tracepoints) {
  Error error =
      bpf_error(fmt::format("{} the programs that count what files are asked for", verb), error_number);
  if (!tracepoints)
    error.fix += fmt::format(
        "{}or a kernel with tracepoints of the page cache (Linux 6.12), or one that lets programs attach to "
        "functions (CONFIG_FUNCTION_TRACER with direct calls)",
        error.fix.empty() ? "" : "; ");
  return tl::make_unexpected(std::move(error));
}

bool exists(const std::string& path) {
  struct stat unused {};
  return stat(path.c_str(), &unused) == 0;
}

}  // namespace

std::optional<std::uint32_t> readahead_device(std::uint32_t device, const std::string& root) {
  const std::string folder = under(root, fmt::format("/sys/dev/block/{}:{}", device >> 20, device & 0xFFFFF));
  if (exists(folder + "/queue/read_ahead_kb")) return device;
  if (!exists(folder + "/partition") || !exists(folder + "/../queue/read_ahead_kb")) return {};
  const auto text = read_file(folder + "/../dev", 64);
  if (!text) return {};
  const std::string_view number = trimmed(*text);
  const std::size_t colon = number.find(':');
  if (colon == std::string_view::npos) return {};
  const auto major = parse_number(number.substr(0, colon)), minor = parse_number(number.substr(colon + 1));
  // include/linux/kdev_t.h: twelve bits and twenty.
  if (!major || !minor || *major >= 1U << 12 || *minor >= 1U << 20) return {};
  return static_cast<std::uint32_t>(*major << 20 | *minor);
}

class FileDemandMeter::Impl {
 public:
  Result<void> start(const std::string& btf_path);
  // Totals by device, summed over CPUs.
  std::map<std::uint32_t, tier_file_demand> totals() const;

 private:
  BpfSkeleton<file_demand_bpf> skeleton_;
  int map_ = -1;
  int cpus_ = 0;
};

Result<void> FileDemandMeter::Impl::start(const std::string& btf_path) {
  TIER_TRY(require_btf(btf_path));
  const bool tracepoints = has_tracepoints();
  take_bpf_log();
  skeleton_.reset(file_demand_bpf__open());
  if (!skeleton_) return cannot("opening", errno, tracepoints);
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(skeleton_->obj, program)) != nullptr) {
    const std::string_view section = bpf_program__section_name(program);
    bpf_program__set_autoload(program, section.starts_with("tp_btf/") == tracepoints);
  }
  if (const int code = file_demand_bpf__load(skeleton_.get()); code != 0)
    return cannot("loading", -code, tracepoints);
  if (const int code = file_demand_bpf__attach(skeleton_.get()); code != 0)
    return cannot("attaching", -code, tracepoints);
  map_ = bpf_map__fd(skeleton_->maps.by_device);
  cpus_ = libbpf_num_possible_cpus();
  if (cpus_ <= 0)
    return fail(ErrorKind::kFailed, "the kernel names no possible CPUs", "sysfs must be mounted");
  return {};
}

std::map<std::uint32_t, tier_file_demand> FileDemandMeter::Impl::totals() const {
  std::map<std::uint32_t, tier_file_demand> all;
  std::vector<tier_file_demand> each(static_cast<std::size_t>(cpus_));
  std::uint32_t device = 0;
  // Nothing is ever removed, so the walk ends.
  for (const std::uint32_t* before = nullptr; bpf_map_get_next_key(map_, before, &device) == 0;
       before = &device) {
    if (bpf_map_lookup_elem(map_, &device, each.data()) != 0) continue;
    const auto whole = readahead_device(device);
    if (!whole) continue;
    tier_file_demand& total = all[*whole];
    for (const tier_file_demand& one : each) {
      total.bytes += one.bytes;
      total.sequential += one.sequential;
      total.strided += one.strided;
    }
  }
  return all;
}

FileDemandMeter::FileDemandMeter(std::unique_ptr<Impl> impl, const Clock& clock)
    : impl_(std::move(impl)), clock_(clock) {}
FileDemandMeter::~FileDemandMeter() = default;

Result<std::unique_ptr<FileDemandMeter>> FileDemandMeter::start(const Clock& clock,
                                                                const std::string& btf_path) {
  auto impl = std::make_unique<Impl>();
  TIER_TRY(impl->start(btf_path));
  return std::unique_ptr<FileDemandMeter>(new FileDemandMeter(std::move(impl), clock));
}

std::vector<CounterReading> FileDemandMeter::read() {
  std::vector<CounterReading> readings;
  const Nanoseconds now = clock_.now();
  for (const auto& [device, total] : impl_->totals()) {
    const auto add = [&, unit = device](Signal signal, std::uint64_t value) {
      CounterReading reading;
      reading.signal = signal;
      reading.unit = unit;
      reading.value = value;
      reading.at = now;
      readings.push_back(reading);
    };
    add(Signal::kFileDemand, total.bytes);
    add(Signal::kFileSequential, total.sequential);
    add(Signal::kFileStrided, total.strided);
  }
  return readings;
}

}  // namespace tier
