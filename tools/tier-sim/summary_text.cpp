// A summary as tables for a terminal and as JSON.
#include <fmt/format.h>

#include <algorithm>

#include "tools/tier-sim/compare.h"
#include "tools/tier-sim/summary.h"

namespace tier::sim {
namespace {

std::string percent(double value) { return fmt::format("{:.1f}", 100 * value); }
std::string percent(const std::optional<double>& value) { return value ? percent(*value) : "-"; }

bool has_sweeps(const Table& table) {
  return std::any_of(table.policies.begin(), table.policies.end(),
                     [](const PolicySummary& p) { return p.to_tuned.has_value(); });
}

std::string title_of(const Table& table) {
  const std::string machine = table.machine.empty() ? "all machines" : table.machine;
  return table.rate > 0 ? fmt::format("{}, {:g} samples a second\n", machine, table.rate) : machine + "\n";
}

constexpr const char* kColumns =
    "{:<18}{:>4}{:>5}{:>10}{:>8}{:>8}{:>8}{:>8}{:>8}{:>7}{:>6}{:>9}{:>8}{:>9}{:>9}";

std::string row_of(const PolicySummary& p) {
  const auto of = [&](double Gaps::*field) { return p.gaps ? percent((*p.gaps).*field) : "-"; };
  // Short recordings lose few seconds.
  const std::string lost = p.lost < 1000 ? fmt::format("{:.1f}", p.lost) : fmt::format("{:.0f}", p.lost);
  return fmt::format(kColumns, p.policy + (p.oracle ? " *" : ""), p.cases, p.excluded, lost,
                     percent(p.pooled), percent(p.pooled_to_bound), percent(p.regret_mean), of(&Gaps::median),
                     of(&Gaps::mean), of(&Gaps::geomean), p.gaps ? std::to_string(p.gaps->at_floor) : "-",
                     p.gaps ? percent(p.gaps->worst.value) : "-", percent(p.slowdown_mean),
                     percent(p.slowdown_worst.value), fmt::format("{:.1f}", p.moved_per_useful));
}

std::string rows_of(const Table& table) {
  const bool swept = has_sweeps(table);
  std::string out =
      fmt::format(kColumns, "policy", "n", "excl", "lost", "pooled", "bound", "regret", "median", "mean",
                  "gm", fmt::format("<={:g}%", 100 * kGapFloor), "worst", "slower", "slowest", "moved/");
  out += swept ? fmt::format("{:>9}{:>10}\n", "to own", "tierd to") : "\n";
  out += fmt::format(kColumns, "", "", "", "s", "gap %", "gap %", "%", "gap %", "gap %", "gap %", "", "gap %",
                     "%", "%", "useful");
  out += swept ? fmt::format("{:>9}{:>10}\n", "tuned %", "tuned %") : "\n";
  for (const PolicySummary& p : table.policies) {
    out += row_of(p);
    out += swept ? fmt::format("{:>9}{:>10}\n", percent(p.to_tuned), percent(p.tierd_to_tuned)) : "\n";
  }
  return out;
}

std::string where_of(const Table& table) {
  std::string out;
  for (const PolicySummary& p : table.policies)
    if (!p.oracle && p.policy != "none")
      out += fmt::format("  {}: {}slowest against none on {}\n", p.policy,
                         p.gaps ? "least gap closed on " + p.gaps->worst.where + "; " : "",
                         p.slowdown_worst.where);
  return out;
}

std::string legend() {
  return fmt::format(
      "* knows the future. n: cases. excl: of them, those with less than {0:g} % to gain; they count in "
      "lost, "
      "pooled, bound, regret and slower.\n"
      "lost: thread-seconds, all cases. pooled: (none - policy) / (none - best oracle) of these sums; bound: "
      "the same to what no policy can pass.\n"
      "median, mean, gm, worst: of each case's own gap. gm: geometric mean, gaps below {1:g} % counted as "
      "{1:g} %: how many stands beside it.\n",
      100 * kWorthwhile, 100 * kGapFloor);
}

std::string seeds_text(const std::vector<std::uint64_t>& seeds) {
  if (seeds.empty()) return "";
  std::string out;
  for (const std::uint64_t seed : seeds) out += fmt::format("{}{}", out.empty() ? "" : ", ", seed);
  out = (seeds.size() == 1 ? "seed " : "seeds ") + out;
  if (seeds.size() > 1) out += ": their mean is judged; worst and slowest are one seed's";
  return out + (seeds.front() >= kFirstHeldOutSeed ? "; never tuned on\n" : "\n");
}

nlohmann::json maybe(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json to_json(const Worst& worst) { return {{"value", worst.value}, {"where", worst.where}}; }

nlohmann::json to_json(const Gaps& gaps) {
  return {{"median", gaps.median},      {"mean", gaps.mean},         {"geomean", gaps.geomean},
          {"geomean_floor", kGapFloor}, {"at_floor", gaps.at_floor}, {"worst", to_json(gaps.worst)}};
}

nlohmann::json to_json(const PolicySummary& p) {
  return {{"policy", p.policy},
          {"oracle", p.oracle},
          {"cases", p.cases},
          {"excluded", p.excluded},
          {"lost_s", p.lost},
          {"gap_pooled", maybe(p.pooled)},
          {"bound_gap_pooled", maybe(p.pooled_to_bound)},
          {"gaps", p.gaps ? to_json(*p.gaps) : nlohmann::json()},
          {"slowdown_mean", p.slowdown_mean},
          {"slowdown_worst", to_json(p.slowdown_worst)},
          {"regret_mean", p.regret_mean},
          {"regret_worst", to_json(p.regret_worst)},
          {"moved_per_useful_byte", p.moved_per_useful},
          {"to_own_best_tuned", maybe(p.to_tuned)},
          {"tierd_to_best_tuned", maybe(p.tierd_to_tuned)}};
}

nlohmann::json to_json(const Case& of) {
  nlohmann::json scores;
  for (const auto& [policy, s] : of.scores)
    scores[policy] = {
        {"lost_s", s.lost},           {"modelled_s", s.modelled},
        {"gap_closed", maybe(s.gap)}, {"gap_closed_worst", s.worst ? to_json(*s.worst) : nlohmann::json()},
        {"slowdown", s.slowdown},     {"slowdown_worst", to_json(s.slowest)},
        {"regret", s.regret},         {"moved_bytes", s.moved},
        {"useful_bytes", s.useful},   {"tuned_lost_s", maybe(s.tuned)}};
  return {{"workload", of.workload},
          {"machine", of.machine},
          {"ratio", of.ratio},
          {"samples_per_second", of.rate > 0 ? nlohmann::json(of.rate) : nlohmann::json()},
          {"all_fast_lost_s", of.all_fast},
          {"none_lost_s", of.none},
          {"oracle_lost_s", of.oracle},
          {"bound_lost_s", maybe(of.bound)},
          {"oracle", of.oracle_name},
          {"scores", scores}};
}

}  // namespace

std::string summary_table(const Summary& summary) {
  std::string out;
  for (const Table& table : summary.tables) {
    out += title_of(table) + rows_of(table);
    if (table.machine.empty()) out += where_of(table);
    out += "\n";
  }
  out += legend() + seeds_text(summary.seeds);
  for (const std::string& note : summary.notes) out += "left out: " + note + "\n";
  for (const std::string& failed : summary.failed) out += "failed: " + failed + "\n";
  return out;
}

std::string case_table(const Summary& summary) {
  std::string out;
  for (const Case& of : summary.cases) {
    out += fmt::format("{}{}: lost {:.1f} s all fast, {:.1f} s {}, {:.1f} s none{}\n", of.name(),
                       of.rate > 0 ? fmt::format(", {:g} samples a second", of.rate) : "", of.all_fast,
                       of.oracle, of.oracle_name, of.none,
                       of.bound ? fmt::format("; nobody less than {:.1f} s", *of.bound) : "");
    for (const auto& [policy, score] : of.scores)
      out += fmt::format("    {:<16}{:>9.1f} s  gap {:>7} %  slower {:>6} %\n", policy, score.lost,
                         percent(score.gap), percent(score.slowdown));
  }
  return out;
}

nlohmann::json to_json(const Summary& summary) {
  nlohmann::json out = {{"schema", "tier-sim.summary/2"},    {"seeds", summary.seeds},
                        {"failed", summary.failed},          {"notes", summary.notes},
                        {"tables", nlohmann::json::array()}, {"cases", nlohmann::json::array()}};
  for (const Table& table : summary.tables) {
    nlohmann::json policies = nlohmann::json::array();
    for (const PolicySummary& p : table.policies) policies.push_back(to_json(p));
    out["tables"].push_back(
        {{"samples_per_second", table.rate > 0 ? nlohmann::json(table.rate) : nlohmann::json()},
         {"machine", table.machine.empty() ? nlohmann::json() : nlohmann::json(table.machine)},
         {"policies", policies}});
  }
  for (const Case& of : summary.cases) out["cases"].push_back(to_json(of));
  return out;
}

}  // namespace tier::sim
