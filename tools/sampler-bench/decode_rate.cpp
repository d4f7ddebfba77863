// How many user-time samples of real programs decode to a data address.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tools/sampler-bench/subjects.h"

namespace tier {
namespace {

constexpr Nanoseconds kWarmUp = std::chrono::seconds(3);
constexpr Nanoseconds kMeasured = std::chrono::seconds(6);
constexpr std::size_t kProgramsWanted = 4;

struct Outcome {
  std::uint64_t taken = 0;
  double rate = 0;       // of samples that decode
  double computing = 0;  // share of them in which the program waited for no memory
};

std::optional<Outcome> measure(AccessSource& source, const Subject& subject) {
  const RunningSubject running(subject);
  const Program& program = running.program();
  watch(source, program, kWarmUp);
  if (!program.running()) return std::nullopt;
  const SampleBatch batch = watch(source, program, kMeasured);
  if (batch.counters.taken == 0) return std::nullopt;
  const auto taken = static_cast<double>(batch.counters.taken);
  const auto decoded = static_cast<double>(batch.counters.delivered + batch.counters.computing);
  return Outcome{batch.counters.taken, decoded / taken,
                 static_cast<double>(batch.counters.computing) / std::max(decoded, 1.0)};
}

}  // namespace

int bench_decode_rate() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> source = start_stall({}, clock);
  if (!source) return cannot(source.error());
  const TemporaryFolder folder;
  if (folder.path().empty()) return cannot({ErrorKind::kFailed, "no temporary folder", {}});
  fmt::print("{:<22}{:>10}{:>10}{:>14}\n", "program", "samples", "decoded", "computing");
  double lowest = 1;
  std::size_t measured = 0;
  for (const Subject& subject : real_programs(folder.path())) {
    const std::optional<Outcome> outcome = measure(**source, subject);
    if (!outcome) {
      fmt::print("{:<22}  did not run or used no CPU (is {} installed?)\n", subject.name,
                 subject.command.front());
      continue;
    }
    ++measured;
    lowest = std::min(lowest, outcome->rate);
    fmt::print("{:<22}{:>10}{:>9.1f}%{:>13.1f}%\n", subject.name, outcome->taken, 100 * outcome->rate,
               100 * outcome->computing);
  }
  std::fflush(stdout);
  return verdict("decode-rate", measured == 0 ? 0 : lowest,
                 "share of user-time samples that decode, lowest program", "printed for 4 programs or more",
                 measured >= kProgramsWanted);
}

}  // namespace tier
