#include "sim/host/platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace tier::sim {
namespace {

class Handle final : public ProcessHandle {
 public:
  Handle(const SimulatedPlatform& platform, Pid pid) : platform_(platform), pid_(pid) {}
  bool alive() const override { return platform_.describe(pid_).has_value(); }

 private:
  const SimulatedPlatform& platform_;
  Pid pid_;
};

tl::unexpected<Error> gone(Pid pid) {
  return fail(ErrorKind::kFailed, fmt::format("process {} does not exist", pid.value));
}

}  // namespace

SimulatedPlatform::SimulatedPlatform(Machine& machine)
    : machine_(machine), processes_(machine.targets().size()) {
  machine.attach(*this);
  // What was allocated before anybody looked.
  for (Region region = 0; region < machine.regions(); ++region)
    if (machine.tier_of(region) != kNowhere) on_allocate(machine, region, 1);
}

const SimulatedPlatform::Process* SimulatedPlatform::find(Pid pid) const {
  const auto index = static_cast<std::size_t>(pid.value - 100);
  if (pid.value < 100 || index >= processes_.size() || processes_[index].regions == 0) return nullptr;
  return &processes_[index];
}

void SimulatedPlatform::on_allocate(Machine& machine, Region first, std::uint32_t count) {
  Process& process = processes_[machine.target_of(first)];
  process.regions += count;
  ++process.version;
  auto [run, added] = process.runs.try_emplace(first, first + count);
  if (!added) run->second = std::max(run->second, first + count);
  if (const auto next = std::next(run); next != process.runs.end() && next->first <= run->second) {
    run->second = std::max(run->second, next->second);
    process.runs.erase(next);
  }
  if (run == process.runs.begin()) return;
  if (const auto before = std::prev(run); before->second >= run->first) {
    before->second = std::max(before->second, run->second);
    process.runs.erase(run);
  }
}

void SimulatedPlatform::on_release(Machine& machine, Region first, std::uint32_t count) {
  const Region end = first + count;
  for (Process& process : processes_) {
    auto run = process.runs.upper_bound(first);
    if (run != process.runs.begin()) --run;
    while (run != process.runs.end() && run->first < end) {
      const auto [from, to] = *run;
      if (to <= first) {
        ++run;
        continue;
      }
      run = process.runs.erase(run);
      process.regions -= std::min(to, end) - std::max(from, first);
      ++process.version;
      if (from < first) process.runs[from] = first;
      if (to > end) process.runs[end] = to;
    }
  }
  (void)machine;
}

Result<std::vector<Pid>> SimulatedPlatform::list() const {
  std::vector<Pid> pids;
  for (std::uint32_t target = 0; target < processes_.size(); ++target)
    if (find(pid_of(target)) != nullptr) pids.push_back(pid_of(target));
  return pids;
}

Result<Target> SimulatedPlatform::describe(Pid pid) const {
  const Process* process = find(pid);
  if (process == nullptr) return gone(pid);
  Target target;
  target.pid = pid;
  target.start_time = 1;
  target.name = machine_.targets()[static_cast<std::size_t>(pid.value - 100)].name;
  target.cgroup = "/";
  target.resident = {process->regions * machine_.region_size().value};
  for (int tier = 0; tier < machine_.tiers(); ++tier) target.allowed_nodes.push_back(NodeId{tier});
  return target;
}

Result<std::vector<Pid>> SimulatedPlatform::in_cgroup(const std::string&) const { return list(); }

Result<std::vector<Mapping>> SimulatedPlatform::mappings(Pid pid) const {
  const Process* process = find(pid);
  if (process == nullptr) return gone(pid);
  std::vector<Mapping> mappings;
  for (const auto& [first, end] : process->runs) {
    Mapping mapping;
    mapping.range = {machine_.address_of(first), machine_.address_of(end - 1) + machine_.region_size().value};
    mapping.readable = mapping.writable = true;
    mappings.push_back(mapping);
  }
  return mappings;
}

std::uint64_t SimulatedPlatform::mappings_version(Pid pid) const {
  const Process* process = find(pid);
  return process == nullptr ? 0 : process->version;
}

Result<std::unique_ptr<ProcessHandle>> SimulatedPlatform::open(Pid pid, std::uint64_t) const {
  if (find(pid) == nullptr) return gone(pid);
  return std::make_unique<Handle>(*this, pid);
}

PageCall SimulatedPlatform::locate(Pid pid, std::span<const Address> pages) const {
  PageCall call;
  if (find(pid) == nullptr) {
    call.value = -1;
    call.error_number = ESRCH;
    return call;
  }
  call.status.reserve(pages.size());
  for (const Address page : pages) {
    const auto region = machine_.region_at(page);
    const int tier = region ? machine_.tier_of(*region) : kNowhere;
    call.status.push_back(tier == kNowhere ? -ENOENT : tier);
  }
  return call;
}

