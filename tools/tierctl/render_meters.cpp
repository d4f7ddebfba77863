// The meters of the node: which run, which deliver, and why not.
#include <fmt/format.h>

#include <algorithm>

#include "tools/tierctl/render.h"
#include "tools/tierctl/table.h"

namespace tier {

std::string render_meters(const std::vector<MeterStateView>& meters, const Style& style) {
  if (meters.empty()) return {};
  Table table({{"METER", kLeft}, {"RUNS", kLeft}, {"DELIVERS", kLeft}, {"WHY", kLeft, kWrap}});
  for (const MeterStateView& meter : meters)
    table.add({meter.name, meter.used ? "yes" : "no", meter.delivers ? "yes" : "no", meter.reason});
  return table.text(style.legend, style.width);
}

std::string render_meter_names(const std::vector<MeterStateView>& meters) {
  const auto names = [&](bool delivers) {
    std::string text;
    for (const MeterStateView& meter : meters)
      if (meter.used && meter.delivers == delivers) text += (text.empty() ? "" : ", ") + meter.name;
    return text;
  };
  const std::string delivering = names(true), silent = names(false);
  std::string text = delivering.empty() ? "none delivers" : delivering;
  if (!silent.empty()) text += "; silent: " + silent;
  return text + "; `tierctl doctor` has the others";
}

}  // namespace tier
