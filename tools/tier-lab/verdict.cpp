#include "tools/tier-lab/verdict.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <sstream>

#include "tools/tier-lab/oracle.h"
#include "tools/tier-lab/plugin/region_table.h"

namespace tier::lab {
namespace {

using nlohmann::json;
constexpr double kReached = 0.9;
constexpr std::int64_t kPageKib = 4;
constexpr double kMostToolCpu = 0.95;  // a tool that leaves less to the program is not set off

double latency_s(const Scenario& scenario, std::size_t node) {
  return static_cast<double>(scenario.topology.nodes[node].read_latency_ns) * 1e-9;
}

// Progress counts up over the run; the period's share of it is the difference between two ticks.
double progress_at(const RunRecord& record, std::size_t tick) {
  return tick < record.ticks.size() ? std::atof(record.ticks[tick].value("progress", "0").c_str()) : 0;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

PeriodVerdict judge_period(const Scenario& scenario, const PeriodCounts& counts,
                           const std::vector<RegionCounts>& regions, std::size_t capacity) {
  PeriodVerdict period;
  period.misses_by_node.assign(counts.nodes.size(), 0);
  std::vector<std::uint64_t> totals;
  for (const RegionCounts& region : regions) {
    for (std::size_t node = 0; node < region.misses.size(); ++node)
      period.misses_by_node[node] += region.misses[node];
    totals.push_back(region.total());
    period.waited_s += static_cast<double>(region.wait_ns) * 1e-9;
  }
  period.misses = std::accumulate(totals.begin(), totals.end(), std::uint64_t{0});
  period.fast_share = share(period.misses_by_node[scenario.topology.fast_node()], period.misses);
  period.oracle_share = share(top_sum(totals, capacity), period.misses);
  for (std::size_t node = 0; node < counts.nodes.size(); ++node) {
    const std::uint64_t kernel = counts.nodes[node].kernel_reads + counts.nodes[node].kernel_writes;
    period.kernel_misses += kernel;
    period.kernel_waited_s += static_cast<double>(counts.nodes[node].kernel_wait_ns) * 1e-9;
    period.stall_s += static_cast<double>(period.misses_by_node[node]) * latency_s(scenario, node);
    period.kernel_stall_s += static_cast<double>(kernel) * latency_s(scenario, node);
  }
  return period;
}

// Which regions a clairvoyant would have left in the fast node for the whole run.
void add_static_oracle(const std::vector<std::vector<RegionCounts>>& regions, std::size_t capacity,
                       Verdict& verdict) {
  std::map<std::uint64_t, std::uint64_t> totals;
  for (const auto& period : regions)
    for (const RegionCounts& region : period) totals[region.region] += region.total();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranked;
  ranked.reserve(totals.size());
  for (const auto& [region, total] : totals) ranked.emplace_back(total, region);
  std::sort(ranked.rbegin(), ranked.rend());
  ranked.resize(std::min(ranked.size(), capacity));
  std::map<std::uint64_t, bool> chosen;
  for (const auto& [total, region] : ranked) chosen[region] = true;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    std::uint64_t served = 0;
    for (const RegionCounts& region : regions[i])
      if (chosen.count(region.region) != 0) served += region.total();
    verdict.periods[i].static_oracle_share = share(served, verdict.periods[i].misses);
  }
}

void add_heat(const std::vector<std::vector<RegionCounts>>& regions, std::size_t fast, Verdict& verdict) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    for (const RegionCounts& region : regions[i]) {
      auto& row = verdict.heat.try_emplace(region.region, regions.size()).first->second;
      const auto most = std::max_element(region.misses.begin(), region.misses.end());
      row[i] = {region.total(), region.total() == 0 ? -1 : static_cast<int>(most - region.misses.begin())};
    }
  }
  for (const auto& [region, row] : verdict.heat) {
    int last = -1;
    for (const HeatCell& cell : row) {
      if (cell.node < 0) continue;
      if (last >= 0 && last != cell.node)
        ++(cell.node == static_cast<int>(fast) ? verdict.regions_seen_up : verdict.regions_seen_down);
      last = cell.node;
    }
  }
}

