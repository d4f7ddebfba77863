// `perf record` with registers on a running program.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/units.h"
#include "tools/sampler-bench/bench_support.h"

namespace tier {

struct Recording {
  std::uint64_t useful = 0;    // samples with the registers of user code
  Nanoseconds perf_time{};     // CPU time of perf while its events were on
  Nanoseconds program_time{};  // of the program meanwhile
  std::uint64_t switches = 0;  // times that one of its threads came to a CPU meanwhile
};

bool perf_is_installed();

// Lets `perf record` sample the program with `frequency` Hz of its own time, for `time`. What perf does
// before its events are on (start-up, names of mappings) and after they are off (the end of its file) is not
// in perf_time. Fails when perf does not start, or the program ends meanwhile.
Result<Recording> record(const Program& program, double frequency, Nanoseconds time);

}  // namespace tier