PageCall SimulatedPlatform::move(Pid pid, std::span<const Address> pages, NodeId to, PageSharing) {
  PageCall call;
  call.status.assign(pages.size(), kStatusUnknown);
  const auto refuse = [&](int error) {
    call.value = -1;
    call.error_number = error;
    return call;
  };
  if (to.value < 0 || to.value >= machine_.tiers()) return refuse(ENODEV);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (find(pid) == nullptr) return refuse(ESRCH);
    const auto region = machine_.region_at(pages[i]);
    const int from = region ? machine_.tier_of(*region) : kNowhere;
    if (from == kNowhere) {
      call.status[i] = -ENOENT;
    } else if (from == to.value || machine_.move_now(*region, to.value)) {
      call.status[i] = to.value;
    } else {
      return refuse(ENOMEM);
    }
  }
  return call;
}

Result<std::vector<NumaNode>> SimulatedPlatform::nodes() const {
  std::vector<NumaNode> nodes;
  for (int tier = 0; tier < machine_.tiers(); ++tier) {
    const auto& description = machine_.description().tiers[static_cast<std::size_t>(tier)];
    NumaNode node;
    node.id = NodeId{tier};
    node.has_cpus = tier == 0;
    node.total = machine_.capacity(tier);
    node.free = machine_.free(tier);
    node.read_latency = description.latency;
    node.read_bandwidth = Bytes{static_cast<std::uint64_t>(description.bandwidth)};
    node.latency_source = FactSource::kFirmware;
    for (int other = 0; other < machine_.tiers(); ++other) node.distances.push_back(other == tier ? 10 : 20);
    nodes.push_back(node);
  }
  return nodes;
}

Result<Nanoseconds> SimulatedPlatform::measure(NodeId node) {
  if (node.value < 0 || node.value >= machine_.tiers())
    return fail(ErrorKind::kFailed, fmt::format("node {} does not exist", node.value));
  return machine_.loaded_latency(node.value);
}

// The share of time in which a runnable thread waits for a CPU, as far as there are more than CPUs.
std::optional<double> SimulatedPlatform::cpu_some_avg10() const {
  const double threads = machine_.busy_threads(), cpus = machine_.description().cpus;
  return threads <= cpus ? 0 : 100 * (1 - cpus / threads);
}

Result<void> SimulatedStallSource::start() {
  machine_.attach(sampler_);
  return {};
}

Result<void> SimulatedStallSource::set_targets(std::span<const Target> targets) {
  targets_.clear();
  for (const Target& target : targets) targets_[target.pid] = target.id;
  return {};
}

// Of one page of each region, as DAMON does, which clears the bit and looks at it when the interval is over.
void SimulatedStallSource::look_at_bits(SampleBatch& batch) {
  const Nanoseconds window = machine_.now() - bits_looked_;
  if (bits_every_.count() <= 0 || window < bits_every_) return;
  bits_looked_ = machine_.now();
  std::uniform_real_distribution<double> unit;
  for (Region region = 0; region < machine_.regions(); ++region) {
    const bool touched = unit(bits_random_) < touch_probability(machine_, region, window);
    const auto known = targets_.find(SimulatedPlatform::pid_of(machine_.target_of(region)));
    if (machine_.tier_of(region) == kNowhere || known == targets_.end()) continue;
    const Address start = machine_.address_of(region);
    batch.looks.push_back({known->second, {start, start + machine_.region_size().value}, touched});
  }
}

Result<SampleBatch> SimulatedStallSource::collect() {
  SampleBatch batch;
  look_at_bits(batch);
  std::uniform_int_distribution<std::uint64_t> line(0, machine_.region_size().value / 64 - 1);
  for (const SampledAccess& sampled : sampler_.take()) {
    const auto known = targets_.find(SimulatedPlatform::pid_of(sampled.target));
    if (known == targets_.end()) {
      ++batch.counters.foreign;
      continue;
    }
    AccessSample sample;
    sample.target = known->second;
    sample.tid = {SimulatedPlatform::pid_of(sampled.target).value};
    sample.address = machine_.address_of(sampled.region) + 64 * line(random_);
    sample.type = sampled.store ? AccessType::kStore : AccessType::kLoad;
    sample.meaning = WeightMeaning::kStall;
    sample.weight = sampled.weight;
    sample.time = machine_.now();
    batch.samples.push_back(sample);
  }
  const SamplingCounters& now = sampler_.counters();
  batch.counters.taken = now.taken - seen_.taken;
  batch.counters.undecoded = now.undecoded - seen_.undecoded;
  batch.counters.delivered = batch.samples.size();
  seen_ = now;
  totals_ += batch.counters;
  return batch;
}

SourceStatus SimulatedStallSource::status() const {
  SourceStatus status;
  status.name = "simulated stall";
  status.fidelity = "drawn from the simulated machine";
  status.totals = totals_;
  return status;
}

}  // namespace tier::sim