void add_totals(const Scenario& scenario, Verdict& verdict) {
  double fast = 0, oracle = 0, fixed = 0, ratio = 0;
  double slow_latency = 0;
  const std::size_t fast_node = scenario.topology.fast_node();
  for (std::size_t node = 0; node < scenario.topology.nodes.size(); ++node)
    if (node != fast_node) slow_latency = std::max(slow_latency, latency_s(scenario, node));
  for (const PeriodVerdict& period : verdict.periods) {
    const auto weight = static_cast<double>(period.misses);
    verdict.misses += period.misses;
    fast += weight * period.fast_share;
    oracle += weight * period.oracle_share;
    fixed += weight * period.static_oracle_share;
    ratio += period.oracle_share > 0 ? period.fast_share / period.oracle_share : 1;
    verdict.stall_s += period.stall_s;
    verdict.kernel_stall_s += period.kernel_stall_s;
    verdict.waited_s += period.waited_s;
    verdict.kernel_waited_s += period.kernel_waited_s;
    verdict.progress += period.progress;
    verdict.all_fast_stall_s += weight * latency_s(scenario, fast_node);
    verdict.oracle_stall_s += weight * (period.oracle_share * latency_s(scenario, fast_node) +
                                        (1 - period.oracle_share) * slow_latency);
  }
  const auto misses = static_cast<double>(verdict.misses);
  verdict.fast_share = fast / misses;
  verdict.oracle_share = oracle / misses;
  verdict.static_oracle_share = fixed / misses;
  verdict.of_oracle = verdict.oracle_share > 0 ? verdict.fast_share / verdict.oracle_share : 0;
  verdict.mean_of_oracle = ratio / static_cast<double>(verdict.periods.size());
  verdict.stall_per_million_misses_ms = verdict.stall_s * 1e9 / misses;
  if (verdict.progress > 0)
    verdict.stall_per_million_ops_s = (verdict.stall_s + verdict.kernel_stall_s) * 1e6 / verdict.progress;
}

void add_oracle_run(const Scenario& scenario, const std::vector<std::vector<RegionCounts>>& regions,
                    Verdict& verdict) {
  if (scenario.clock != ClockKind::kWaiting) return;
  std::vector<double> progress;
  for (const PeriodVerdict& period : verdict.periods) progress.push_back(period.progress);
  const OracleRun run = oracle_run(scenario, regions, progress, verdict.capacity_regions);
  verdict.oracle_progress_per_s = run.total() / (static_cast<double>(progress.size()) * scenario.period_s);
  verdict.oracle_moves = run.moves;
}

// Difference of a counter of /proc/vmstat between the first and the last tick, in MiB; -1 when this kernel
// has none.
std::int64_t counted_mib(const RunRecord& record, const std::vector<std::string>& names) {
  std::int64_t pages = 0;
  bool found = false;
  const json& first = record.ticks.front().at("vmstat");
  const json& last = record.ticks.back().at("vmstat");
  for (const std::string& name : names) {
    if (!last.contains(name)) continue;
    found = true;
    pages += last[name].get<std::int64_t>() - first.value(name, std::int64_t{0});
  }
  return found ? pages * kPageKib / 1024 : -1;
}

void add_costs(const Scenario& scenario, const RunRecord& record, Verdict& verdict) {
  const json& first = record.ticks.front();
  const json& last = record.ticks.back();
  const double seconds = last.at("uptime").get<double>() - first.at("uptime").get<double>();
  const auto rate = [&](const char* key) {
    return seconds > 0 ? (last.value(key, 0.0) - first.value(key, 0.0)) / seconds : 0;
  };
  verdict.kernel_threads_cpu = rate("kernel_threads_cpu");
  verdict.tool_cpu = rate("tool_cpu") + verdict.kernel_threads_cpu;
  verdict.workload_cpu = rate("workload_cpu");
  verdict.progress_per_s = seconds > 0 ? verdict.progress / seconds : 0;
  // vCPUs that are busy at the same time take turns of equal length on the shared clock, and the guest takes
  // all of it for each one's own: of what it counts for the tool, half was the program's while that was busy.
  const bool takes_turns = scenario.topology.vcpus > 1 && !scenario.own_clocks;
  verdict.tool_clock_share =
      verdict.tool_cpu * (takes_turns ? 1 - std::clamp(verdict.workload_cpu, 0.0, 1.0) / 2 : 1);
  verdict.progress_per_s_alone = verdict.progress_per_s;
  if (takes_turns && verdict.tool_clock_share < kMostToolCpu)
    verdict.progress_per_s_alone /= 1 - verdict.tool_clock_share;
  verdict.progress_per_machine_s =
      verdict.progress_per_s_alone * (1 - verdict.tool_clock_share / static_cast<double>(scenario.stretch()));
  verdict.tool_rss_kib = last.value("tool_rss_kib", std::int64_t{0});
  verdict.migrated_mib = std::max<std::int64_t>(0, counted_mib(record, {"pgmigrate_success"}));
  if (scenario.tool == "numab") {
    verdict.moved_up_mib = counted_mib(record, {"pgpromote_success"});
    verdict.moved_down_mib = counted_mib(
        record, {"pgdemote_kswapd", "pgdemote_direct", "pgdemote_khugepaged", "pgdemote_proactive"});
  } else if (scenario.tool == "damos" && !last.at("damos").empty()) {
    const auto moved = [&](const char* key) {
      return (last["damos"].value(key, 0LL) - first.at("damos").value(key, 0LL)) >> 20;
    };
    verdict.moved_up_mib = moved("hot_bytes");
    verdict.moved_down_mib = moved("cold_bytes");
  } else if (scenario.tool == "none") {
    verdict.moved_up_mib = verdict.moved_down_mib = 0;
  }
}

}  // namespace

