#include "tools/tier-lab/effect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tools/tier-lab/report.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {
namespace {

using nlohmann::json;

double number(const json& result, const char* name) { return result.at("summary").at(name).get<double>(); }
double millions(const json& result) { return number(result, "progress") / 1e6; }
// Seconds of waiting in a million operations.
double wait(const json& result) { return number(result, "waited_s") / millions(result); }
double percent_more(double now, double before) { return before > 0 ? 100 * (now / before - 1) : 0; }

Result<> comparable(const json& without, const json& with) {
  if (without.at("tool") != "none")
    return fail(ErrorKind::kUsage, "the first result was taken with " + without.at("tool").get<std::string>(),
                "give the run with --tool none first");
  const auto text = [](const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
  };
  const json kNoClock;
  const auto of = [&](const json& result, const char* key) -> const json& {
    return result.contains(key) ? result.at(key) : kNoClock;  // older results have no clock
  };
  for (const char* key : {"scenario", "kernel", "seed", "length_s", "clock"})
    if (of(without, key) != of(with, key))
      return fail(ErrorKind::kUsage,
                  fmt::format("the two results differ in {}: {} and {}", key, text(of(without, key)),
                              text(of(with, key))),
                  "compare two runs of one scenario that differ in the tool alone");
  if (!waiting_took_time(with))
    return fail(ErrorKind::kUsage, "on the clock of these results waiting for memory took no time",
                "run the scenario without --clock instructions");
  for (const json* result : {&without, &with})
    if (number(*result, "progress") <= 0)
      return fail(ErrorKind::kUsage, "the program counted no operations of its own",
                  "`tier-lab compare` shows their misses");
  return {};
}

std::string headline(const json& without, const json& with) {
  const std::string tool = with.at("tool");
  return fmt::format(
      "In {:.0f} s the program did {:.2f} million operations without {},\n{:.2f} million with it: {:+.1f} "
      "%.\n",
      with.at("length_s").get<double>(), millions(without), tool, millions(with),
      percent_more(millions(with), millions(without)));
}

// "the slow takes 3.0 times as long", from the latencies that the scenario gives its nodes.
std::string slower_text(const json& result) {
  const json& nodes = result.at("nodes");
  const auto fast = result.at("fast_node").get<std::size_t>();
  double slowest = 0;
  for (const json& node : nodes) slowest = std::max(slowest, node.at("read_latency_ns").get<double>());
  const double latency = nodes.at(fast).at("read_latency_ns").get<double>();
  return latency > 0 ? fmt::format("the slow takes {:.1f} times as long", slowest / latency)
                     : "the slow takes longer";
}

// What the last column means.
std::string operations_text(const json& with) {
  const double seconds = with.at("length_s").get<double>();
  return fmt::format(
      "  operations  millions in {:.0f} s of the guest's clock, on which waiting for memory\n"
      "              takes the time of that memory. All CPUs share the clock: with\n"
      "              {}'s CPU time given back it would be {:.2f} million\n",
      seconds, with.at("tool").get<std::string>(),
      number(with, "progress_per_s_tool_cpu_given_back") * seconds / 1e6);
}

std::string columns_text(const json& without, const json& with) {
  return fmt::format(
             "  wait        seconds of waiting for memory in a million operations\n"
             "  fast        misses answered by fast memory; {}\n"
             "  best        the share that knowing every second ahead would have reached\n"
             "  kept from   second from which on \"fast\" stayed above 90 % of \"best\"\n"
             "  moved       MiB of memory that were moved between the two\n",
             slower_text(without)) +
         operations_text(with);
}

std::string row(const std::string& name, const json& result) {
  const json& kept = result.at("summary").at("kept_90_percent_of_oracle_from_s");
  return fmt::format("{:<14}{:>8.4f}{:>8.1f} %{:>8.1f} %{:>11}{:>7}{:>12.1f}\n", name, wait(result),
                     100 * number(result, "fast_share"), 100 * number(result, "oracle_share"),
                     kept.is_null() ? "never" : fmt::format("{:.0f} s", kept.get<double>()),
                     result.at("summary").at("migrated_mib").get<std::int64_t>(), millions(result));
}

}  // namespace

Result<std::string> effect_text(const json& without, const json& with) {
  TIER_TRY(comparable(without, with));
  std::string text = fmt::format("{}: {}\n\n", with.at("scenario").get<std::string>(),
                                 with.value("description", "one program on two kinds of memory"));
  text += headline(without, with) + "\n" + columns_text(without, with) + "\n";
  text += fmt::format("{:<14}{:>8}{:>10}{:>10}{:>11}{:>7}{:>12}\n", "", "wait", "fast", "best", "kept from",
                      "moved", "operations");
  const std::string tool = with.at("tool");
  return text + row("without " + tool, without) + row("with " + tool, with);
}

std::string live_text(const Scenario& scenario, const RunRecord& record) {
  if (record.periods.empty() || record.ticks.empty()) return "";
  const double second = static_cast<double>(record.periods.size()) * scenario.period_s;
  std::string text = fmt::format("second {:.0f} of {:.0f}", second, scenario.length_s);
  // The program prints a running total that begins before the count does.
  const auto total = [](const json& tick) { return std::atof(tick.value("progress", "0").c_str()); };
  const double done = total(record.ticks.back()) - total(record.ticks.front());
  if (done > 0) text += fmt::format(": {:.1f} million operations", done / 1e6);
  std::uint64_t fast = 0, all = 0;
  const auto fast_node = static_cast<std::size_t>(scenario.topology.fast_node());
  for (const RegionCounts& region : only_within(record.periods.back().regions, workload_spans(record))) {
    all += region.total();
    if (fast_node < region.misses.size()) fast += region.misses[fast_node];
  }
  if (all > 0)
    text += fmt::format("{} the fast memory answers {:.0f} % of the misses", done > 0 ? ";" : ":",
                        100.0 * static_cast<double>(fast) / static_cast<double>(all));
  return text;
}

}  // namespace tier::lab
