#include "tools/tier-sim/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tools/tier-sim/experiment.h"

namespace tier::sim {
namespace {

using Place = std::tuple<std::string, std::string, double>;  // workload, machine, ratio

bool is_oracle(const std::string& policy) {
  const auto entry = policy_called(policy);
  return entry && entry->oracle;
}

// One policy with one seed and one sampling rate.
struct Run {
  bool published = false;  // ran with its published constants, which all but `tuned` is of
  double lost = 0, modelled = 0, moved = 0, useful = 0;
  double tuned = std::numeric_limits<double>::infinity();
};

// Everything that ran with one seed in one place.
struct Draw {
  std::map<std::string, std::map<double, Run>> runs;  // by policy and rate; rate 0: of none in particular
  std::optional<double> bound;
  double oracle = 0;
  std::string oracle_name;

  // Policies that do not sample have one run for all rates. Null where there is none.
  const Run* find(const std::string& policy, double rate) const {
    const auto of = runs.find(policy);
    if (of == runs.end()) return nullptr;
    auto run = of->second.find(rate);
    if (run == of->second.end()) run = of->second.find(0);
    return run == of->second.end() || !run->second.published ? nullptr : &run->second;
  }
};

struct Cells {
  std::map<Place, std::map<std::uint64_t, Draw>> places;
  std::map<std::pair<std::string, std::string>, std::map<std::uint64_t, double>> all_fast;
  std::set<Place> swept;
  std::set<double> rates;
  std::set<std::uint64_t> seeds;
};

void take(const nlohmann::json& cell, Cells& into) {
  const nlohmann::json &experiment = cell.at("experiment"), &outcome = cell.at("outcome");
  const std::string specification = experiment.at("workload"), machine = experiment.at("machine");
  const std::string workload = experiment.value("base_workload", specification);
  const std::uint64_t seed = experiment.at("seed");
  const double ratio = experiment.at("ratio"), lost = outcome.at("lost_s");
  if (ratio == 0) {
    into.all_fast[{workload, machine}][seed] = lost;
    return;
  }
  const Place place{workload, machine, ratio};
  const std::string policy = experiment.at("policy");
  const double rate = experiment.value("samples_per_second", 0.0);
  const bool oracle = is_oracle(policy), published = experiment.at("settings").empty();
  into.seeds.insert(seed);
  if (rate > 0) into.rates.insert(rate);
  if (!published && !oracle) into.swept.insert(place);
  Draw& draw = into.places[place][seed];
  if (cell.contains("bound_s")) draw.bound = cell.at("bound_s").get<double>();
  if (oracle && (draw.oracle_name.empty() || lost < draw.oracle)) {
    draw.oracle = lost;
    draw.oracle_name = policy;
  }
  Run& run = draw.runs[policy][rate];
  run.tuned = std::min(run.tuned, lost);
  if (!published) return;
  run.published = true;
  run.lost = lost;
  run.modelled = outcome.at("modelled_s");
  run.moved = outcome.at("promoted_bytes").get<double>() + outcome.at("demoted_bytes").get<double>();
  run.useful = outcome.at("useful_bytes");
}

struct Mean {
  double sum = 0;
  std::size_t count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double value() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  std::optional<double> known() const { return count == 0 ? std::nullopt : std::optional(value()); }
};

bool worth_closing(double none, double oracle) { return none - oracle > kWorthwhile * none; }

void keep_least(std::optional<Worst>& worst, double value, const std::string& where) {
  if (!worst || value < worst->value) worst = {value, where};
}
void keep_most(Worst& worst, double value, const std::string& where) {
  if (worst.where.empty() || value > worst.value) worst = {value, where};
}

// Nothing where one of the seeds lacks the policy: a mean of the others would be of other cases.
std::optional<Score> score_of(const std::string& policy, const Case& of,
                              const std::map<std::uint64_t, Draw>& draws, bool swept) {
  Score score;
  Mean lost, modelled, none_modelled, moved, useful, tuned;
  for (const auto& [seed, draw] : draws) {
    const Run *run = draw.find(policy, of.rate), *none = draw.find("none", of.rate);
    if (run == nullptr || none == nullptr) return std::nullopt;
    const std::string where = draws.size() > 1 ? fmt::format("{}, seed {}", of.name(), seed) : of.name();
    lost.add(run->lost);
    modelled.add(run->modelled);
    none_modelled.add(none->modelled);
    moved.add(run->moved);
    useful.add(run->useful);
    tuned.add(run->tuned);
    if (worth_closing(none->lost, draw.oracle))
      keep_least(score.worst, (none->lost - run->lost) / (none->lost - draw.oracle), where);
    keep_most(score.slowest, run->modelled / none->modelled - 1, where);
  }
  score.lost = lost.value();
  score.modelled = modelled.value();
  score.moved = moved.value();
  score.useful = useful.value();
  if (swept) score.tuned = tuned.value();
  if (worth_closing(of.none, of.oracle)) score.gap = (of.none - score.lost) / (of.none - of.oracle);
  score.slowdown = score.modelled / none_modelled.value() - 1;
  score.regret = of.oracle > 0 ? score.lost / of.oracle - 1 : 0;
  return score;
}

Result<Case> case_of(const Place& place, const std::map<std::uint64_t, Draw>& draws, double rate,
                     const Cells& cells) {
  Case of;
  std::tie(of.workload, of.machine, of.ratio) = place;
  of.rate = rate;
  Mean none, oracle, bound, all_fast;
  for (const auto& [seed, draw] : draws) {
    const Run* run = draw.find("none", rate);
    if (run == nullptr || draw.oracle_name.empty())
      return fail(ErrorKind::kUsage, fmt::format("{}: \"none\" or every oracle is missing", of.name()),
                  "leave both in the suite's policies: everything is measured between them");
    none.add(run->lost);
    oracle.add(draw.oracle);
    if (draw.bound) bound.add(*draw.bound);
    of.oracle_name = draw.oracle_name;
  }
  of.none = none.value();
  of.oracle = oracle.value();
  if (bound.count == draws.size()) of.bound = bound.value();
  const auto fast = cells.all_fast.find({of.workload, of.machine});
  if (fast != cells.all_fast.end())
    for (const auto& [seed, lost] : fast->second) all_fast.add(lost);
  of.all_fast = all_fast.value();
  for (const auto& [policy, runs] : draws.begin()->second.runs)
    if (auto score = score_of(policy, of, draws, cells.swept.count(place) > 0)) of.scores[policy] = *score;
  return of;
}

std::optional<Gaps> gaps_of(const std::string& policy, const std::vector<const Case*>& cases) {
  Gaps gaps;
  std::optional<Worst> worst;
  std::vector<double> all;
  Mean mean, logs;
  for (const Case* of : cases) {
    const Score& score = of->scores.at(policy);
    if (score.worst) keep_least(worst, score.worst->value, score.worst->where);
    if (!score.gap) continue;
    all.push_back(*score.gap);
    mean.add(*score.gap);
    logs.add(std::log(std::max(*score.gap, kGapFloor)));
    gaps.at_floor += *score.gap <= kGapFloor;
  }
  if (all.empty()) return std::nullopt;
  std::sort(all.begin(), all.end());
  const std::size_t half = all.size() / 2;
  gaps.median = all.size() % 2 == 1 ? all[half] : (all[half - 1] + all[half]) / 2;
  gaps.mean = mean.value();
  gaps.geomean = std::exp(logs.value());
  if (worst) gaps.worst = *worst;
  return gaps;
}

std::optional<double> share(double part, double whole) {
  return whole > 0 ? std::optional(part / whole) : std::nullopt;
}

// Sums over all cases, and what is derived from them.
void pool(const std::string& policy, const std::vector<const Case*>& cases, PolicySummary& into) {
  double none = 0, oracle = 0, bound = 0, moved = 0, useful = 0;
  bool bounded = true;
  for (const Case* of : cases) {
    const Score& score = of->scores.at(policy);
    into.lost += score.lost;
    none += of->none;
    oracle += of->oracle;
    bounded = bounded && of->bound;
    bound += of->bound.value_or(0);
    moved += score.moved;
    useful += score.useful;
  }
  into.pooled = share(none - into.lost, none - oracle);
  if (bounded) into.pooled_to_bound = share(none - into.lost, none - bound);
  into.moved_per_useful = useful > 0  ? moved / useful
                          : moved > 0 ? std::numeric_limits<double>::infinity()
                                      : 0;
}

PolicySummary summarise_policy(const std::string& policy, const std::vector<const Case*>& all) {
  std::vector<const Case*> cases;
  std::copy_if(all.begin(), all.end(), std::back_inserter(cases),
               [&](const Case* of) { return of->scores.count(policy) > 0; });
  PolicySummary summary;
  summary.policy = policy;
  summary.oracle = is_oracle(policy);
  summary.cases = cases.size();
  pool(policy, cases, summary);
  summary.gaps = gaps_of(policy, cases);
  Mean slowdown, regret, tuned, tierd;
  for (const Case* of : cases) {
    const Score& score = of->scores.at(policy);
    summary.excluded += !score.gap;
    slowdown.add(score.slowdown);
    keep_most(summary.slowdown_worst, score.slowest.value, score.slowest.where);
    regret.add(score.regret);
    keep_most(summary.regret_worst, score.regret, of->name());
    if (!score.tuned || *score.tuned <= 0) continue;
    tuned.add(score.lost / *score.tuned - 1);
    const auto ours = of->scores.find("tierd");
    if (ours != of->scores.end()) tierd.add(ours->second.lost / *score.tuned - 1);
  }
  summary.slowdown_mean = slowdown.value();
  summary.regret_mean = regret.value();
  summary.to_tuned = tuned.known();
  summary.tierd_to_tuned = tierd.known();
  return summary;
}

Table table_of(double rate, const std::string& machine, const std::vector<Case>& cases) {
  Table table;
  table.rate = rate;
  table.machine = machine;
  std::vector<const Case*> chosen;
  std::set<std::string> policies;
  for (const Case& of : cases) {
    if (of.rate != rate || (!machine.empty() && of.machine != machine)) continue;
    chosen.push_back(&of);
    for (const auto& [policy, score] : of.scores) policies.insert(policy);
  }
  for (const std::string& policy : policies) table.policies.push_back(summarise_policy(policy, chosen));
  // Fewer cases lose fewer seconds: such sums are not compared.
  std::stable_sort(table.policies.begin(), table.policies.end(), [](const auto& a, const auto& b) {
    return a.cases != b.cases ? a.cases > b.cases : a.lost < b.lost;
  });
  return table;
}

}  // namespace

std::string Case::name() const { return fmt::format("{} on {} 1:{}", workload, machine, ratio); }

Result<Summary> summarise(const nlohmann::json& results) {
  Summary summary;
  Cells cells;
  try {
    summary.notes = results.value("notes", std::vector<std::string>{});
    for (const auto& cell : results.at("cells")) {
      if (!cell.contains("error")) {
        take(cell, cells);
        continue;
      }
      summary.failed.push_back(cell.at("key").get<std::string>() + ": " +
                               cell.at("error").get<std::string>());
    }
  } catch (const nlohmann::json::exception& problem) {
    return fail(ErrorKind::kUsage, fmt::format("these are no results of a suite: {}", problem.what()),
                "give the folder that `tier-sim compare --out` wrote");
  }
  if (cells.rates.empty()) cells.rates = {0};
  summary.seeds.assign(cells.seeds.begin(), cells.seeds.end());
  std::set<std::string> machines;
  for (const auto& [place, draws] : cells.places) {
    machines.insert(std::get<1>(place));
    for (const double rate : cells.rates)
      summary.cases.push_back(TIER_TRY(case_of(place, draws, rate, cells)));
  }
  for (const double rate : cells.rates) {
    if (machines.size() > 1)
      for (const std::string& machine : machines)
        summary.tables.push_back(table_of(rate, machine, summary.cases));
    summary.tables.push_back(table_of(rate, "", summary.cases));
  }
  return summary;
}

}  // namespace tier::sim
