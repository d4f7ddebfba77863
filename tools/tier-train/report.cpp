#include "tools/tier-train/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "sim/workloads/generators.h"
#include "tools/tier-sim/parallel.h"

namespace tier::sim {
namespace {

constexpr std::size_t kCount = kHorizons.size();
using Measure = std::function<std::optional<double>(const ForecasterScores&)>;

Result<Evaluation> evaluate_one(const EvaluationOptions& options, const std::string& workload,
                                std::uint64_t seed) {
  auto factories = TIER_TRY(parse_workloads(with_seed(workload, seed)));
  DatasetSettings settings = options.data;
  settings.seed = seed;
  auto dataset = TIER_TRY(make_dataset(factories, settings));
  auto scores = TIER_TRY(evaluate(dataset, all_contenders(options.forecasters, options.model)));
  return Evaluation{workload, family_of(workload), seed, std::move(scores)};
}

struct Mean {
  double value = 0, error = 0;  // standard error, from seed to seed
  std::size_t count = 0;
};

// Of the workloads' means within each seed, so that the error is that of drawing again.
Mean mean_of(const std::vector<const Evaluation*>& chosen, std::size_t contender, const Measure& measure) {
  std::map<std::uint64_t, std::pair<double, double>> by_seed;
  for (const Evaluation* each : chosen)
    if (const auto value = measure(each->scores[contender]))
      by_seed[each->seed].first += *value, by_seed[each->seed].second += 1;
  Mean mean;
  double squares = 0;
  for (const auto& [seed, sum] : by_seed) mean.value += sum.first / sum.second, ++mean.count;
  if (mean.count == 0) return mean;
  mean.value /= static_cast<double>(mean.count);
  for (const auto& [seed, sum] : by_seed) squares += std::pow(sum.first / sum.second - mean.value, 2);
  const auto n = static_cast<double>(mean.count);
  mean.error = n > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
  return mean;
}

std::vector<std::string> distinct(const std::vector<Evaluation>& all, std::string Evaluation::*field) {
  std::vector<std::string> names;
  for (const Evaluation& each : all)
    if (std::find(names.begin(), names.end(), each.*field) == names.end()) names.push_back(each.*field);
  return names;
}

std::vector<const Evaluation*> where(const std::vector<Evaluation>& all, std::string Evaluation::*field,
                                     const std::string& name) {
  std::vector<const Evaluation*> chosen;
  for (const Evaluation& each : all)
    if (name.empty() || each.*field == name) chosen.push_back(&each);
  return chosen;
}

Measure hit_at(std::size_t horizon, std::size_t share) {
  return [=](const ForecasterScores& s) { return std::optional(s.horizons[horizon].hit[share]); };
}

// How far a contender falls behind the best single expert on the workload where it does so most.
std::pair<double, std::string> most_behind(const std::vector<Evaluation>& all, std::size_t contender,
                                           const Measure& measure) {
  std::pair<double, std::string> worst{-1e9, ""};
  for (const std::string& workload : distinct(all, &Evaluation::workload)) {
    const auto chosen = where(all, &Evaluation::workload, workload);
    double best = -1e9;
    for (std::size_t c = 0; c < expert_table().size(); ++c)
      best = std::max(best, mean_of(chosen, c, measure).value);
    const double behind = best - mean_of(chosen, contender, measure).value;
    if (behind > worst.first) worst = {behind, workload};
  }
  return worst;
}

std::string hit_table(const std::vector<Evaluation>& all, std::string Evaluation::*field, std::size_t horizon,
                      std::size_t share) {
  const auto columns = distinct(all, field);
  const bool short_names = field == &Evaluation::family;
  std::string out = fmt::format("\nhit / oracle, {} ticks ahead, K = 1/{:.0f}; in percent\n{:<20}{:>12}",
                                kHorizons[horizon], 1 / kShares[share], "", "all");
  for (std::size_t i = 0; i < columns.size(); ++i)
    out += fmt::format("{:>8}", short_names ? columns[i].substr(0, 7) : fmt::format("[{}]", i + 1));
  out += fmt::format("{:>8}\n", "behind");
  for (std::size_t c = 0; c < all.front().scores.size(); ++c) {
    const Measure measure = hit_at(horizon, share);
    const Mean total = mean_of(where(all, field, ""), c, measure);
    out += fmt::format("{:<20}{:>6.2f} ±{:>4.2f}", all.front().scores[c].name, 100 * total.value,
                       100 * total.error);
    for (const std::string& name : columns)
      out += fmt::format("{:>8.1f}", 100 * mean_of(where(all, field, name), c, measure).value);
    const auto [behind, at] = most_behind(all, c, measure);
    out += fmt::format("{:>8.1f}  {}\n", 100 * behind, at);
  }
  return out;
}

std::string loss_table(const std::vector<Evaluation>& all, std::size_t horizon) {
  struct Column {
    const char* name;
    double scale;
    Measure measure;
  };
  const auto at = [=](auto pick) {
    return [=](const ForecasterScores& s) { return std::optional<double>(pick(s.horizons[horizon])); };
  };
  const std::vector<Column> columns = {
      {"K=1/2", 100, hit_at(horizon, 0)},
      {"K=1/8", 100, hit_at(horizon, 1)},
      {"K=1/16", 100, hit_at(horizon, 2)},
      {"recall", 100, at([](const HorizonScores& h) { return h.recall; })},
      {"pin.1", 1, at([](const HorizonScores& h) { return h.pinball[0]; })},
      {"pin.5", 1, at([](const HorizonScores& h) { return h.pinball[1]; })},
      {"pin.9", 1, at([](const HorizonScores& h) { return h.pinball[2]; })},
      {"cover", 100, at([](const HorizonScores& h) { return h.coverage; })},
      {"busy", 100, at([](const HorizonScores& h) { return h.coverage_busy; })},
      {"adapt", 1, [](const ForecasterScores& s) { return s.ticks_to_adapt; }},
  };
  std::string out =
      fmt::format("\n{} ticks ahead, all workloads; ticks to adapt\n{:<20}", kHorizons[horizon], "");
  for (const Column& column : columns) out += fmt::format("{:>14}", column.name);
  out += "\n";
  for (std::size_t c = 0; c < all.front().scores.size(); ++c) {
    out += fmt::format("{:<20}", all.front().scores[c].name);
    for (const Column& column : columns) {
      const Mean mean = mean_of(where(all, &Evaluation::family, ""), c, column.measure);
      out += mean.count == 0
                 ? fmt::format("{:>14}", "-")
                 : fmt::format("{:>8.3f} ±{:>4.2f}", column.scale * mean.value, column.scale * mean.error);
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::vector<std::string> standard_workloads(const std::string& root) {
  std::vector<std::string> list;
  for (const char* generator :
       {"gups", "gups-moving", "gups-scattered:period=30s", "zipf", "stencil", "phases", "scan", "chase",
        "generational", "bursts", "zigzag", "stairs", "training"}) {
    const std::string name = generator;
    list.push_back(name + (name.find(':') == std::string::npos ? ":" : ",") + "footprint=2GiB,length=300s");
  }
  list.emplace_back("zipf:footprint=1GiB,length=300s + stencil:footprint=1GiB,length=300s");
  list.emplace_back(
      "gups-moving:footprint=1GiB,length=300s + phases:footprint=512MiB,length=300s + "
      "scan:footprint=512MiB,length=300s");
  namespace fs = std::filesystem;
  for (const char* folder : {"/build/corpus", "/tests/traces"}) {
    std::vector<std::string> traces;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(root + folder, missing))
      if (entry.path().extension() == ".trace") traces.push_back("trace*40:" + entry.path().string());
    std::sort(traces.begin(), traces.end());
    list.insert(list.end(), traces.begin(), traces.end());
    if (!traces.empty()) break;
  }
  return list;
}

std::string family_of(const std::string& workload) {
  if (workload.find(" + ") != std::string::npos) return "mixture";
  const std::string head = workload.substr(0, workload.find(':'));
  return head.starts_with("trace") ? "recorded" : head;
}

Result<std::vector<Evaluation>> run_evaluations(const EvaluationOptions& options) {
  const std::size_t count = options.workloads.size() * options.seeds;
  std::vector<std::optional<Result<Evaluation>>> results(count);
  const auto work = [&](std::size_t i) {
    results[i].emplace(evaluate_one(options, options.workloads[i / options.seeds], i % options.seeds + 1));
  };
  in_parallel(count, options.jobs, work, options.progress);
  std::vector<Evaluation> evaluations;
  for (std::size_t i = 0; i < count; ++i) {
    Result<Evaluation>& result = *results[i];
    if (!result)
      return fail(result.error().kind, options.workloads[i / options.seeds] + ": " + result.error().message,
                  result.error().fix);
    evaluations.push_back(*std::move(result));
  }
  return evaluations;
}

nlohmann::json to_json(const std::vector<Evaluation>& evaluations) {
  nlohmann::json list = nlohmann::json::array();
  for (const Evaluation& each : evaluations) {
    nlohmann::json scores = nlohmann::json::array();
    for (const ForecasterScores& of : each.scores) scores.push_back(to_json(of));
    list.push_back(
        {{"workload", each.workload}, {"family", each.family}, {"seed", each.seed}, {"scores", scores}});
  }
  return {{"schema", "tierd.evaluation/1"}, {"evaluations", list}};
}

std::string evaluation_table(const std::vector<Evaluation>& evaluations, bool cases) {
  if (evaluations.empty()) return "";
  std::string out;
  if (cases) {
    const auto names = distinct(evaluations, &Evaluation::workload);
    for (std::size_t i = 0; i < names.size(); ++i) out += fmt::format("[{}] {}\n", i + 1, names[i]);
  }
  for (std::size_t h = 0; h < kCount; ++h) {
    out += hit_table(evaluations, cases ? &Evaluation::workload : &Evaluation::family, h, kEighth);
    out += loss_table(evaluations, h);
  }
  return out;
}

}  // namespace tier::sim
