#include "sim/host/run.h"

#include <fmt/format.h>

#include <algorithm>

namespace tier::sim {

Result<void> run(Machine& machine, TieringPolicy& policy, const RunOptions& options) {
  policy.start(machine);
  TIER_TRY(machine.start());
  Nanoseconds next{0}, watch = options.every;
  while (!machine.done() && machine.now() < options.most) {
    if (machine.now() >= next) next = std::max(policy.step(machine), machine.now() + Nanoseconds{1});
    const Nanoseconds until = std::min({next, options.watch ? watch : next, options.most});
    if (until > machine.now()) machine.advance(until - machine.now());
    if (options.watch && machine.now() >= watch) {
      options.watch(machine);
      watch = machine.now() + options.every;
    }
  }
  if (options.watch) options.watch(machine);
  if (machine.error()) return tl::make_unexpected(*machine.error());
  if (!machine.done())
    return fail(ErrorKind::kFailed,
                fmt::format("not done after {:.0f} modelled seconds", seconds(options.most)),
                "allow more time, or a shorter workload");
  return {};
}

}  // namespace tier::sim
