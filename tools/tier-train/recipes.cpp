#include "tools/tier-train/recipes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <random>

#include "predictor/switch.h"
#include "sim/machine/description.h"
#include "sim/workloads/draw.h"
#include "sim/workloads/generators.h"
#include "sim/workloads/pattern.h"
#include "tools/tier-sim/parallel.h"

namespace tier::sim {
namespace {

// Shared by every generator: drawn by themselves below, or left alone.
const std::vector<std::string> kCommon = {"footprint", "length", "interval", "threads", "pages", "seed"};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  double log_uniform(double from, double to) { return from * std::pow(to / from, draw_uniform(random_)); }
  std::size_t index(std::size_t count) {
    return std::min(count - 1, static_cast<std::size_t>(draw_uniform(random_) * static_cast<double>(count)));
  }
  bool chance(double share) { return draw_uniform(random_) < share; }

 private:
  std::mt19937_64 random_;
};

// Every parameter up to three times more or less than its default, half of them left as they are.
std::string draw_generator(Draw& draw, const GeneratorEntry& generator, double length, double most_footprint,
                           std::uint64_t seed) {
  std::string spec = fmt::format("{}:footprint={}MiB,length={:.3f}s,threads={},seed={}", generator.name,
                                 2 * static_cast<int>(draw.log_uniform(96, most_footprint / 2)), length,
                                 static_cast<int>(draw.log_uniform(2, 33)), seed);
  for (const Parameter& parameter : generator.parameters) {
    if (std::find(kCommon.begin(), kCommon.end(), parameter.name) != kCommon.end()) continue;
    const double factor = draw.log_uniform(1.0 / 3, 3);
    if (draw.chance(0.5)) continue;
    const double value = std::clamp(parameter.fallback * factor, parameter.least, parameter.most);
    const bool whole = parameter.unit == Unit::kCount;
    spec += fmt::format(",{}={}", parameter.name, show(parameter, whole ? std::round(value) : value));
  }
  return spec;
}

bool allowed(const RecipeSettings& settings, const std::string& name) {
  return std::find(settings.left_out.begin(), settings.left_out.end(), name) == settings.left_out.end();
}

std::string stem_of(const std::string& path) { return std::filesystem::path(path).stem().string(); }

std::uint64_t hash_of(std::uint64_t x) { return mixed(RegionKey{{}, x}); }

bool belongs(std::uint32_t region, RegionPart part) {
  const bool held_back = hash_of(region + 1) % 4 == 0;
  return part == RegionPart::kAll || held_back == (part == RegionPart::kHeldBack);
}

// Of the dataset's regions those that are ever listed and of the part, at most so many: by hash, so that they
// lie all over.
std::vector<std::int32_t> choose_regions(const Dataset& dataset, const TaskSettings& settings,
                                         std::size_t& count) {
  std::vector<bool> listed(dataset.regions);
  for (const DatasetTick& tick : dataset.ticks)
    for (const std::uint32_t region : tick.regions) listed[region] = true;
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t r = 0; r < dataset.regions; ++r)
    if (listed[r] && belongs(r, settings.part)) chosen.push_back(r);
  if (chosen.size() > settings.regions) {
    std::sort(chosen.begin(), chosen.end(), [](std::uint32_t a, std::uint32_t b) {
      return std::pair(hash_of(~std::uint64_t{a}), a) < std::pair(hash_of(~std::uint64_t{b}), b);
    });
    chosen.resize(settings.regions);
    std::sort(chosen.begin(), chosen.end());
  }
  count = chosen.size();
  std::vector<std::int32_t> place(dataset.regions, -1);
  for (std::size_t i = 0; i < chosen.size(); ++i) place[chosen[i]] = static_cast<std::int32_t>(i);
  return place;
}

void fill_truth(const Dataset& dataset, const std::vector<std::int32_t>& place, TrainingTask& task) {
  constexpr std::size_t kCount = kHorizons.size();
  for (std::size_t t = 0; t < task.ticks; ++t)
    for (std::size_t h = 0; h < kCount; ++h) {
      const auto ahead = static_cast<std::size_t>(kHorizons[h]);
      if (t + ahead >= dataset.ticks.size()) continue;
      for (std::uint32_t r = 0; r < dataset.regions; ++r) {
        if (place[r] < 0) continue;
        float sum = 0;
        for (std::size_t k = 1; k <= ahead; ++k) sum += std::max(0.0F, dataset.ticks[t + k].demand[r]);
        task.came[(t * task.regions + static_cast<std::size_t>(place[r])) * kCount + h] =
            sum / static_cast<float>(ahead);
      }
    }
}

// What the description tells besides. Tiers between the first and the last hold nothing in the data.
void add_facts(const MachineDescription& machine, NodeContext& node) {
  for (std::size_t i = 0; i < node.tiers.size(); ++i) {
    const TierDescription& tier = i == 0 ? machine.tiers.front() : machine.tiers.back();
    node.tiers[i].bandwidth = Bytes{static_cast<std::uint64_t>(tier.bandwidth)};
    node.tiers[i].distance = static_cast<int>(10 + 10 * i);
  }
}

}  // namespace

