#include "platform/linux/meters/meters.h"

#include <optional>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_demand.h"
#include "platform/linux/meters/papi_meter.h"
#include "platform/linux/meters/pcm_meter.h"
#include "platform/linux/meters/uncore_meter.h"

namespace tier {
namespace {

// PAPI 7.0.0 leaks 208 KiB each time it begins and ends, and a machine gets no PMU while it runs: that there
// is none is asked once.
MeterResult papi(const Clock& clock, const MeterSettings& settings) {
  static std::optional<Error> refused;
  if (refused && refused->kind == ErrorKind::kUnsupported) return tl::make_unexpected(*refused);
  auto made = make_papi_meter(clock, settings.root);
  if (!made) refused = made.error();
  return made;
}

// A new meter is one file and one row here. What the kernel counts itself comes before what another program
// tells.
constexpr struct {
  const char* name;
  const char* gives;
  MeterResult (*make)(const Clock&, const MeterSettings&);
} kTable[] = {
    {"papi", "instructions and cycles in user mode, by CPU", papi},
    {"uncore", "memory bandwidth by node, from the memory controllers",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_uncore_meter(clock, settings.root);
     }},
    {"pcm", "memory bandwidth by node, as pcm-sensor-server tells it",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_pcm_meter(clock, settings.root, settings.pcm_address);
     }},
    {"resctrl", "local and remote traffic of last-level caches, of the default group",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_resctrl_meter(clock, settings.root);
     }},
    {"cpu", "time that programs ran in user mode, by CPU",
     [](const Clock& clock, const MeterSettings& settings) { return make_cpu_meter(clock, settings.root); }},
    {"file-demand", "bytes of files that programs ask for, by block device",
     // Counted by the kernel that runs, whatever lies below `root`: so it needs the type information there.
     [](const Clock& clock, const MeterSettings& settings) -> MeterResult {
       return FileDemandMeter::start(clock, under(settings.root, kKernelBtf));
     }},
    {"psi", "time that some task waited for memory and for I/O",
     [](const Clock& clock, const MeterSettings& settings) { return make_psi_meter(clock, settings.root); }},
    {"vmstat", "refaults, major faults, swap-ins and swap read-ahead",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_vmstat_meter(clock, settings.root);
     }},
    {"block", "bytes read, by block device",
     [](const Clock& clock, const MeterSettings& settings) {
       return make_block_meter(clock, settings.root);
     }},
};

}  // namespace

std::vector<std::unique_ptr<Meter>> start_meters(const Clock& clock, const MeterSettings& settings,
                                                 std::vector<MeterDecision>& decisions) {
  std::vector<std::unique_ptr<Meter>> meters;
  for (const auto& row : kTable) {
    auto made = row.make(clock, settings);
    decisions.push_back({row.name, made.has_value(), made ? row.gives : made.error().text()});
    if (made) meters.push_back(*std::move(made));
  }
  return meters;
}

}  // namespace tier
