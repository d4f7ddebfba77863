// Samples a second that the default budget buys on five programs, and the CPU time of one that is of use.
// What the same prices would buy on a machine of 64 CPUs is reckoned by the functions that the daemon uses.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/sampler-bench/budget_rate.h"

namespace tier {
namespace {

void print_model(const std::string& where, const std::optional<ModelledRate>& rate) {
  if (rate)
    fmt::print("  by the price model {:<18}{:>8.0f} with events on CPUs only{:>8.0f} where they are chosen\n",
               where, rate->on_cpus, rate->chosen);
}

nlohmann::json json_of(const std::optional<ModelledRate>& rate) {
  if (!rate) return nullptr;
  return {{"on_cpus", rate->on_cpus}, {"chosen", rate->chosen}};
}

nlohmann::json json_of(const BudgetRate& rate) {
  return {{"samples_per_s", rate.samples},
          {"us_per_sample", rate.price * 1e6},
          {"cpu_share", rate.share},
          {"modelled_here", json_of(rate.modelled_here)},
          {"at_64_cpus", json_of(rate.modelled_at_64)}};
}

void print_row(const std::string& name, const BudgetRate& rate) {
  fmt::print("{:<22}{:>9.0f} a second of its time{:>9.2f} us each{:>8.2f}% of a CPU\n", name, rate.samples,
             rate.price * 1e6, rate.share * 100);
  print_model("on this machine:", rate.modelled_here);
  print_model("on 64 CPUs:", rate.modelled_at_64);
}

}  // namespace

int bench_rate() {
  const SteadyClock clock;
  const TemporaryFolder folder;
  if (folder.path().empty()) return cannot({ErrorKind::kFailed, "no temporary folder", {}});
  const std::vector<Subject> subjects = rate_subjects(folder.path());
  nlohmann::json rows = nlohmann::json::object();
  double logarithms = 0;
  for (const Subject& subject : subjects) {
    const std::optional<BudgetRate> rate = measure_rate(RunningSubject(subject).program(), clock);
    if (!rate) {
      fmt::print("{:<22}  did not run for long enough\n", subject.name);
      continue;
    }
    print_row(subject.name, *rate);
    rows[subject.name] = json_of(*rate);
    logarithms += std::log(rate->samples);
  }
  const bool whole = rows.size() == subjects.size();
  nlohmann::json last = {
      {"name", "rate"},
      {"value", rows.empty() ? 0 : std::exp(logarithms / static_cast<double>(rows.size()))},
      {"unit", "samples of use a second of the program's time, geometric mean"},
      {"target", "printed for five programs"},
      {"holds", whole},
      {"programs", rows}};
  fmt::print("{}\n", last.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
  return whole ? 0 : 1;
}

}  // namespace tier
