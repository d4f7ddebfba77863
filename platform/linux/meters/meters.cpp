#include "platform/linux/meters/meters.h"

#include <linux/perf_event.h>

#include <optional>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_demand.h"
#include "platform/linux/meters/papi_meter.h"
#include "platform/linux/meters/pcm_meter.h"
#include "platform/linux/meters/uncore_meter.h"

namespace tier {
namespace {

bool may_count_instructions() {
  HardwareEncoding instructions{};
  instructions.type = PERF_TYPE_HARDWARE, instructions.config = PERF_COUNT_HW_INSTRUCTIONS;
  return open_perf_counter(instructions, 0).has_value();
}

// PAPI 7.0.0 leaks 208 KiB each time it begins and ends, and a refused meter is tried again for as long as
// the daemon runs. So what was refused once is tried again only when the kernel lets instructions be counted.
MeterResult papi(const Clock& clock, const MeterSettings& settings) {
  static std::optional<Error> refused;
  if (refused && !may_count_instructions()) return tl::make_unexpected(*refused);
  auto made = make_papi_meter(clock, settings.root);
  if (!made) refused = made.error();
  return made;
}

constexpr const char* kAtRest = "";
constexpr const char* kHardware = "hardware";  // of actuator_table() in prefetch/controls/control.cpp
constexpr const char* kReadahead = "readahead";

// A new meter is one file and one row here. Of two meters that give the same signal the first one counts:
// what the kernel counts itself comes before what another program tells. `actuator`: without this prefetch
// actuator armed the meter is not started. `cost`: why that is so, or why the meter may run at rest.
constexpr struct {
  const char* name;
  const char* gives;
  const char* actuator;
  const char* cost;
  MeterResult (*make)(const Clock&, const MeterSettings&);
} kTable[] = {
    {"papi", "instructions and cycles in user mode, by CPU", kHardware,
     "it takes two counters of every CPU away from other users of perf events", papi},
    {"uncore", "memory bandwidth by node, from the memory controllers", kAtRest,
     "two counters of each memory channel, which nothing but bandwidth monitors uses; no work on the CPUs",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_uncore_meter(clock, settings.root);
     }},
    {"pcm", "memory bandwidth by node, as pcm-sensor-server tells it", kAtRest,
     "one local HTTP request a tick, only where prefetch.pcm names a server",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_pcm_meter(clock, settings.root, settings.pcm_address);
     }},
    {"resctrl", "local and remote traffic of last-level caches, of the default group", kAtRest,
     "two small files for each last-level cache; the hardware counts in any case",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_resctrl_meter(clock, settings.root);
     }},
    {"cpu", "time that programs ran in user mode, by CPU", kHardware,
     "/proc/stat grows with CPUs and interrupts, and only the tuning of hardware prefetchers uses it",
     [](const Clock& clock, const MeterSettings& settings) { return make_cpu_meter(clock, settings.root); }},
    {"file-demand", "bytes of files that programs ask for, by block device", kReadahead,
     "it runs a BPF program at every read of a file",
     // Counted by the kernel that runs, whatever lies below `root`: so it needs the type information there.
     [](const Clock& clock, const MeterSettings& settings) -> MeterResult {
       return FileDemandMeter::start(clock, under(settings.root, kKernelBtf));
     }},
    {"psi", "time that some task waited for memory and for I/O", kAtRest, "two small files",
     [](const Clock& clock, const MeterSettings& settings) { return make_psi_meter(clock, settings.root); }},
    {"vmstat", "refaults, major faults, swap-ins and swap read-ahead", kAtRest, "one file",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_vmstat_meter(clock, settings.root);
     }},
    {"block", "bytes read, by block device", kReadahead,
     "/proc/diskstats grows with devices, and only the tuning of read-ahead uses it",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_block_meter(clock, settings.root);
     }},
};

}  // namespace

std::vector<MeterEntry> meter_table(const Clock& clock, const MeterSettings& settings) {
  std::vector<MeterEntry> table;
  for (const auto& row : kTable)
    table.push_back({row.name, row.gives, row.actuator, row.cost,
                     [&clock, settings, make = row.make] { return make(clock, settings); }});
  return table;
}

}  // namespace tier
