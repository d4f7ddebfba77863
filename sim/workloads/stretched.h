// A recorded workload whose every interval is done many times over.
#pragma once

#include <memory>

#include "sim/workload.h"

namespace tier::sim {

// Recordings are scaled down: a program in a hundredth of its memory runs through its phases in a hundredth
// of the time, too fast for anybody who looks once a second. Here each interval asks `times` as much, and
// computes so long: memory and time are scaled alike.
std::unique_ptr<Workload> stretch(std::unique_ptr<Workload> workload, double times);

}  // namespace tier::sim
