#include "prefetch/controls/control.h"

#include <fmt/format.h>

#include <bit>
#include <optional>

namespace tier {
namespace {

constexpr const char* kDefault = "default";
// KiB: none, a few pages, and up to where one request fills what block devices take at once.
constexpr std::uint64_t kReadaheads[] = {0, 16, 128, 512, 2048};
// log2 of pages: one page, two, the kernel's default of eight, 32.
constexpr std::uint64_t kPageClusters[] = {0, 1, 3, 5};

// Bits that are 1 where the prefetchers are off: all of them, or those whose name begins so.
std::uint64_t bits_of(const PrefetchRegister& reg, std::string_view prefix = {}) {
  std::uint64_t bits = 0;
  for (const PrefetcherSwitch& each : reg.switches)
    if (each.name.starts_with(prefix)) bits |= each.bit;
  return bits;
}

// Registers of a scope as found, by the group's first CPU; none where a trial read fails.
std::optional<PrefetchSetting> found(const CpuGroup& group, RegisterScope scope,
                                     const CpuGeneration& generation, Knobs& knobs, PrefetchControls& into,
                                     const std::string& name) {
  PrefetchSetting setting{kDefault, {}, 0};
  for (const PrefetchRegister& reg : generation.registers) {
    if (reg.scope != scope) continue;
    const Knob knob{kTierKnobRegister, group.cpus.front(), reg.address};
    const auto value = knobs.read(knob);
    if (!value) {
      into.refused.push_back({name, value.error().text()});
      return {};
    }
    const std::uint32_t other = group.cpus.size() > 1 ? group.cpus[1] : kTierNoUnit;
    setting.values.push_back({{knob, reg.mask(), other}, *value & reg.mask()});
  }
  if (setting.values.empty()) return {};
  return setting;
}

// The found setting with some prefetchers turned off; a prefetcher that firmware turned off stays so.
PrefetchSetting turned_off(const PrefetchSetting& found, const char* name, RegisterScope scope,
                           const CpuGeneration& generation, std::string_view prefix) {
  PrefetchSetting setting = found;
  setting.name = name;
  std::size_t i = 0;
  for (const PrefetchRegister& reg : generation.registers)
    if (reg.scope == scope) setting.values[i++].bits |= bits_of(reg, prefix);
  return setting;
}

// Of every bit that is 1 a prefetcher is off.
void count_on(PrefetchSetting& setting) {
  for (const KnobValue& each : setting.values) setting.amount -= std::popcount(each.bits & each.knob.mask);
}

bool same(const PrefetchSetting& a, const PrefetchSetting& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i)
    if (a.values[i].bits != b.values[i].bits) return false;
  return true;
}

void find_hardware(const std::vector<CpuGroup>& groups, RegisterScope scope,
                   const std::vector<CpuGeneration>& table, Knobs& knobs, PrefetchControls& into) {
  const bool core = scope == RegisterScope::kCore;
  for (const CpuGroup& group : groups) {
    const std::string name = fmt::format("{} {}", core ? "core" : "module", group.id);
    const CpuGeneration* const generation = find_generation(table, group.identity);
    if (generation == nullptr) {
      if (core)
        into.refused.push_back(
            {name, fmt::format("unknown CPU ({} family {} model {:#x}): it is observed only",
                               group.identity.vendor, group.identity.family, group.identity.model)});
      continue;
    }
    const auto now = found(group, scope, *generation, knobs, into, name);
    if (!now) continue;
    PrefetchControl control{
        "hardware", core ? PrefetchScope::kCore : PrefetchScope::kModule, name, group.cpus, {*now}};
    for (const auto& [arm, prefix] : {std::pair{"l2-off", "l2-"}, std::pair{"all-off", ""}}) {
      PrefetchSetting setting = turned_off(*now, arm, scope, *generation, prefix);
      bool known = false;
      for (const PrefetchSetting& each : control.settings) known |= same(each, setting);
      if (!known) control.settings.push_back(std::move(setting));
    }
    for (PrefetchSetting& setting : control.settings) count_on(setting);
    into.controls.push_back(std::move(control));
  }
}

void find_hardware(const PrefetchMachine& machine, const std::vector<CpuGeneration>& table, Knobs& knobs,
                   PrefetchControls& into) {
  find_hardware(machine.cores, RegisterScope::kCore, table, knobs, into);
  find_hardware(machine.modules, RegisterScope::kModule, table, knobs, into);
}

// A control of one number that may be any of `values` besides what was found.
template <typename Values>
void find_number(PrefetchControl control, const Knob& knob, const Values& values, const char* unit,
                 Knobs& knobs, PrefetchControls& into) {
  const auto now = knobs.read(knob);
  if (!now) return into.refused.push_back({control.name, now.error().text()});
  control.settings.push_back({kDefault, {{{knob}, *now}}, static_cast<double>(*now)});
  for (const std::uint64_t value : values)
    if (value != *now)
      control.settings.push_back(
          {fmt::format("{}{}", value, unit), {{{knob}, value}}, static_cast<double>(value)});
  into.controls.push_back(std::move(control));
}

void find_readahead(const PrefetchMachine& machine, const std::vector<CpuGeneration>&, Knobs& knobs,
                    PrefetchControls& into) {
  for (const BlockDevice& device : machine.devices)
    find_number({"readahead", PrefetchScope::kDevice, device.name, {}, {}},
                {kTierKnobReadahead, device.major << 20 | device.minor, 0}, kReadaheads, "-kib", knobs, into);
}

void find_swap(const PrefetchMachine& machine, const std::vector<CpuGeneration>&, Knobs& knobs,
               PrefetchControls& into) {
  if (!machine.swap) return into.refused.push_back({"swap", "none is in use"});
  find_number({"page-cluster", PrefetchScope::kSystem, "swap", {}, {}}, {kTierKnobPageCluster, 0, 0},
              kPageClusters, "-log2-pages", knobs, into);
}

}  // namespace

const char* to_string(PrefetchScope scope) {
  switch (scope) {
    case PrefetchScope::kCore:
      return "core";
    case PrefetchScope::kModule:
      return "module";
    case PrefetchScope::kDevice:
      return "device";
    case PrefetchScope::kSystem:
      return "system";
  }
  return "?";
}

const std::vector<ActuatorEntry>& actuator_table() {
  static const std::vector<ActuatorEntry> table = {
      {"hardware", "bits of model-specific registers, by core or module", find_hardware},
      {"readahead", "read_ahead_kb of a block device", find_readahead},
      {"page-cluster", "pages that swap reads ahead", find_swap},
  };
  return table;
}

}  // namespace tier
