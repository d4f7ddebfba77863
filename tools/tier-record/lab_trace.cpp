#include "tools/tier-record/lab_trace.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tools/tier-lab/report.h"
#include "tools/tier-lab/verdict.h"

namespace tier::record {
namespace {

using nlohmann::json;

// Events of before the kinds were told apart: every miss is random, stores have the node totals' share.
lab::KindMisses kinds_of(const lab::RegionCounts& region, const lab::PeriodCounts& period) {
  const lab::KindMisses& kinds = region.kinds;
  if (kinds.random_loads + kinds.random_stores + kinds.sequential_loads + kinds.sequential_stores > 0)
    return kinds;
  double reads = 0, writes = 0;
  for (const lab::NodeCounts& node : period.nodes) {
    reads += static_cast<double>(node.user_reads);
    writes += static_cast<double>(node.user_writes);
  }
  const auto stores = static_cast<std::uint32_t>(std::llround(
      static_cast<double>(region.total()) * (reads + writes > 0 ? writes / (reads + writes) : 0)));
  return {static_cast<std::uint32_t>(region.total()) - stores, stores, 0, 0};
}

// Mean read latency of the nodes that served a region, in seconds.
double served_latency(const lab::RegionCounts& region, const std::vector<double>& latencies) {
  double sum = 0;
  for (std::size_t node = 0; node < region.misses.size(); ++node)
    sum += static_cast<double>(region.misses[node]) * latencies[node];
  return region.total() == 0 ? 0 : sum / static_cast<double>(region.total());
}

// With the lab's waiting clock: what was waited for in full, in misses of the latency that served.
constexpr const char* kWaitedFor = "waited for";

bool waiting_was_counted(const lab::RunRecord& record) {
  return std::any_of(record.periods.begin(), record.periods.end(), [](const lab::PeriodCounts& period) {
    return std::any_of(period.regions.begin(), period.regions.end(),
                       [](const lab::RegionCounts& region) { return region.wait_ns > 0; });
  });
}

sim::WorkloadInfo info_of(const json& result, double threads, bool waits, const Reference& reference) {
  sim::WorkloadInfo info;
  info.name = result.at("scenario").get<std::string>();
  info.region_size = Bytes{std::uint64_t{1} << lab::kRegionShift};
  info.interval = Nanoseconds(std::llround(result.at("period_s").get<double>() * 1e9));
  info.targets = {{info.name, threads}};
  if (waits)
    info.streams = {{kWaitedFor, 0, 1, 0}};
  else
    info.streams = {{"random", 0, reference.parallelism, 0},
                    {"sequential", 0, kSequentialParallelism, kPrefetchable}};
  return info;
}

// Builds a run's intervals one after the other.
class LabReplay {
 public:
  LabReplay(const json& result, const lab::RunRecord& record, double threads, const Reference& reference)
      : spans_(lab::workload_spans(record)),
        threads_(threads),
        waits_(waiting_was_counted(record)),
        reference_(reference) {
    trace_.header.workload = info_of(result, threads, waits_, reference);
    trace_.header.has_stall = waits_;
    for (const json& node : result.at("nodes"))
      latencies_.push_back(node.at("read_latency_ns").get<double>() * 1e-9);
    for (const lab::PeriodCounts& period : record.periods)
      for (const lab::RegionCounts& region : lab::only_within(period.regions, spans_))
        if (region.total() > 0) indexes_.add(0, region.region), regions_.push_back(region.region);
    std::sort(regions_.begin(), regions_.end());
    regions_.erase(std::unique(regions_.begin(), regions_.end()), regions_.end());
    indexes_.number();
    trace_.header.workload.regions = indexes_.size();
  }

