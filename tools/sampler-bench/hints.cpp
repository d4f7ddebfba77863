// Whether the registers of a sample that its address is not computed from tell where the program will wait.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tools/sampler-bench/hint_model.h"
#include "tools/sampler-bench/workloads.h"

namespace tier {
namespace {

constexpr Nanoseconds kSettled = std::chrono::seconds(14);  // the clock is priced in nine steps, one a second
constexpr Nanoseconds kRecorded = std::chrono::seconds(40);
constexpr Nanoseconds kLargeIsReady = std::chrono::seconds(40);  // large data is made first
constexpr double kSamplesPerSecond = 300;  // that a program gives, or fewer: training is thinned to it
constexpr std::size_t kSparse = 4;         // thinnings: a sixteenth, as of a program sixteen times as large
constexpr std::size_t kPrograms = 7;
// The form that did best over all programs in the recordings that these forms were tried on first.
constexpr HintForm kBest = HintForm::kLines;

Result<RegisterRecording> record(const std::string& name, const Program& program) {
  const SteadyClock clock;
  SamplingSettings settings;
  settings.target_samples_per_second = 1e6;  // as many as the budget buys
  auto source = TIER_TRY(start_stall(settings, clock));
  source->set_stake(100);
  watch(*source, program, kSettled);
  if (!program.running()) return fail(ErrorKind::kFailed, name + " did not run for long enough");
  auto recording = TIER_TRY(record_registers(*source, program, kRecorded));
  recording.name = name;
  return recording;
}

// Both splits of one program.
struct Judged {
  std::string name;
  HintData data;
  LookupPrice price;
  std::array<HintResult, 2> results;  // alternate seconds, halves

  // Geometric mean of the splits; nothing where neither says anything.
  std::optional<double> factor(HintForm form, HintForm base, std::size_t thinning) const {
    const auto first = results[0].factor(form, base, thinning),
               second = results[1].factor(form, base, thinning);
    if (!first || !second) return first ? first : second;
    return std::sqrt(*first * *second);
  }
};

Judged judged(const RegisterRecording& recording) {
  Judged all{recording.name, indexed(recording), lookup_price(recording), {}};
  const double kept = std::min(1.0, kSamplesPerSecond / std::max(all.data.delivered_per_s, 1.0));
  all.results = {judge(all.data, HintSplit::kAlternate, kept), judge(all.data, HintSplit::kFirstHalf, kept)};
  return all;
}

void print_header() {
  fmt::print("{:<22}{:>7}{:>8}{:>7}  {:<10}{:>14}{:>7}{:>10}{:>15}{:>15}{:>18}{:>9}\n", "program", "per s",
             "regions", "others", "split", "unseen, hit", "later", "no hit", "nats", "sparse nats",
             "sparse 1/8", "oracle");
}

void print_program(const Judged& program) {
  for (const HintResult& result : program.results) {
    const HintScore &a = result.score(HintForm::kNone, 0), &b = result.score(kBest, 0);
    const HintScore &few_a = result.score(HintForm::kNone, kSparse), &few_b = result.score(kBest, kSparse);
    const bool first = &result == &program.results[0];
    fmt::print(
        "{:<22}{:>7.0f}{:>8}{:>7.1f}  {:<10}{:>5} of {:>4}{:>4.0f}%{:>6.0f}%{:>8.2f}%{:>8.3f} {:+.3f}"
        "{:>8.3f} {:+.3f}{:>9.1f}% {:+6.1f}%{:>8.1f}%\n",
        first ? program.name : "", program.data.delivered_per_s, program.data.regions.size(),
        program.data.others, first ? "alternate" : "halves", result.hit_regions,
        result.hit_regions + result.other_regions, 100 * result.hit_later, 100 * result.other_later,
        100 * result.unseen_share, a.log_likelihood, b.log_likelihood - a.log_likelihood,
        few_a.log_likelihood, few_b.log_likelihood - few_a.log_likelihood, 100 * few_a.eighth,
        100 * (few_b.eighth - few_a.eighth), 100 * result.oracle.eighth);
  }
  const auto text = [&](HintForm form, HintForm base, std::size_t thinning) {
    const auto factor = program.factor(form, base, thinning);
    return factor ? fmt::format("{:.2f}", *factor) : std::string("-");
  };
  fmt::print(
      "{:<22}  {:.2f} registers into the stack; factor {}, sparse {}, over neighbours {} and {}; a look-up "
      "of its registers takes {:.0f} ns, "
      "{:.0f} with the last hits kept\n",
      "", program.data.into_stack, text(kBest, HintForm::kNone, 0), text(kBest, HintForm::kNone, kSparse),
      text(HintForm::kNeighboursLines, HintForm::kNeighbours, 0),
      text(HintForm::kNeighboursLines, HintForm::kNeighbours, kSparse), program.price.bisected_ns,
      program.price.cached_ns);
}

// Geometric mean over the programs, and its standard error as a factor.
struct Mean {
  double value = 1, error = 1;
};
Mean mean_factor(const std::vector<Judged>& programs, HintForm form, HintForm base, std::size_t thinning) {
  double n = 0, sum = 0, squares = 0;
  for (const Judged& program : programs) {
    const auto factor = program.factor(form, base, thinning);
    if (!factor) continue;
    const double logarithm = std::log(*factor);
    n += 1, sum += logarithm, squares += logarithm * logarithm;
  }
  const double mean = sum / std::max(n, 1.0);
  const double variance = n > 1 ? std::max(0.0, squares / n - mean * mean) / (n - 1) : 0;
  return {std::exp(mean), std::exp(std::sqrt(variance))};
}

// Mean share of the waits, over programs and splits, in percent.
double mean_share(const std::vector<Judged>& programs,
                  const std::function<double(const HintResult&)>& share) {
  double sum = 0;
  for (const Judged& program : programs)
    for (const HintResult& result : program.results) sum += 100 * share(result);
  return sum / static_cast<double>(std::max<std::size_t>(2 * programs.size(), 1));
}

void print_forms(const std::vector<Judged>& programs) {
  fmt::print(
      "\nSamples that the form is worth, times; geometric mean of {} programs (standard error as a factor).\n"
      "Waits in the best eighth and quarter of the regions, with all samples and with a sixteenth, %.\n"
      "{:<26}{:>15}{:>15}{:>15}{:>8}{:>8}{:>10}{:>8}\n",
      programs.size(), "form", "all, <= 300/s", "a quarter", "a sixteenth", "1/8", "1/4", "few: 1/8", "1/4");
  const auto row = [&](const std::string& name, HintForm form, HintForm base) {
    const auto cell = [&](std::size_t thinning) {
      const Mean mean = mean_factor(programs, form, base, thinning);
      return fmt::format("{:.2f} ({:.2f})", mean.value, mean.error);
    };
    const auto share = [&](std::size_t thinning, double HintScore::*part) {
      return mean_share(programs,
                        [&](const HintResult& result) { return result.score(form, thinning).*part; });
    };
    fmt::print("{:<26}{:>15}{:>15}{:>15}{:>8.1f}{:>8.1f}{:>10.1f}{:>8.1f}\n", name, cell(0), cell(2),
               cell(kSparse), share(0, &HintScore::eighth), share(0, &HintScore::quarter),
               share(kSparse, &HintScore::eighth), share(kSparse, &HintScore::quarter));
  };
  for (std::size_t form = 0; form < kHintForms; ++form)
    row(name_of(static_cast<HintForm>(form)), static_cast<HintForm>(form), HintForm::kNone);
  row("lines, over neighbours", HintForm::kNeighboursLines, HintForm::kNeighbours);
  fmt::print("{:<26}{:>53.1f}{:>8.1f}\n", "oracle",
             mean_share(programs, [](const HintResult& result) { return result.oracle.eighth; }),
             mean_share(programs, [](const HintResult& result) { return result.oracle.quarter; }));
}

nlohmann::json number_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json row_of(const Judged& program) {
  const HintResult& result = program.results[0];
  return {{"samples_per_s", program.data.delivered_per_s},
          {"regions", program.data.regions.size()},
          {"other_regions_per_sample", program.data.others},
          {"stack_registers_per_sample", program.data.into_stack},
          {"factor", number_of(program.factor(kBest, HintForm::kNone, 0))},
          {"factor_sparse", number_of(program.factor(kBest, HintForm::kNone, kSparse))},
          {"factor_sparse_over_neighbours",
           number_of(program.factor(HintForm::kNeighboursLines, HintForm::kNeighbours, kSparse))},
          {"hit_later", result.hit_later},
          {"other_later", result.other_later},
          {"lookup_ns", program.price.cached_ns}};
}

class Bench {
 public:
  void watch(const std::string& name, const Program& program) {
    const Result<RegisterRecording> recording = record(name, program);
    if (!recording) {
      fmt::print("{:<22}  {}\n", name, recording.error().text());
      return;
    }
    // For other tools to look at.
    if (const char* folder = std::getenv("TIER_HINTS_OUT"); folder != nullptr)
      write_recording(*recording, fmt::format("{}/{}.txt", folder, programs_.size()));
    programs_.push_back(judged(*recording));
    print_program(programs_.back());
  }
  const std::vector<Judged>& programs() const { return programs_; }