std::vector<TaskRecipe> draw_recipes(const RecipeSettings& settings) {
  std::vector<TaskRecipe> recipes;
  Draw draw(settings.seed);
  std::vector<std::string> machines;
  for (const MachineDescription& machine : machine_presets())
    if (allowed(settings, machine.name)) machines.push_back(machine.name);
  const auto add = [&](const std::string& family, const std::function<std::string(double)>& spec) {
    TaskRecipe recipe;
    recipe.family = family;
    recipe.machine = machines.empty() ? "" : machines[draw.index(machines.size())];
    recipe.tick_seconds = draw.log_uniform(0.25, 2);
    recipe.samples_per_second = draw.log_uniform(100, 4000);
    recipe.slow_parts = draw.log_uniform(2, 16);
    recipe.seed = settings.seed * 1'000'003 + recipes.size();
    recipe.workload = spec(recipe.tick_seconds * static_cast<double>(settings.ticks + 1));
    if (allowed(settings, family)) recipes.push_back(recipe);
  };
  const auto generators = generator_table();
  for (const GeneratorEntry& generator : generators)
    for (std::size_t i = 0; i < settings.per_generator; ++i)
      add(generator.name, [&](double length) {
        return draw_generator(draw, generator, length, 3072, settings.seed * 7919 + i);
      });
  const auto any = [&](double length, std::uint64_t seed) {
    std::string spec;
    while (spec.empty()) {
      const GeneratorEntry& generator = generators[draw.index(generators.size())];
      if (allowed(settings, generator.name)) spec = draw_generator(draw, generator, length, 1024, seed);
    }
    return spec;
  };
  const bool some = std::any_of(generators.begin(), generators.end(), [&](const GeneratorEntry& generator) {
    return allowed(settings, generator.name);
  });
  for (std::size_t i = 0; i < settings.mixtures && some; ++i)
    add("mixture", [&](double length) {
      return any(length, settings.seed * 104'729 + i) + " + " + any(length, settings.seed * 1'299'709 + i);
    });
  for (const std::string& path : settings.recordings)
    for (std::size_t i = 0; i < settings.per_recording; ++i)
      add(stem_of(path),
          [&](double) { return fmt::format("trace*{:.0f}:{}", draw.log_uniform(15, 90), path); });
  return recipes;
}

Result<Dataset> make_recipe_dataset(const TaskRecipe& recipe, std::size_t ticks) {
  auto factories = TIER_TRY(parse_workloads(recipe.workload));
  auto machine = TIER_TRY(machine_preset(recipe.machine));
  DatasetSettings data;
  data.tick = Nanoseconds{static_cast<std::int64_t>(recipe.tick_seconds * 1e9)};
  data.samples_per_second = recipe.samples_per_second;
  data.fast_share = 1 / (1 + recipe.slow_parts);
  data.fast_latency = seconds(machine.tiers.front().latency) / kReferenceLatency;
  data.slow_latency = seconds(machine.tiers.back().latency) / kReferenceLatency;
  data.seed = recipe.seed;
  data.most_ticks = ticks;
  auto dataset = make_dataset(factories, data);
  if (dataset) add_facts(machine, dataset->node);
  return dataset;
}

Result<TrainingTask> make_task(const TaskRecipe& recipe, const TaskSettings& settings) {
  const auto dataset = TIER_TRY(make_recipe_dataset(recipe, settings.ticks));
  TrainingTask task;
  task.workload = recipe.workload, task.family = recipe.family, task.machine = recipe.machine;
  const auto place = choose_regions(dataset, settings, task.regions);
  task.node = dataset.node;
  Switch classical;
  FeatureExtractor extractor;
  std::array<std::vector<float>, kHorizons.size()> counsel;
  classical.observe(task.node);
  for (const DatasetTick& tick : dataset.ticks) {
    task.add_tick();
    const ForecastSet said = classical.forecast(tick.snapshot);
    for (std::size_t h = 0; h < kHorizons.size(); ++h) {
      counsel[h].clear();
      for (const DemandForecast& forecast : said.forecasts) counsel[h].push_back(forecast.horizons[h].mean);
    }
    const RegionStatistics& statistics = classical.statistics();
    extractor.observe(tick.snapshot, statistics, {counsel[0], counsel[1], counsel[2]});
    task.unit.back() = extractor.unit();
    task.numbers.back() = describe_tick(tick.snapshot, statistics);
    for (std::size_t row = 0; row < tick.regions.size(); ++row)
      if (const std::int32_t at = place[tick.regions[row]]; at >= 0)
        copy_row(extractor, row, task, task.ticks - 1, static_cast<std::size_t>(at));
  }
  fill_truth(dataset, place, task);
  return task;
}

TaskSet make_tasks(const std::vector<TaskRecipe>& recipes, const TaskSettings& settings, unsigned jobs,
                   const std::function<void(std::size_t, std::size_t)>& progress) {
  std::vector<std::optional<Result<TrainingTask>>> made(recipes.size());
  in_parallel(
      recipes.size(), jobs, [&](std::size_t i) { made[i].emplace(make_task(recipes[i], settings)); },
      progress);
  TaskSet set;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (*made[i]) {
      set.tasks.push_back(std::move(**made[i]));
    } else {
      set.refused.push_back(recipes[i].workload + ": " + made[i]->error().message);
    }
  }
  return set;
}

}  // namespace tier::sim
