// One model of a prefetch setting, whatever is set: where it acts, through what, and to what it can be set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/api/knobs.h"
#include "platform/api/prefetch_machine.h"
#include "prefetch/guard/knob_guard.h"
#include "prefetch/registers/register_table.h"

namespace tier {

enum class PrefetchScope : std::uint8_t { kCore, kModule, kDevice, kSystem };
const char* to_string(PrefetchScope scope);

struct KnobValue {
  ControlledKnob knob;
  std::uint64_t bits = 0;
};

struct PrefetchSetting {
  std::string name;               // "default", "all-off", "512-kib"
  std::vector<KnobValue> values;  // of all knobs of the control, in the same order in every setting
  // How much it prefetches, in any unit: only the order counts. Prefetchers that are on; KiB; pages.
  double amount = 0;
};

// What is tuned as one: the first setting is what was found, and is always kept.
struct PrefetchControl {
  std::string actuator;  // of actuator_table()
  PrefetchScope scope = PrefetchScope::kSystem;
  std::string name;                 // "core 3", "sdb", "swap"
  std::vector<std::uint32_t> cpus;  // it acts on; none: all
  std::vector<PrefetchSetting> settings;
};

// What is not tuned, and why: for people.
struct PrefetchRefusal {
  std::string name, reason;
};

struct PrefetchControls {
  std::vector<PrefetchControl> controls;
  std::vector<PrefetchRefusal> refused;
};

struct ActuatorEntry {
  const char* name;
  const char* description;  // one sentence, for people
  // Reads what is set now, writes nothing.
  void (*find)(const PrefetchMachine& machine, const std::vector<CpuGeneration>& table, Knobs& knobs,
               PrefetchControls& into);
};

// Every actuator there is. A new one is one function and one line.
const std::vector<ActuatorEntry>& actuator_table();

}  // namespace tier
