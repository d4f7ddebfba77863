// Feeds the reader of machine descriptions with any text: what it accepts is a machine that can be simulated.
#include <cmath>

#include "sim/machine/description.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

void check(const tier::sim::TierDescription& each) {
  require(std::isfinite(each.bandwidth) && each.bandwidth > 0, "a tier has a bandwidth");
  require(std::isfinite(each.background) && each.background >= 0, "background traffic is a number");
  require(each.latency.count() > 0 && each.capacity.value > 0, "a tier has a latency and a capacity");
  double before = -1;
  for (const tier::sim::LoadPoint& point : each.load_curve) {
    require(point.utilisation > before && point.utilisation <= 1, "a curve ascends from 0 to 1");
    require(std::isfinite(point.factor) && point.factor >= 1, "a factor is at least 1");
    before = point.utilisation;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tier::fuzz::Folder folder;
  const auto machine =
      tier::sim::load_machine(folder.write("t.toml", tier::fuzz::text_of(data, size)).string());
  if (!machine) {
    tier::fuzz::require_told(machine.error());
    return 0;
  }
  require(!machine->tiers.empty() && !machine->name.empty(), "a machine has a name and tiers");
  for (const auto& each : machine->tiers) check(each);
  require(machine->cpus > 0 && std::isfinite(machine->cpus), "a machine has CPUs");
  const auto& migration = machine->migration;
  for (const auto time : {migration.fixed, migration.per_page, migration.interruption})
    require(time >= tier::Nanoseconds::zero() && time <= std::chrono::seconds(1),
            "a time is within its bounds");
  require(std::isfinite(machine->prefetch.lead) && machine->prefetch.lead >= 1, "prefetchers have a lead");
  return 0;
}