 private:
  std::vector<Judged> programs_;
};

void watch_all(Bench& bench, const std::string& folder) {
  for (const Subject& subject : real_programs(folder))
    bench.watch(subject.name, RunningSubject(subject).program());
  const Subject compiler = busy_compiler(folder);
  bench.watch(compiler.name, RunningSubject(compiler).program());
  bench.watch("pointer chase", Program::fork_body(chase_pointers));
  const auto large = [&](const std::string& name, const Program& program) {
    std::this_thread::sleep_for(kLargeIsReady);
    bench.watch(name, program);
  };
  for (const Subject& subject : {array_work(), graph_searches()})
    large(subject.name, RunningSubject(subject).program());
  large("sorted tree", Program::fork_body(search_tree));
}

}  // namespace

int bench_hints() {
  const TemporaryFolder folder;
  if (folder.path().empty()) return cannot({ErrorKind::kFailed, "no temporary folder", {}});
  Bench bench;
  print_header();
  watch_all(bench, folder.path());
  const std::vector<Judged>& programs = bench.programs();
  if (programs.empty()) return cannot({ErrorKind::kFailed, "no program could be watched", {}});
  print_forms(programs);
  nlohmann::json rows = nlohmann::json::object();
  for (const Judged& program : programs) rows[program.name] = row_of(program);
  const bool whole = programs.size() >= kPrograms;
  const nlohmann::json last = {
      {"name", "hints"},
      {"value", mean_factor(programs, kBest, HintForm::kNone, 0).value},
      {"unit", "times the samples that registers are worth, at 300 a second or what comes, geometric mean"},
      {"target", "printed for seven programs or more"},
      {"holds", whole},
      {"sparse", mean_factor(programs, kBest, HintForm::kNone, kSparse).value},
      {"sparse_over_neighbours",
       mean_factor(programs, HintForm::kNeighboursLines, HintForm::kNeighbours, kSparse).value},
      {"programs", rows}};
  fmt::print("{}\n", last.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
  return whole ? 0 : 1;
}

}  // namespace tier
