// Views as text for people. Pure: the same view and style give the same text.
#pragma once

#include <cstdint>
#include <string>

#include "tierd/control/views.h"

namespace tier {

struct Style {
  bool color = false;     // 256-colour escapes, in the heat map only
  bool legend = true;     // column titles, explanations
  std::size_t width = 0;  // columns that lines are broken to fit; 0: lines are as long as they get
};

// One line for monitoring.
std::string render_check(const StatusView&);
std::string render(const StatusView&, const Style&);
std::string render(const DoctorView&, const Style&);
std::string render(const NodesView&, const Style&);
std::string render(const TopView&, const Style&);
std::string render(const HeatmapView&, const Style&);
std::string render(const ForecastView&, const Style&);
std::string render(const ExplainView&, const Style&);
std::string render(const ConfigView&, const Style&);
std::string render(const PrefetchView&, const Style&);
std::string render(const PrefetchExplainView&, const Style&);
std::string render(const PrefetchWritesView&, const Style&);
std::string render_event(const Event&, const Style& = {});  // one line, broken only to fit a width
std::string hidden_text(std::uint64_t hidden);  // how many rows belong to other users; empty: none
std::string render_meters(const std::vector<MeterStateView>&, const Style&);  // a table; empty without any
std::string render_meter_names(const std::vector<MeterStateView>&);  // one line: which of them deliver
// Columns of a heat map that fit a terminal of `width` columns (0: not known, 80 are taken).
std::uint32_t heatmap_ticks(std::size_t width);
std::string render_policy(const StatusView&, const ConfigView&, const Style&);

}  // namespace tier