std::vector<Span> workload_spans(const RunRecord& record) {
  std::vector<Span> spans;
  for (const json& tick : record.ticks)
    if (tick.contains("maps"))
      for (const json& span : tick["maps"])
        spans.push_back({span.at(0).get<std::uint64_t>(), span.at(1).get<std::uint64_t>()});
  return spans;
}

std::vector<RegionCounts> only_within(const std::vector<RegionCounts>& regions,
                                      const std::vector<Span>& spans) {
  if (spans.empty()) return regions;
  std::vector<RegionCounts> kept;
  for (const RegionCounts& region : regions) {
    const std::uint64_t start = region.region << kRegionShift;
    const std::uint64_t end = start + (std::uint64_t{1} << kRegionShift);
    if (std::any_of(spans.begin(), spans.end(),
                    [&](const Span& span) { return span.start < end && span.end > start; }))
      kept.push_back(region);
  }
  return kept;
}

std::optional<ClientLatency> latency_in(const std::string& progress) {
  std::istringstream words(progress);
  double operations = 0;
  std::string name;
  ClientLatency latency;
  words >> operations >> name >> latency.p50_us >> latency.p99_us >> latency.p999_us;
  if (!words || name != "latency_us" || latency.p50_us < 0 || latency.p99_us < latency.p50_us ||
      latency.p999_us < latency.p99_us)
    return std::nullopt;
  return latency;
}

std::uint64_t top_sum(std::vector<std::uint64_t> totals, std::size_t capacity) {
  capacity = std::min(capacity, totals.size());
  std::partial_sort(totals.begin(), totals.begin() + static_cast<std::ptrdiff_t>(capacity), totals.end(),
                    std::greater<>());
  return std::accumulate(totals.begin(), totals.begin() + static_cast<std::ptrdiff_t>(capacity),
                         std::uint64_t{0});
}

double kept_from(const std::vector<PeriodVerdict>& periods, double period_s) {
  std::size_t first = periods.size();
  while (first > 0 && periods[first - 1].fast_share >= kReached * periods[first - 1].oracle_share) --first;
  return first == periods.size() ? -1 : static_cast<double>(first + 1) * period_s;
}

Result<Verdict> judge(const Scenario& scenario, const RunRecord& record) {
  const std::size_t fast = scenario.topology.fast_node();
  if (record.periods.empty() || record.ticks.size() < 2 || !record.stopped)
    return fail(ErrorKind::kFailed, "the run ended before its stop mark: " +
                                        std::to_string(record.periods.size()) + " periods counted");
  if (record.free_kib.size() <= fast)
    return fail(ErrorKind::kFailed, "the guest has not told how much of the fast node was free");
  Verdict verdict;
  verdict.capacity_regions = static_cast<std::size_t>(record.free_kib[fast] >> (kRegionShift - 10));
  const std::vector<Span> spans = workload_spans(record);
  std::vector<std::vector<RegionCounts>> regions;
  for (std::size_t i = 0; i < record.periods.size(); ++i) {
    regions.push_back(only_within(record.periods[i].regions, spans));
    verdict.periods.push_back(
        judge_period(scenario, record.periods[i], regions.back(), verdict.capacity_regions));
    verdict.periods.back().progress = std::max(0.0, progress_at(record, i + 1) - progress_at(record, i));
    if (verdict.first_reached_s < 0 &&
        verdict.periods.back().fast_share >= kReached * verdict.periods.back().oracle_share)
      verdict.first_reached_s = static_cast<double>(i + 1) * scenario.period_s;
  }
  verdict.reached_s = kept_from(verdict.periods, scenario.period_s);
  add_static_oracle(regions, verdict.capacity_regions, verdict);
  add_heat(regions, fast, verdict);
  add_oracle_run(scenario, regions, verdict);
  add_totals(scenario, verdict);
  if (verdict.misses == 0)
    return fail(ErrorKind::kFailed, "not one miss of the workload was counted",
                "is its data larger than the modelled cache?");
  add_costs(scenario, record, verdict);
  verdict.latency = latency_in(record.ticks.back().value("progress", ""));
  return verdict;
}

}  // namespace tier::lab
