#include "tools/tier-train/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <set>

#include "predictor/network/runner.h"
#include "tools/tier-sim/progress.h"
#include "tools/tier-train/results_folder.h"
#include "tools/tier-train/search_json.h"

namespace tier::sim {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// The cheapest of several ticks: others on the machine only ever make it dearer. Streaming, which every
// machine has.
Result<double> microseconds_of(const ModelShape& shape) {
  constexpr std::size_t kRegions = 2048;
  constexpr int kTicks = 24;
  auto runner = TIER_TRY(make_runner(shape.network, {.kind = RunnerKind::kStreaming}));
  const Model model = Model::random(shape, 1);
  TIER_TRY(runner->set_weights(model.base()));
  RegionSnapshot snapshot;
  snapshot.regions.resize(kRegions);
  for (std::size_t row = 0; row < kRegions; ++row)
    snapshot.regions[row].key = {{1}, row * kDefaultRegionSize.value};
  std::vector<float> features(kRegions * shape.network.features, 0.5F), outputs(kRegions * kHeadOutputs);
  Roster roster;
  double best = 1e9;
  for (int tick = 0; tick < kTicks; ++tick) {
    roster.update(snapshot);
    const auto begun = Clock::now();
    runner->step(roster, {features}, outputs, [] { return true; });
    best = std::min(best, 1e6 * since(begun) / kRegions);
  }
  return best;
}

class SearchWork {
 public:
  explicit SearchWork(const SearchSettings& settings) : settings_(settings) {}

