// How often a workload is known again by its signature.
#include <fmt/format.h>

#include <filesystem>

#include "predictor/network/signature.h"
#include "sim/machine/description.h"
#include "tools/tier-train/fewshot.h"

namespace tier::sim {
namespace {

constexpr std::size_t kEnough = kWindows * kWindowTicks;

// Signatures of one run after 64 ticks and after 128; nothing of a run that ends before.
using Signatures = std::vector<std::uint64_t>;

Result<Signatures> signatures_of(const TaskRecipe& recipe) {
  const auto task = TIER_TRY(make_task(recipe, {2 * kEnough, 64, RegionPart::kAll}));
  WorkloadWindows windows;
  Signatures out;
  for (std::size_t t = 0; t < task.ticks; ++t) {
    windows.add(task.numbers[t]);
    if ((t + 1) % kEnough != 0) continue;
    if (const auto signature = workload_signature(windows)) out.push_back(*signature);
  }
  return out;
}

struct Runs {
  std::string family;
  std::vector<Signatures> seeds;
  Signatures sparse;
};

bool near(std::uint64_t a, std::uint64_t b) { return signature_distance(a, b) <= kSameWorkload; }

void count_pairs(const Runs& runs, SignatureReport& report) {
  std::vector<std::uint64_t> firsts;
  for (const Signatures& run : runs.seeds)
    if (!run.empty()) firsts.push_back(run[0]);
  std::size_t pairs = 0, same = 0, alike = 0;
  int worst = 0;
  for (std::size_t a = 0; a < firsts.size(); ++a)
    for (std::size_t b = a + 1; b < firsts.size(); ++b) {
      ++pairs, same += firsts[a] == firsts[b] ? 1U : 0U, alike += near(firsts[a], firsts[b]) ? 1U : 0U;
      worst = std::max(worst, signature_distance(firsts[a], firsts[b]));
    }
  if (pairs == 0) return;
  ++report.workloads, report.runs += pairs, report.same += same, report.near += alike;
  report.lines.push_back(
      fmt::format("{:<16}{:016x}  pairs {}, the same {}, known again {}, at most {} levels apart",
                  runs.family, firsts[0], pairs, same, alike, worst));
}

void count(const Runs& runs, SignatureReport& report) {
  for (const Signatures& run : runs.seeds) {
    if (run.size() > 1) ++report.later, report.later_near += near(run[0], run[1]) ? 1U : 0U;
    if (!run.empty() && !runs.sparse.empty())
      ++report.sparser, report.sparser_near += near(run[0], runs.sparse[0]) ? 1U : 0U;
  }
  count_pairs(runs, report);
}

void count_others(const std::vector<Runs>& all, SignatureReport& report) {
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = a + 1; b < all.size(); ++b) {
      if (all[a].seeds[0].empty() || all[b].seeds[0].empty()) continue;
      ++report.others, report.others_near += near(all[a].seeds[0][0], all[b].seeds[0][0]) ? 1U : 0U;
    }
}

}  // namespace

Result<SignatureReport> measure_signatures(const FewshotSettings& settings) {
  std::vector<Runs> all;
  for (const std::string& path : settings.recordings) {
    TaskRecipe recipe;
    recipe.family = std::filesystem::path(path).stem().string();
    recipe.workload = "trace*40:" + path;
    recipe.machine = settings.machines.empty() ? machine_presets().front().name : settings.machines.front();
    Runs runs{recipe.family, {}, {}};
    for (std::uint64_t s = 0; s < settings.seeds; ++s) {
      recipe.seed = settings.first_seed + s;
      runs.seeds.push_back(TIER_TRY(signatures_of(recipe)));
    }
    recipe.samples_per_second /= 2;
    runs.sparse = TIER_TRY(signatures_of(recipe));
    all.push_back(std::move(runs));
    settings.progress(all.size(), settings.recordings.size());
  }
  SignatureReport report;
  for (const Runs& runs : all) count(runs, report);
  count_others(all, report);
  const auto line = [&](const char* what, std::size_t alike, std::size_t pairs) {
    report.lines.push_back(fmt::format("{:<44}{:>5} of {:>5}", what, alike, pairs));
  };
  line("other samples: the same signature", report.same, report.runs);
  line("other samples: known again", report.near, report.runs);
  line("half the samples: known again", report.sparser_near, report.sparser);
  line("64 ticks later: known again", report.later_near, report.later);
  line("another workload: taken for the same", report.others_near, report.others);
  return report;
}

}  // namespace tier::sim
