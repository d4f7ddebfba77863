#include "sim/machine/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/printable.h"
#include "sim/machine/demand_index.h"

namespace tier::sim {
namespace {

tl::unexpected<Error> wrong(const MachineDescription& machine, const std::string& what,
                            const std::string& fix) {
  return fail(ErrorKind::kUsage, fmt::format("machine \"{}\": {}", escaped_short(machine.name), what), fix);
}

bool positive(double value) { return std::isfinite(value) && value > 0; }

Result<void> check_curve(const MachineDescription& machine, const TierDescription& tier) {
  const LoadPoint* before = nullptr;
  for (const LoadPoint& point : tier.load_curve) {
    const bool ascends =
        before == nullptr || (point.utilisation > before->utilisation && point.factor >= before->factor);
    const bool within = point.utilisation >= 0 && point.utilisation <= 1;  // false for what is no number
    if (!std::isfinite(point.factor) || point.factor < 1 || !within || !ascends)
      return wrong(machine, fmt::format("the load curve of tier {} is no curve", escaped_short(tier.name)),
                   "give ascending points [utilisation 0..1, factor from 1 up]");
    before = &point;
  }
  return {};
}

}  // namespace

Result<void> check(const MachineDescription& machine) {
  if (machine.tiers.empty() || machine.tiers.size() > kMostTiers)
    return wrong(machine, fmt::format("{} tiers", machine.tiers.size()),
                 fmt::format("describe one to {} tiers, fastest first", kMostTiers));
  for (const TierDescription& tier : machine.tiers) {
    if (tier.capacity.value == 0 || tier.latency.count() <= 0 || !positive(tier.bandwidth))
      return wrong(machine,
                   fmt::format("tier {} lacks capacity, latency or bandwidth", escaped_short(tier.name)),
                   "all three must be above zero");
    if (!std::isfinite(tier.background) || tier.background < 0)
      return wrong(machine,
                   fmt::format("tier {}: background traffic {}", escaped_short(tier.name), tier.background),
                   "bytes per second, zero or more");
    TIER_TRY(check_curve(machine, tier));
  }
  if (!positive(machine.cpus)) return wrong(machine, "no CPUs", "set cpus above zero");
  if (!(machine.store_wait > 0 && machine.store_wait <= 1))
    return wrong(machine, fmt::format("store_wait is {}", machine.store_wait),
                 "a share above 0 and at most 1");
  const MigrationDescription& migration = machine.migration;
  if (!positive(migration.copy_bandwidth) || migration.fixed.count() < 0 || migration.per_page.count() < 0 ||
      migration.interruption.count() < 0)
    return wrong(machine, "migration has a negative time or no copy bandwidth", "set all of them");
  if (!std::isfinite(machine.prefetch.extra_traffic) || machine.prefetch.extra_traffic < 0)
    return wrong(machine, "prefetch.extra_traffic is negative", "lines in vain per useful line, 0 or more");
  if (!(machine.prefetch.lead >= 1 && std::isfinite(machine.prefetch.lead)))
    return wrong(machine, "prefetch.lead is below one", "unloaded latencies, 1 or more");
  if (machine.small_page.value == 0 || machine.huge_page < machine.small_page)
    return wrong(machine, "a huge page is smaller than a small one", "set small_page and huge_page");
  return {};
}

MachineDescription with_ratio(MachineDescription machine, Bytes resident, double slow_parts) {
  if (machine.tiers.size() < 2) return machine;
  double fast = 0;
  for (std::size_t t = 0; t + 1 < machine.tiers.size(); ++t)
    fast += static_cast<double>(machine.tiers[t].capacity.value);
  const double wanted = static_cast<double>(resident.value) / (1 + slow_parts);
  for (std::size_t t = 0; t + 1 < machine.tiers.size(); ++t) {
    auto& capacity = machine.tiers[t].capacity.value;
    capacity = static_cast<std::uint64_t>(wanted * static_cast<double>(capacity) / fast);
    capacity = std::max<std::uint64_t>(capacity, 4 * kDefaultRegionSize.value);  // a tier that can be used
  }
  // Room for everything, and for what moves between: no tiering decides whether a program fits.
  machine.tiers.back().capacity = {resident.value + resident.value / 8 + (64ULL << 20)};
  return machine;
}

Result<MachineDescription> machine_preset(const std::string& name) {
  std::string known;
  for (const MachineDescription& machine : machine_presets()) {
    if (machine.name == name) return machine;
    known += (known.empty() ? "" : ", ") + machine.name;
  }
  return fail(ErrorKind::kUsage, fmt::format("no machine is called \"{}\"", escaped_short(name)),
              "use one of: " + known + ", or a file that ends in .toml");
}

}  // namespace tier::sim