  void add(const lab::PeriodCounts& period) {
    sim::Interval interval;
    interval.duration = trace_.header.workload.interval;
    if (trace_.intervals.empty())
      indexes_.append_events(sim::RegionChange::kAllocate, 0, regions_, interval.events);
    auto demand = std::make_shared<sim::Demand>();
    demand->streams.resize(trace_.header.workload.streams.size());
    double stall = 0;
    std::vector<lab::RegionCounts> counted = lab::only_within(period.regions, spans_);
    std::sort(counted.begin(), counted.end(),
              [](const auto& a, const auto& b) { return a.region < b.region; });
    for (const lab::RegionCounts& region : counted)
      if (region.total() > 0)
        stall += waits_ ? add_waits(region, *demand) : add_region(region, kinds_of(region, period), *demand);
    interval.demand = std::move(demand);
    interval.compute = {std::max(0.0, seconds(interval.duration) * threads_ - stall)};
    trace_.intervals.push_back(std::move(interval));
  }

  Trace take() { return std::move(trace_); }

 private:
  // Both give the seconds that the region's demand waited on the nodes that served it.
  double add_waits(const lab::RegionCounts& region, sim::Demand& demand) {
    const double waited = static_cast<double>(region.wait_ns) * 1e-9;
    const auto misses = static_cast<float>(waited / served_latency(region, latencies_));
    if (misses > 0)
      demand.streams[0].push_back({indexes_.of(0, region.region), misses, 0, static_cast<float>(waited)});
    return waited;
  }

  double add_region(const lab::RegionCounts& region, const lab::KindMisses& kinds, sim::Demand& demand) {
    const double latency = served_latency(region, latencies_);
    const std::uint32_t loads[] = {kinds.random_loads, kinds.sequential_loads};
    const std::uint32_t stores[] = {kinds.random_stores, kinds.sequential_stores};
    double stall = 0;
    for (std::size_t i = 0; i < demand.streams.size(); ++i) {
      if (loads[i] + stores[i] == 0) continue;
      const sim::RegionDemand entry{indexes_.of(0, region.region), static_cast<float>(loads[i]),
                                    static_cast<float>(stores[i]), 0};
      demand.streams[i].push_back(entry);
      Reference served = reference_;
      served.latency = Nanoseconds(std::llround(latency * 1e9));
      stall += reference_stall(served, {entry}, trace_.header.workload.streams[i]);
    }
    return stall;
  }

  const std::vector<lab::Span> spans_;
  const double threads_;
  const bool waits_;
  const Reference reference_;
  std::vector<double> latencies_;  // by node, seconds
  RegionIndex indexes_;
  std::vector<std::uint64_t> regions_;
  Trace trace_;
};

}  // namespace

Result<Trace> lab_trace(const json& result, const lab::RunRecord& record, double threads,
                        const Reference& reference) {
  if (record.periods.empty())
    return fail(ErrorKind::kUsage, "the lab run has no counted periods", "record a run of mode \"measure\"");
  try {
    LabReplay replay(result, record, threads, reference);
    for (const lab::PeriodCounts& period : record.periods) replay.add(period);
    Trace trace = replay.take();
    trace.header.exact = true;
    trace.header.machine = {{"kind", "lab"}, {"nodes", result.at("nodes")}, {"facts", result.at("machine")}};
    trace.header.provenance = {{"scenario", result.at("scenario").get<std::string>()},
                               {"tool", result.at("tool").get<std::string>()},
                               {"kernel", result.at("kernel").get<std::string>()},
                               {"seed", std::to_string(result.at("seed").get<std::uint64_t>())}};
    return trace;
  } catch (const json::exception& reason) {
    return fail(ErrorKind::kUsage, "result.json lacks something: " + std::string(reason.what()),
                "run the scenario again with this version's tier-lab");
  }
}

Result<Trace> read_lab_trace(const std::string& folder, double threads, const Reference& reference) {
  const auto result = TIER_TRY(lab::load_result(folder + "/result.json"));
  const std::string path = folder + "/events.jsonl";
  std::ifstream events(path);
  if (!events)
    return fail(ErrorKind::kUsage, path + " cannot be read", "give the folder that tier-lab run --out wrote");
  lab::RunRecord record;
  for (std::string line; std::getline(events, line);) TIER_TRY(lab::accept_event(line, record));
  return lab_trace(result, record, threads, reference);
}

}  // namespace tier::record
