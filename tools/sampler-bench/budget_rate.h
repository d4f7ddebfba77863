// What the default budget buys on one program, and the five programs that it is measured on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "tools/sampler-bench/subjects.h"

namespace tier {

// sqlite3, redis-server, python3, a compiler, a pointer chase. `folder`: for their sockets and files.
std::vector<Subject> rate_subjects(const std::string& folder);

// By the price model of the daemon, samples of use a second of the program's own time.
struct ModelledRate {
  double on_cpus = 0;  // with clock events on CPUs only
  double chosen = 0;   // with clock events where the daemon would have them
};

struct BudgetRate {
  double samples = 0;  // of use, a second of the program's own time
  double price = 0;    // CPU seconds of one
  double share = 0;    // of one CPU
  // On this machine, to hold the model against `samples`, and on one of 64 CPUs that runs this program alone
  // and has the same prices. Nothing where a clock event is not permitted.
  std::optional<ModelledRate> modelled_here, modelled_at_64;
};

// As many samples as the budget buys. Takes 22 seconds. Nothing when the program ended before, or gave no
// sample of use; an error is printed.
std::optional<BudgetRate> measure_rate(const Program& program, const Clock& clock);

// Likewise by the kernel's tick alone, which is all that the daemon takes where nothing could lie better.
// Takes 10 seconds.
std::optional<BudgetRate> measure_tick_rate(const Program& program, const Clock& clock);

}  // namespace tier
