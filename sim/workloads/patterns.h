// What each pattern's file offers to the table.
#pragma once

#include "sim/workloads/generators.h"

namespace tier::sim {

// Those that every generator takes. Intensity differs: streams reach the bandwidth of a core long before
// they wait as long as random accesses do.
std::vector<Parameter> with_common(std::vector<Parameter> own, double intensity = 0.7);

GeneratorEntry gups();
GeneratorEntry gups_moving();
GeneratorEntry gups_scattered();
GeneratorEntry zipf();
GeneratorEntry stencil();
GeneratorEntry phases();
GeneratorEntry scan();
GeneratorEntry chase();
GeneratorEntry generational();
GeneratorEntry bursts();
GeneratorEntry zigzag();
GeneratorEntry stairs();
GeneratorEntry training();

}  // namespace tier::sim
