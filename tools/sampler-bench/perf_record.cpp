// CPU time of one useful sample of ours against one of `perf record` with registers, at the same rate on the
// same running programs; once with as many samples as the budget buys, and once by the tick alone.
//
// Ours: as `rate` measures it. What the BPF program takes in the program's time, decoding to an address,
// interrupts of clock events, and setting their clocks whenever a thread comes to a CPU, taken as dear as an
// interrupt.
// perf's: the CPU time of the perf process while it samples; its interrupts, those that find the program in
// the kernel and give no sample too; setting its clocks whenever a thread comes to a CPU, at the price
// measured for that. Not in it, each to perf's favour: finding addresses in what it wrote, writing its file
// to the disk, and what its interrupts cost where the program fills the caches (our BPF program is timed
// there).
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/sampler-bench/budget_rate.h"
#include "tools/sampler-bench/record_event.h"
#include "tools/sampler-bench/recording.h"

namespace tier {
namespace {

constexpr Nanoseconds kRecorded = std::chrono::seconds(6);
constexpr double kTarget = 0.3;

// CPU seconds of one useful sample.
struct Comparison {
  double rate = 0;  // samples of use a second of the program's time, ours
  double ours = 0;
  double perf_rate = 0;  // perf's, which was asked for the rate of ours
  double perf_process = 0, perf_interrupts = 0, perf_switches = 0;
  double perf() const { return perf_process + perf_interrupts + perf_switches; }
  double ratio() const { return ours / perf(); }
};

// Perf's side of the comparison with `ours`, which was measured on the same program just before.
Result<Comparison> compare(const Program& program, const BudgetRate& ours, Nanoseconds interrupt) {
  const Nanoseconds switching = TIER_TRY(record_switch_price(ours.samples));
  const Recording perf = TIER_TRY(record(program, ours.samples, kRecorded));
  if (perf.useful == 0) return fail(ErrorKind::kFailed, "perf record took no sample with registers");
  const double interrupts = std::round(ours.samples) * seconds(perf.program_time);
  const auto useful = static_cast<double>(perf.useful);
  Comparison result;
  result.rate = ours.samples;
  result.ours = ours.price;
  result.perf_rate = useful / seconds(perf.program_time);
  result.perf_process = seconds(perf.perf_time) / useful;
  result.perf_interrupts = interrupts * seconds(interrupt) / useful;
  result.perf_switches = static_cast<double>(perf.switches) * seconds(switching) / useful;
  return result;
}

void print_row(const std::string& name, const Comparison& row) {
  fmt::print(
      "{:<44}{:>7.2f} us at {:>5.0f} a second; perf {:>7.2f} us at {:>5.0f} ({:.2f} its process, {:.2f} "
      "interrupts, {:.2f} switches): {:.3f}\n",
      name, row.ours * 1e6, row.rate, row.perf() * 1e6, row.perf_rate, row.perf_process * 1e6,
      row.perf_interrupts * 1e6, row.perf_switches * 1e6, row.ratio());
}

nlohmann::json json_of(const Comparison& row) {
  return {{"ratio", row.ratio()},
          {"samples_per_s", row.rate},
          {"us_per_sample", row.ours * 1e6},
          {"perf_samples_per_s", row.perf_rate},
          {"perf_us_per_sample", row.perf() * 1e6},
          {"perf_process_us", row.perf_process * 1e6},
          {"perf_interrupts_us", row.perf_interrupts * 1e6},
          {"perf_switches_us", row.perf_switches * 1e6}};
}

// The comparisons of all programs in one way of sampling.
class Table {
 public:
  explicit Table(std::string way) : way_(std::move(way)) {}

  void add(const std::string& program, const std::optional<BudgetRate>& ours,
           const Result<Comparison>& comparison) {
    if (!ours || !comparison) {
      if (!comparison && ours) cannot(comparison.error());
      fmt::print("{:<44}  was not measured\n", program + way_);
      return;
    }
    print_row(program + way_, *comparison);
    rows_[program] = json_of(*comparison);
    logarithms_ += std::log(comparison->ratio());
  }

  const nlohmann::json& rows() const { return rows_; }
  double mean() const { return std::exp(logarithms_ / static_cast<double>(rows_.size())); }  // of ratios

 private:
  std::string way_;
  nlohmann::json rows_ = nlohmann::json::object();
  double logarithms_ = 0;
};

}  // namespace

int bench_perf() {
  if (!perf_is_installed())
    return cannot({ErrorKind::kFailed, "perf is not installed", "apt-get install linux-perf"});
  const Result<Nanoseconds> interrupt = record_interrupt_price();
  if (!interrupt) return cannot(interrupt.error());
  fmt::print("an interrupt of perf's event with registers: {:.2f} us\n", seconds(*interrupt) * 1e6);
  const SteadyClock clock;
  const TemporaryFolder folder;
  if (folder.path().empty()) return cannot({ErrorKind::kFailed, "no temporary folder", {}});
  const std::vector<Subject> subjects = rate_subjects(folder.path());
  Table bought(", all that the budget buys"), ticks(", tick alone");
  for (const Subject& subject : subjects) {
    const RunningSubject running(subject);
    for (Table* table : {&bought, &ticks}) {
      const auto ours = table == &bought ? measure_rate(running.program(), clock)
                                         : measure_tick_rate(running.program(), clock);
      table->add(subject.name, ours,
                 ours ? compare(running.program(), *ours, *interrupt) : Result<Comparison>());
    }
  }
  if (bought.rows().empty()) return cannot({ErrorKind::kFailed, "no program could be measured", {}});
  const bool holds = bought.rows().size() == subjects.size() && bought.mean() <= kTarget;
  nlohmann::json last = {
      {"name", "perf"},
      {"value", bought.mean()},
      {"unit", "CPU time of a useful sample, of that of perf record with registers, geometric mean"},
      {"target", "<= 0.3"},
      {"holds", holds},
      {"perf_interrupt_us", seconds(*interrupt) * 1e6},
      {"programs", bought.rows()},
      {"tick_alone", {{"value", ticks.rows().empty() ? 0 : ticks.mean()}, {"programs", ticks.rows()}}}};
  fmt::print("{}\n", last.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
  return holds ? 0 : 1;
}

}  // namespace tier
