#include "tools/tier-sim/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tools/tier-sim/experiment.h"

namespace tier::sim {
namespace {

constexpr double kWorthwhile = 0.01;  // oracle's gain over none, below which there is no gap to close
constexpr double kLeastGap = 0.01;    // what a logarithm is taken of at least

using Place = std::tuple<std::string, std::string, double>;  // workload, machine, ratio

bool is_oracle(const std::string& policy) {
  const auto entry = policy_called(policy);
  return entry && entry->oracle;
}

struct Cells {
  std::map<Place, Case> cases;
  std::map<std::pair<std::string, std::string>, double> all_fast;
};

void take(const nlohmann::json& cell, Cells& into) {
  const nlohmann::json &experiment = cell.at("experiment"), &outcome = cell.at("outcome");
  const std::string workload = experiment.at("workload"), machine = experiment.at("machine");
  const double ratio = experiment.at("ratio"), lost = outcome.at("lost_s");
  if (ratio == 0) {
    into.all_fast[{workload, machine}] = lost;
    return;
  }
  Case& of = into.cases[{workload, machine, ratio}];
  of.workload = workload, of.machine = machine, of.ratio = ratio;
  if (cell.contains("bound_s")) of.bound = cell.at("bound_s").get<double>();
  const std::string policy = experiment.at("policy");
  if (is_oracle(policy) && (of.oracle_name.empty() || lost < of.oracle))
    of.oracle = lost, of.oracle_name = policy;
  Score& score = of.scores[policy];
  score.tuned = std::min(score.tuned.value_or(std::numeric_limits<double>::infinity()), lost);
  if (!experiment.at("settings").empty()) return;
  score.lost = lost;
  score.modelled = outcome.at("modelled_s");
  score.moved = outcome.at("promoted_bytes").get<double>() + outcome.at("demoted_bytes").get<double>();
  score.useful = outcome.at("useful_bytes");
}

void finish(Case& of, bool swept) {
  const Score& none = of.scores.at("none");
  of.none = none.lost;
  const double modelled = none.modelled, gain = of.none - of.oracle;
  for (auto& [policy, score] : of.scores) {
    if (gain > kWorthwhile * of.none) score.gap = (of.none - score.lost) / gain;
    score.slowdown = score.modelled / modelled - 1;
    score.regret = of.oracle > 0 ? score.lost / of.oracle - 1 : 0;
    if (!swept) score.tuned.reset();
  }
}

void worst_of(Worst& worst, double value, const std::string& where, bool lower) {
  if (worst.where.empty() || (lower ? value < worst.value : value > worst.value)) worst = {value, where};
}

struct Mean {
  double sum = 0;
  std::size_t count = 0;
  void add(double value) { sum += value, ++count; }
  double value() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  std::optional<double> known() const { return count == 0 ? std::nullopt : std::optional(value()); }
};

PolicySummary summarise_policy(const std::string& policy, const std::vector<Case>& cases) {
  PolicySummary summary;
  summary.policy = policy;
  summary.oracle = is_oracle(policy);
  Mean gap, log_gap, slowdown, regret, tuned, tierd;
  double moved = 0, useful = 0;
  for (const Case& of : cases) {
    const auto found = of.scores.find(policy);
    if (found == of.scores.end()) continue;
    const Score& score = found->second;
    ++summary.cases;
    if (score.gap) {
      gap.add(*score.gap);
      log_gap.add(std::log(std::max(*score.gap, kLeastGap)));
      worst_of(summary.gap_worst, *score.gap, of.name(), true);
    }
    slowdown.add(score.slowdown);
    worst_of(summary.slowdown_worst, score.slowdown, of.name(), false);
    regret.add(score.regret);
    worst_of(summary.regret_worst, score.regret, of.name(), false);
    moved += score.moved, useful += score.useful;
    if (!score.tuned || *score.tuned <= 0) continue;
    tuned.add(score.lost / *score.tuned - 1);
    const auto ours = of.scores.find("tierd");
    if (ours != of.scores.end()) tierd.add(ours->second.lost / *score.tuned - 1);
  }
  summary.gap_mean = gap.value();
  summary.gap_geomean = gap.count > 0 ? std::exp(log_gap.value()) : 0;
  summary.slowdown_mean = slowdown.value();
  summary.regret_mean = regret.value();
  summary.moved_per_useful = useful > 0  ? moved / useful
                             : moved > 0 ? std::numeric_limits<double>::infinity()
                                         : 0;
  summary.to_tuned = tuned.known();
  summary.tierd_to_tuned = tierd.known();
  return summary;
}

std::string percent(double value) { return fmt::format("{:.1f}", 100 * value); }
std::string percent(const std::optional<double>& value) { return value ? percent(*value) : "-"; }

}  // namespace

std::string Case::name() const { return fmt::format("{} on {} 1:{}", workload, machine, ratio); }

Result<Summary> summarise(const nlohmann::json& results) {
  Summary summary;
  Cells cells;
  std::map<Place, std::size_t> points;
  try {
    for (const auto& cell : results.at("cells")) {
      if (cell.contains("error")) {
        summary.failed.push_back(cell.at("key").get<std::string>() + ": " +
                                 cell.at("error").get<std::string>());
        continue;
      }
      const auto& experiment = cell.at("experiment");
      take(cell, cells);
      if (!experiment.at("settings").empty() && !is_oracle(experiment.at("policy")))
        ++points[{experiment.at("workload"), experiment.at("machine"), experiment.at("ratio")}];
    }
  } catch (const nlohmann::json::exception& problem) {
    return fail(ErrorKind::kUsage, fmt::format("these are no results of a suite: {}", problem.what()),
                "give the folder that `tier-sim compare --out` wrote");
  }
  std::vector<std::string> policies;
  for (auto& [place, of] : cells.cases) {
    if (of.scores.count("none") == 0 || of.oracle_name.empty())
      return fail(ErrorKind::kUsage, fmt::format("{}: \"none\" or every oracle is missing", of.name()),
                  "leave both in the suite's policies: everything is measured between them");
    of.all_fast = cells.all_fast[{of.workload, of.machine}];
    finish(of, points[place] > 0);
    for (const auto& [policy, score] : of.scores)
      if (std::find(policies.begin(), policies.end(), policy) == policies.end()) policies.push_back(policy);
    summary.cases.push_back(of);
  }
  for (const std::string& policy : policies)
    summary.policies.push_back(summarise_policy(policy, summary.cases));
  std::stable_sort(summary.policies.begin(), summary.policies.end(),
                   [](const auto& a, const auto& b) { return a.gap_mean > b.gap_mean; });
  return summary;
}

std::string summary_table(const Summary& summary) {
  std::string out =
      fmt::format("{:<16}{:>6}{:>9}{:>8}{:>8}{:>9}{:>9}{:>9}{:>8}{:>8}{:>9}\n", "policy", "cases", "gap gm",
                  "mean", "worst", "slower", "worst", "regret", "moved/", "to own", "tierd to");
  out += fmt::format("{:<16}{:>6}{:>9}{:>8}{:>8}{:>9}{:>9}{:>9}{:>8}{:>8}{:>9}\n", "", "", "%", "%", "%", "%",
                     "%", "%", "useful", "tuned %", "tuned %");
  for (const PolicySummary& p : summary.policies)
    out += fmt::format("{:<16}{:>6}{:>9}{:>8}{:>8}{:>9}{:>9}{:>9}{:>8.1f}{:>8}{:>9}\n",
                       p.policy + (p.oracle ? " *" : ""), p.cases, percent(p.gap_geomean),
                       percent(p.gap_mean), percent(p.gap_worst.value), percent(p.slowdown_mean),
                       percent(p.slowdown_worst.value), percent(p.regret_mean), p.moved_per_useful,
                       percent(p.to_tuned), percent(p.tierd_to_tuned));
  out +=
      "* knows the future. gap: closed of (none - best oracle) in thread-seconds lost; gm: geometric mean, "
      "values below 1 % count as 1 %\n";
  for (const PolicySummary& p : summary.policies)
    if (!p.oracle && p.policy != "none")
      out += fmt::format("  {}: least gap closed on {}; slowest against none on {}\n", p.policy,
                         p.gap_worst.where, p.slowdown_worst.where);
  for (const std::string& failed : summary.failed) out += "failed: " + failed + "\n";
  return out;
}

std::string case_table(const Summary& summary) {
  std::string out;
  for (const Case& of : summary.cases) {
    out += fmt::format("{}: lost {:.1f} s all fast, {:.1f} s {}, {:.1f} s none{}\n", of.name(), of.all_fast,
                       of.oracle, of.oracle_name, of.none,
                       of.bound ? fmt::format("; nobody less than {:.1f} s", *of.bound) : "");
    for (const auto& [policy, score] : of.scores)
      out += fmt::format("    {:<16}{:>9.1f} s  gap {:>7} %  slower {:>6} %\n", policy, score.lost,
                         percent(score.gap), percent(score.slowdown));
  }
  return out;
}

nlohmann::json to_json(const Summary& summary) {
  const auto worst = [](const Worst& w) { return nlohmann::json{{"value", w.value}, {"where", w.where}}; };
  const auto maybe = [](const std::optional<double>& v) { return v ? nlohmann::json(*v) : nlohmann::json(); };
  nlohmann::json out = {{"schema", "tier-sim.summary/1"}, {"failed", summary.failed}};
  for (const PolicySummary& p : summary.policies)
    out["policies"].push_back({{"policy", p.policy},
                               {"oracle", p.oracle},
                               {"cases", p.cases},
                               {"gap_closed_geomean", p.gap_geomean},
                               {"gap_closed_mean", p.gap_mean},
                               {"gap_closed_worst", worst(p.gap_worst)},
                               {"slowdown_mean", p.slowdown_mean},
                               {"slowdown_worst", worst(p.slowdown_worst)},
                               {"regret_mean", p.regret_mean},
                               {"regret_worst", worst(p.regret_worst)},
                               {"moved_per_useful_byte", p.moved_per_useful},
                               {"to_own_best_tuned", maybe(p.to_tuned)},
                               {"tierd_to_best_tuned", maybe(p.tierd_to_tuned)}});
  for (const Case& of : summary.cases) {
    nlohmann::json scores;
    for (const auto& [policy, s] : of.scores)
      scores[policy] = {{"lost_s", s.lost},           {"modelled_s", s.modelled},
                        {"gap_closed", maybe(s.gap)}, {"slowdown", s.slowdown},
                        {"regret", s.regret},         {"moved_bytes", s.moved},
                        {"useful_bytes", s.useful},   {"tuned_lost_s", maybe(s.tuned)}};
    out["cases"].push_back({{"workload", of.workload},
                            {"machine", of.machine},
                            {"ratio", of.ratio},
                            {"all_fast_lost_s", of.all_fast},
                            {"none_lost_s", of.none},
                            {"oracle_lost_s", of.oracle},
                            {"bound_lost_s", maybe(of.bound)},
                            {"oracle", of.oracle_name},
                            {"scores", scores}});
  }
  return out;
}

}  // namespace tier::sim