  std::string operator()(const std::string& text) {
    const auto job = search_job_from(text);
    if (!job)
      return to_json(SearchResult{{}, 0, {}, job.error().text(), 0, 0})
          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    SearchResult result{job->candidate, job->steps, {}, {}, 0, 0};
    const auto begun = Clock::now();
    if (auto loss = loss_of(*job, result.microseconds)) {
      result.loss = *loss;
    } else {
      result.error = loss.error().text();
    }
    result.seconds = since(begun);
    return to_json(result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

 private:
  Result<double> loss_of(const SearchJob& job, double& microseconds) {
    const auto cost = TIER_TRY(microseconds_of(job.candidate.shape()));
    microseconds = cost;
    if (settings_.most_microseconds > 0 && microseconds > settings_.most_microseconds)
      return fail(ErrorKind::kUsage, fmt::format("{:.3f} microseconds a region are too many", microseconds));
    std::call_once(made_, [&] {
      FitSettings data = settings_.fit;
      data.quiet = true, data.judge_left_out = true;
      data_ = make_fit_data(data);
    });
    const auto report = TIER_TRY(fit(settings_of(job), data_));
    return report.best;
  }

  FitSettings settings_of(const SearchJob& job) const {
    FitSettings fit = settings_.fit;
    fit.shape = job.candidate.shape();
    fit.training.seed = job.candidate.seed(settings_.fit.training.seed);
    fit.training.steps = job.steps, fit.judge_every = job.steps;  // once, in the end
    fit.training.warm_up = std::min(fit.training.warm_up, job.steps / 5);
    fit.training.pass.seen_features = job.candidate.seen_features();
    fit.training.pass.loss.horizons = horizons_table()[job.candidate.horizons].weights;
    fit.folder.clear(), fit.resume = false, fit.quiet = true;
    return fit;
  }

  const SearchSettings& settings_;
  std::once_flag made_;
  FitData data_;
};

Result<void> check(const SearchSettings& settings) {
  bool narrows = !settings.rungs.empty() && settings.generations > 0;
  for (std::size_t i = 0; i < settings.rungs.size(); ++i) {
    const Rung& rung = settings.rungs[i];
    narrows = narrows && rung.candidates > 0 && rung.steps > 0 &&
              (i == 0 || (rung.candidates <= settings.rungs[i - 1].candidates &&
                          rung.steps > settings.rungs[i - 1].steps));
  }
  if (narrows) return {};
  return fail(ErrorKind::kUsage, "the rungs do not narrow",
              "fewer candidates and more steps each, as in 27x100,9x300,3x900");
}

// What the results depend on; the limit on the cost only says which there are.
nlohmann::json search_identity(const SearchSettings& settings) {
  nlohmann::json identity = identity_of(settings.fit);
  identity["command"] = "search";
  identity.erase("shape");
  for (const char* own : {"steps", "judge_every", "patience", "seen_features", "horizons"})
    identity["training"].erase(own);
  return identity;
}

class Search {
 public:
  Search(const SearchSettings& settings, Workers& workers, ResultsFolder folder)
      : settings_(settings),
        workers_(workers),
        folder_(std::move(folder)),
        random_(settings.fit.training.seed) {}

  Result<std::vector<SearchResult>> run() {
    std::vector<Candidate> population = {usual_candidate()};
    for (std::size_t g = 1; g <= settings_.generations; ++g) {
      fill(population);
      for (std::size_t r = 0; r < settings_.rungs.size(); ++r) {
        const std::string title =
            fmt::format("candidates, generation {} of {}, rung {} of {} ({} steps)", g, settings_.generations,
                        r + 1, settings_.rungs.size(), settings_.rungs[r].steps);
        TIER_TRY(train(population, settings_.rungs[r].steps, title));
        const bool last = r + 1 == settings_.rungs.size();
        if (auto kept =
                keep_best(population, settings_.rungs[r].steps, settings_.rungs[last ? r : r + 1].candidates);
            !kept)
          return tl::make_unexpected(kept.error());
      }
    }
    std::vector<SearchResult> all;
    for (const auto& [name, result] : results_) all.push_back(result);
    return all;
  }

 private:
  // Survivors stay; the first generation is drawn, later ones are their mutants, in turn.
  void fill(std::vector<Candidate>& population) {
    const std::vector<Candidate> parents = population;
    constexpr std::size_t kMostDraws = 10'000;  // where there are not so many different ones
    for (std::size_t i = 0; population.size() < settings_.rungs[0].candidates && i < kMostDraws; ++i) {
      const Candidate next = first_ ? draw_candidate(random_) : mutate(parents[i % parents.size()], random_);
      if (seen_.insert(next.key()).second) population.push_back(next);
    }
    first_ = false;
  }

  Result<void> train(const std::vector<Candidate>& population, std::size_t steps, const std::string& title) {
    std::vector<SearchJob> jobs;
    std::vector<std::string> texts;
    for (const Candidate& candidate : population) {
      const SearchJob job{candidate, steps};
      if (results_.contains(job.name()) || known(job)) continue;
      jobs.push_back(job),
          texts.push_back(to_json(job).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    Progress progress(title);
    std::size_t done = population.size() - jobs.size();
    const auto show = [&] {
      if (!settings_.fit.quiet) progress.show(done, population.size());
    };
    show();
    auto ran = workers_.run(texts, [&](std::size_t job, const std::string& text) -> Result<void> {
      const auto json = nlohmann::json::parse(text, nullptr, false);
      auto result = TIER_TRY(search_result_from(json));
      TIER_TRY(folder_.write(jobs[job].name(), json));
      results_.emplace(jobs[job].name(), std::move(result));
      ++done, show();
      return {};
    });
    if (!settings_.fit.quiet) progress.finish();
    return ran;
  }

  // From an earlier run. What was too dear then may be allowed now.
  bool known(const SearchJob& job) {
    const auto json = folder_.read(job.name());
    if (!json) return false;
    auto result = search_result_from(*json);
    if (!result || !(result->candidate == job.candidate) || result->steps != job.steps || !result->loss)
      return false;
    results_.emplace(job.name(), *std::move(result));
    return true;
  }

  Result<void> keep_best(std::vector<Candidate>& population, std::size_t steps, std::size_t count) {
    const auto loss = [&](const Candidate& candidate) {
      return results_.at(SearchJob{candidate, steps}.name()).loss;
    };
    std::string error;
    std::erase_if(population, [&](const Candidate& candidate) {
      const SearchResult& result = results_.at(SearchJob{candidate, steps}.name());
      if (!result.loss) error = result.error;
      return !result.loss;
    });
    if (population.empty())
      return fail(ErrorKind::kFailed, "no candidate gives a loss; the last said: " + error,
                  "allow more microseconds, or give more data");
    std::sort(population.begin(), population.end(), [&](const Candidate& a, const Candidate& b) {
      return std::pair(*loss(a), a.key()) < std::pair(*loss(b), b.key());
    });
    if (population.size() > count) population.resize(count);
    return {};
  }

  const SearchSettings& settings_;
  Workers& workers_;
  ResultsFolder folder_;
  std::mt19937_64 random_;
  bool first_ = true;
  std::set<std::string> seen_ = {usual_candidate().key()};
  std::map<std::string, SearchResult> results_;  // by the file's name
};

}  // namespace

Work make_search_work(const SearchSettings& settings) {
  auto work = std::make_shared<SearchWork>(settings);
  return [work](const std::string& job) { return (*work)(job); };
}

Result<std::vector<SearchResult>> search(const SearchSettings& settings, Workers& workers) {
  TIER_TRY(check(settings));
  auto folder = TIER_TRY(ResultsFolder::open(settings.folder, search_identity(settings)));
  if (!folder.fresh() && !settings.resume)
    return fail(ErrorKind::kUsage, settings.folder.string() + " holds an earlier search",
                "go on with --resume, or choose another folder");
  return Search(settings, workers, std::move(folder)).run();
}

}  // namespace tier::sim
