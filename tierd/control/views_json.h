// Views as JSON and back. Missing fields keep their defaults, unknown ones are passed over: either side may
// be newer.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "core/printable.h"
#include "tierd/control/views.h"

namespace nlohmann {
template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& out, const std::optional<T>& value) {
    if (value)
      out = *value;
    else
      out = nullptr;
  }
  static void from_json(const json& in, std::optional<T>& value) {
    if (in.is_null())
      value = std::nullopt;
    else
      value = in.get<T>();
  }
};
}  // namespace nlohmann

namespace tier {

// Defined once, in views_json.cpp: they are most of what a source with views costs to compile.
// NOLINTBEGIN(bugprone-macro-parentheses): a type stands in none
#define TIER_VIEW(Type)                              \
  void to_json(nlohmann::json& out, const Type& in); \
  void from_json(const nlohmann::json& in, Type& out);
// NOLINTEND(bugprone-macro-parentheses)
TIER_VIEW(RivalView)
TIER_VIEW(SourceView)
TIER_VIEW(TierView)
TIER_VIEW(PagesView)
TIER_VIEW(MigratorView)
TIER_VIEW(LedgerView)
TIER_VIEW(SelfCostView)
TIER_VIEW(MetricView)
TIER_VIEW(SightView)
TIER_VIEW(TroubleView)
TIER_VIEW(MeterStateView)
TIER_VIEW(ReadingView)
TIER_VIEW(StatusView)
TIER_VIEW(FeatureView)
TIER_VIEW(SourceChoiceView)
TIER_VIEW(LatencyView)
TIER_VIEW(CapabilityView)
TIER_VIEW(LimitView)
TIER_VIEW(DoctorView)
TIER_VIEW(NodeView)
TIER_VIEW(NodesView)
TIER_VIEW(TopRow)
TIER_VIEW(TopView)
TIER_VIEW(HeatmapRow)
TIER_VIEW(HeatmapView)
TIER_VIEW(SnapshotRegionView)
TIER_VIEW(HeldView)
TIER_VIEW(SnapshotTargetView)
TIER_VIEW(SnapshotView)
TIER_VIEW(DecisionView)
TIER_VIEW(LeaderView)
TIER_VIEW(AttentionView)
TIER_VIEW(ExplainView)
TIER_VIEW(ForecastGroupView)
TIER_VIEW(ForecastGainView)
TIER_VIEW(ForecastView)
TIER_VIEW(Event)
TIER_VIEW(EventsView)
TIER_VIEW(ConfigValueView)
TIER_VIEW(ConfigView)
TIER_VIEW(PrefetchMeterView)
TIER_VIEW(PrefetchSignalView)
TIER_VIEW(PrefetchControlView)
TIER_VIEW(PrefetchRefusalView)
TIER_VIEW(PrefetchAdviceView)
TIER_VIEW(PrefetchView)
TIER_VIEW(PrefetchWriteView)
TIER_VIEW(PrefetchWritesView)
TIER_VIEW(PrefetchArmView)
TIER_VIEW(PrefetchDecisionView)
TIER_VIEW(PrefetchExplainView)
#undef TIER_VIEW

// One line, or indented. Process names are bytes: what is not UTF-8 is replaced, never thrown upon, and what
// could steer a terminal is escaped.
inline std::string dump_json(const nlohmann::json& value, int indent = -1) {
  return json_escaped(value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace tier
