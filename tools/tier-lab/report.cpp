#include "tools/tier-lab/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tools/tier-lab/plugin/region_table.h"

namespace tier::lab {
namespace {

using nlohmann::json;

json period_arrays(const Verdict& verdict) {
  json arrays = {{"fast_share", json::array()},
                 {"oracle_share", json::array()},
                 {"static_oracle_share", json::array()},
                 {"misses", json::array()},
                 {"misses_by_node", json::array()},
                 {"stall_s", json::array()},
                 {"kernel_misses", json::array()},
                 {"kernel_stall_s", json::array()},
                 {"waited_s", json::array()},
                 {"kernel_waited_s", json::array()},
                 {"progress", json::array()}};
  for (const PeriodVerdict& period : verdict.periods) {
    arrays["fast_share"].push_back(period.fast_share);
    arrays["oracle_share"].push_back(period.oracle_share);
    arrays["static_oracle_share"].push_back(period.static_oracle_share);
    arrays["misses"].push_back(period.misses);
    arrays["misses_by_node"].push_back(period.misses_by_node);
    arrays["stall_s"].push_back(period.stall_s);
    arrays["kernel_misses"].push_back(period.kernel_misses);
    arrays["kernel_stall_s"].push_back(period.kernel_stall_s);
    arrays["waited_s"].push_back(period.waited_s);
    arrays["kernel_waited_s"].push_back(period.kernel_waited_s);
    arrays["progress"].push_back(period.progress);
  }
  return arrays;
}

json heat_json(const Verdict& verdict) {
  json rows = json::array();
  for (const auto& [region, cells] : verdict.heat) {
    json misses = json::array(), nodes = json::array();
    for (const HeatCell& cell : cells) {
      misses.push_back(cell.misses);
      nodes.push_back(cell.node);
    }
    rows.push_back({{"address", region << kRegionShift}, {"misses", misses}, {"node", nodes}});
  }
  return rows;
}

json latency_json(const std::optional<ClientLatency>& latency) {
  if (!latency) return nullptr;
  return {{"p50", latency->p50_us}, {"p99", latency->p99_us}, {"p999", latency->p999_us}};
}

json summary_json(const Verdict& verdict) {
  return {
      {"fast_share", verdict.fast_share},
      {"oracle_share", verdict.oracle_share},
      {"static_oracle_share", verdict.static_oracle_share},
      {"of_oracle", verdict.of_oracle},
      {"mean_of_oracle", verdict.mean_of_oracle},
      {"oracle_gap", verdict.oracle_share - verdict.fast_share},
      {"reached_90_percent_of_oracle_s",
       verdict.first_reached_s < 0 ? json(nullptr) : json(verdict.first_reached_s)},
      {"kept_90_percent_of_oracle_from_s", verdict.reached_s < 0 ? json(nullptr) : json(verdict.reached_s)},
      {"capacity_regions", verdict.capacity_regions},
      {"misses", verdict.misses},
      {"stall_s", verdict.stall_s},
      {"all_fast_stall_s", verdict.all_fast_stall_s},
      {"oracle_stall_s", verdict.oracle_stall_s},
      {"kernel_stall_s", verdict.kernel_stall_s},
      {"waited_s", verdict.waited_s},
      {"kernel_waited_s", verdict.kernel_waited_s},
      {"stall_per_million_misses_ms", verdict.stall_per_million_misses_ms},
      {"stall_per_million_ops_s", verdict.stall_per_million_ops_s},
      {"moved_up_mib", verdict.moved_up_mib < 0 ? json(nullptr) : json(verdict.moved_up_mib)},
      {"moved_down_mib", verdict.moved_down_mib < 0 ? json(nullptr) : json(verdict.moved_down_mib)},
      {"migrated_mib", verdict.migrated_mib},
      {"regions_seen_up", verdict.regions_seen_up},
      {"regions_seen_down", verdict.regions_seen_down},
      {"tool_cpu_s_per_s", verdict.tool_cpu},
      {"tool_clock_share", verdict.tool_clock_share},
      {"tool_rss_kib", verdict.tool_rss_kib},
      {"workload_cpu_s_per_s", verdict.workload_cpu},
      {"progress", verdict.progress},
      {"client_latency_us", latency_json(verdict.latency)},
      {"progress_per_s", verdict.progress_per_s},
      {"progress_per_s_tool_cpu_given_back", verdict.progress_per_s_alone},
      {"progress_per_s_tool_cpu_in_machine_time", verdict.progress_per_machine_s},
      {"oracle_progress_per_s", verdict.oracle_progress_per_s},
      {"oracle_moves", verdict.oracle_moves}};
}

// What the program felt: with the waiting clock this is what a run is judged by.
void add_felt_rows(const json& s, const std::function<void(const char*, const std::string&)>& row) {
  const auto millions = [&](const char* key) { return fmt::format("{:.3f}", s.at(key).get<double>() / 1e6); };
  row("the workload's operations a second (millions)", millions("progress_per_s"));
  row("  with the tool's CPU time given back", millions("progress_per_s_tool_cpu_given_back"));
  row("  had every period been known ahead (oracle)", millions("oracle_progress_per_s"));
  if (const json latency = s.value("client_latency_us", json()); !latency.is_null())
    row("its client's waits: median, 99 %, 99.9 % (us)",
        fmt::format("{:.0f}, {:.0f}, {:.0f}", latency.at("p50").get<double>(),
                    latency.at("p99").get<double>(), latency.at("p999").get<double>()));
  row("the workload's waits for memory (s)", fmt::format("{:.2f}", s.at("waited_s").get<double>()));
  row("the kernel's waits for memory (s)", fmt::format("{:.2f}", s.at("kernel_waited_s").get<double>()));
}

json identity(const Scenario& scenario, const RunRecord& record) {
  json nodes = json::array();
  for (const NodeSpec& node : scenario.topology.nodes)
    nodes.push_back(
        {{"size_mib", node.size_mib}, {"cpus", node.cpus.size()}, {"read_latency_ns", node.read_latency_ns}});
  return {{"schema", kResultSchema},
          {"scenario", scenario.name},
          {"description", scenario.description},
          {"kernel", scenario.kernel},
          {"tool", scenario.tool},
          {"seed", scenario.seed},
          {"length_s", scenario.length_s},
          {"period_s", scenario.period_s},
          {"fast_node", scenario.topology.fast_node()},
          {"nodes", nodes},
          {"clock",
           {{"kind", name_of(scenario.clock)},
            {"machine_ps_per_instruction", scenario.machine_ps_per_instruction()},
            {"guest_ns_per_instruction", scenario.ns_per_instruction()},
            {"stretch", scenario.stretch()},
            {"vcpu_clocks", scenario.own_clocks ? "own" : "shared"}}},
          {"self_test", record.self_test},
          {"machine", record.machine},
          {"collected", record.collected},
          {"tool_stop", record.tool_stop},
          {"log", record.lines}};
}

std::string percent(const json& value) { return fmt::format("{:.1f} %", value.get<double>() * 100); }
std::string mib(const json& value) {
  return value.is_null() ? "?" : fmt::format("{}", value.get<std::int64_t>());
}
std::string second(const json& value) {
  return value.is_null() ? "never" : fmt::format("{:.0f} s", value.get<double>());
}

// 24 steps of a 256-colour ramp for the fast node (warm) and for others (cold).
int colour_of(double heat, bool fast) {
  static constexpr int kWarm[] = {234, 52, 88, 124, 160, 196, 202, 208, 214, 220};
  static constexpr int kCold[] = {234, 17, 18, 19, 20, 21, 27, 33, 39, 45};
  const auto step = static_cast<std::size_t>(std::clamp(heat * 9.999, 0.0, 9.0));
  return fast ? kWarm[step] : kCold[step];
}

char letter_of(double heat, bool fast) {
  static constexpr char kFast[] = ".-=+*#%@";
  static constexpr char kSlow[] = ".abcdefg";
  const auto step = static_cast<std::size_t>(std::clamp(heat * 7.999, 0.0, 7.0));
  return fast ? kFast[step] : kSlow[step];
}

std::string cell_text(std::uint64_t misses, int node, int fast_node, double scale, bool colour) {
  if (misses == 0) return colour ? "\x1b[0m " : " ";
  const double heat = std::log1p(static_cast<double>(misses)) / scale;
  const double depth =
      std::clamp((heat - 0.4) / 0.6, 0.0, 1.0);  // the lowest 40 % of a logarithm are one shade
  if (!colour) return std::string(1, letter_of(depth, node == fast_node));
  return fmt::format("\x1b[48;5;{}m ", colour_of(depth, node == fast_node));
}

}  // namespace

json result_json(const Scenario& scenario, const RunRecord& record, const Verdict& verdict) {
  json result = identity(scenario, record);
  result["mode"] = "measure";
  result["summary"] = summary_json(verdict);
  result["periods"] = period_arrays(verdict);
  result["heat"] = heat_json(verdict);
  result["ticks"] = record.ticks;
  for (json& tick : result["ticks"]) tick.erase("maps");
  result["vmstat"] = {{"start", record.ticks.front().at("vmstat")},
                      {"end", record.ticks.back().at("vmstat")}};
  result["resident_kib"] = {{"start", record.ticks.front().value("resident_kib", json::array())},
                            {"end", record.ticks.back().value("resident_kib", json::array())}};
  return result;
}

json exec_json(const Scenario& scenario, const RunRecord& record) {
  json result = identity(scenario, record);
  result["mode"] = "exec";
  result["exits"] = record.exits;
  return result;
}

Result<json> load_result(const std::string& named) {
  std::error_code unknown;
  const bool folder = std::filesystem::is_directory(named, unknown);
  const std::string path = folder ? named + "/result.json" : named;
  std::ifstream file(path);
  if (!file)
    return fail(ErrorKind::kUsage, "cannot read " + path, "give a file that 'tier-lab run' has written");
  json result = json::parse(file, nullptr, false);
  if (result.is_discarded() || !result.is_object() || result.value("schema", "") != kResultSchema)
    return fail(ErrorKind::kUsage, path + " is not a result of schema " + kResultSchema,
                "run the scenario again");
  return result;
}

bool waiting_took_time(const json& result) {
  return result.contains("clock") && result.at("clock").at("kind") == name_of(ClockKind::kWaiting);
}

std::string result_table(const json& result) {
  const json& s = result.at("summary");
  std::string text =
      fmt::format("{} · kernel {} · tool {} · {:.0f} guest seconds\n",
                  result.at("scenario").get<std::string>(), result.at("kernel").get<std::string>(),
                  result.at("tool").get<std::string>(), result.at("length_s").get<double>());
  const auto row = [&](const char* name, const std::string& value) {
    text += fmt::format("  {:<46}{:>14}\n", name, value);
  };
  if (waiting_took_time(result)) add_felt_rows(s, row);
  row("accesses served by the fast tier", percent(s.at("fast_share")));
  row("  per-epoch oracle", percent(s.at("oracle_share")));
  row("  static oracle", percent(s.at("static_oracle_share")));
  row("  of the per-epoch oracle", percent(s.at("of_oracle")));
  row("90 % of the oracle first reached after", second(s.at("reached_90_percent_of_oracle_s")));
  row("90 % of the oracle kept from", second(s.at("kept_90_percent_of_oracle_from_s")));
  row("modelled stall of the workload (s)", fmt::format("{:.2f}", s.at("stall_s").get<double>()));
  row("  with everything in the fast tier", fmt::format("{:.2f}", s.at("all_fast_stall_s").get<double>()));
  row("  with the oracle", fmt::format("{:.2f}", s.at("oracle_stall_s").get<double>()));
  row("  per million misses (ms)", fmt::format("{:.2f}", s.at("stall_per_million_misses_ms").get<double>()));
  row("modelled stall of the kernel (s)", fmt::format("{:.2f}", s.at("kernel_stall_s").get<double>()));
  row("moved up / down (MiB)", mib(s.at("moved_up_mib")) + " / " + mib(s.at("moved_down_mib")));
  row("migrated in all (MiB)", mib(s.at("migrated_mib")));
  row("regions seen moving up / down", fmt::format("{} / {}", s.at("regions_seen_up").get<std::size_t>(),
                                                   s.at("regions_seen_down").get<std::size_t>()));
  row("the tool's CPU (s per s)", fmt::format("{:.4f}", s.at("tool_cpu_s_per_s").get<double>()));
  row("the workload's operations (millions)", fmt::format("{:.2f}", s.at("progress").get<double>() / 1e6));
  return text;
}

std::string compare_table(const std::vector<json>& results) {
  std::string text =
      fmt::format("{:<14}{:<7}{:<11}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>10}{:>8}{:>10}{:>9}\n", "scenario",
                  "kernel", "tool", "Mops/s", "vs none", "given b.", "oracle", "waits s", "fast", "oracle",
                  "90% kept", "moved", "kernel s", "tool CPU");
  const auto base =
      std::find_if(results.begin(), results.end(), [](const json& r) { return r.at("tool") == "none"; });
  for (const json& result : results) {
    const json& s = result.at("summary");
    const auto number = [&](const char* key) { return s.at(key).get<double>(); };
    const auto millions = [&](const char* key) { return fmt::format("{:.3f}", number(key) / 1e6); };
    std::string against = "-";
    if (base != results.end() && base->at("summary").at("progress_per_s").get<double>() > 0)
      against = fmt::format(
          "{:+.1f}%",
          100 * (number("progress_per_s") / base->at("summary").at("progress_per_s").get<double>() - 1));
    text +=
        fmt::format("{:<14}{:<7}{:<11}{:>9}{:>9}{:>9}{:>9}{:>8.2f}{:>8}{:>8}{:>10}{:>8}{:>10.2f}{:>9.4f}\n",
                    result.at("scenario").get<std::string>(), result.at("kernel").get<std::string>(),
                    result.at("tool").get<std::string>(), millions("progress_per_s"), against,
                    millions("progress_per_s_tool_cpu_given_back"), millions("oracle_progress_per_s"),
                    number("waited_s"), percent(s.at("fast_share")), percent(s.at("oracle_share")),
                    second(s.at("kept_90_percent_of_oracle_from_s")), mib(s.at("migrated_mib")),
                    number("kernel_waited_s"), number("tool_cpu_s_per_s"));
  }
  return text;
}

std::string heat_map(const json& result, std::size_t rows, bool colour) {
  const json& heat = result.at("heat");
  const int fast = result.at("fast_node").get<int>();
  std::vector<std::pair<std::uint64_t, std::size_t>> ranked;
  std::uint64_t hottest = 1;
  for (std::size_t i = 0; i < heat.size(); ++i) {
    std::uint64_t sum = 0;
    for (const json& cell : heat[i].at("misses")) {
      sum += cell.get<std::uint64_t>();
      hottest = std::max(hottest, cell.get<std::uint64_t>());
    }
    ranked.emplace_back(sum, i);
  }
  std::sort(ranked.rbegin(), ranked.rend());
  if (ranked.size() > rows) ranked.resize(rows);
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const double scale = std::log1p(static_cast<double>(hottest));
  std::string text = fmt::format(
      "{} · tool {} · the {} of {} regions with most misses; one column is {:.1f} guest seconds\n",
      result.at("scenario").get<std::string>(), result.at("tool").get<std::string>(), ranked.size(),
      heat.size(), result.at("period_s").get<double>());
  text += colour ? "\x1b[48;5;202m  \x1b[0m served by the fast tier  \x1b[48;5;21m  \x1b[0m by a slower one; "
                   "brighter is more misses\n"
                 : ". - = + * # % @  served by the fast tier;  . a b c d e f g  by a slower one; further "
                   "right is more misses\n";
  for (const auto& [sum, index] : ranked) {
    const json& row = heat[index];
    text += fmt::format("{:>14x} ", row.at("address").get<std::uint64_t>());
    for (std::size_t i = 0; i < row.at("misses").size(); ++i)
      text +=
          cell_text(row["misses"][i].get<std::uint64_t>(), row.at("node")[i].get<int>(), fast, scale, colour);
    text += colour ? "\x1b[0m\n" : "\n";
  }
  return text;
}

}  // namespace tier::lab
