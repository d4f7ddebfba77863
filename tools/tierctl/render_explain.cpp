// Why a page is where it is, in sentences, and what was decided about it, as a table.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/tierctl/facts.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

constexpr std::size_t kAttentionShown = 4;

std::string mapping_text(const ExplainView& v) {
  const std::string name = v.mapping.empty() ? "an unnamed mapping" : v.mapping;
  const std::string memory = v.backing == "file"     ? "memory of a file"
                             : v.backing == "shared" ? "shared memory"
                             : v.backing.empty()     ? "memory"
                                                     : v.backing + " memory";
  const std::string pages =
      v.pages.empty() || v.pages == "unknown" ? "pages whose size is not known" : v.pages + " pages";
  const char* what = v.mapped ? "It belongs to"
                              : "Nothing is mapped at the address itself; what its region holds belongs to";
  return fmt::format("{} {}: {} in {}.", what, name, memory, pages);
}

std::string sharing_text(const ExplainView& v) {
  std::string text =
      fmt::format("{} it", plural(v.shared_by, "watched process maps", "watched processes map"));
  if (!v.sharers.empty()) text += fmt::format(", among them {}", fmt::join(v.sharers, ", "));
  return text + ".";
}

std::string place_text(const ExplainView& v) {
  if (v.node < 0) return "It is not known which node holds the region.";
  const std::string tier = v.tier < 0    ? "which is in no tier"
                           : v.tier == 0 ? "tier 0, the fastest"
                                         : fmt::format("tier {}", v.tier);
  return fmt::format("Node {} ({}) holds {} of the region.", v.node, tier, bytes_text(v.resident_bytes));
}

std::string demand_text(const ExplainView& v) {
  if (!v.tracked) return "No sample has hit the region, and its place was not asked for yet.";
  return fmt::format("By its samples it was accessed {} times and waited for {}.", count_text(v.demand),
                     seconds_text(v.waited_seconds));
}

std::string forecast_text(const ExplainView& v) {
  return fmt::format("It is expected to be accessed {} times a second ({} to {}).",
                     count_text(v.forecast_mean), count_text(v.forecast_low), count_text(v.forecast_high));
}

std::string leaders_text(const std::vector<LeaderView>& leaders) {
  std::string text;
  for (const LeaderView& leader : leaders)
    text += fmt::format("{}{} for {} ahead", text.empty() ? "The forecast is by " : ", ", leader.expert,
                        plural(static_cast<std::uint64_t>(std::max(leader.horizon, 0)), "tick", "ticks"));
  return text + ".";
}

std::string attention_text(const std::vector<AttentionView>& attention) {
  std::string text;
  for (std::size_t i = 0; i < attention.size() && i < kAttentionShown; ++i)
    text += fmt::format("{}{} ({})", text.empty() ? "The network weighs most: " : ", ", attention[i].token,
                        share_text(attention[i].weight));
  return text + ".";
}

std::string age_text(const ExplainView& v) {
  const std::string age =
      fmt::format("The region has been known for {}", plural(v.age_ticks, "tick", "ticks"));
  if (v.idle_ticks == 0) return age + " and was sampled in the last one.";
  return fmt::format("{} and was last sampled {} ago.", age, plural(v.idle_ticks, "tick", "ticks"));
}

std::string moving_text(const ExplainView& v) {
  const double benefit = *v.benefit_of_moving_seconds;
  std::string text = fmt::format("Moving it to a faster node now would {} {}", benefit < 0 ? "lose" : "save",
                                 seconds_text(benefit < 0 ? -benefit : benefit));
  if (v.cost_of_moving_seconds)
    text += fmt::format(", and the move itself would cost {}", seconds_text(*v.cost_of_moving_seconds));
  return text + ".";
}

Table decisions_table(const std::vector<DecisionView>& decisions) {
  Table table({{"DECISION", kRight, kWhole, 3},
               {"TICK", kRight},
               {"REASON", kLeft},
               {"FROM", kRight},
               {"TO", kRight},
               {"FATE", kLeft},
               {"MOVED", kRight, kWhole, 1},
               {"FORECAST", kRight, kWhole, 2},
               {"SAVED", kRight},
               {"COST", kRight},
               {"DETAIL", kLeft, kWrap}});
  for (const DecisionView& d : decisions)
    table.add({std::to_string(d.id), std::to_string(d.tick), d.reason, std::to_string(d.from),
               std::to_string(d.to), d.fate.empty() ? "under way" : d.fate, bytes_text(d.moved_bytes),
               seconds_text(d.expected_benefit_seconds),
               d.scored_benefit_seconds ? seconds_text(*d.scored_benefit_seconds) : "-",
               seconds_text(d.measured_cost_seconds.value_or(d.expected_cost_seconds)), d.detail});
  return table;
}

}  // namespace

std::string render(const ExplainView& v, const Style& style) {
  Facts facts;
  facts.add("process", fmt::format("{} {}", v.pid, v.name));
  facts.add("address", fmt::format("0x{:x} lies in the region 0x{:x}-0x{:x} ({}).", v.address, v.region_start,
                                   v.region_end, bytes_text(v.region_end - v.region_start)));
  facts.add("mapping", mapping_text(v));
  if (v.mappings_age_seconds)
    facts.add("mappings", fmt::format("They have changed since they were read {} ago.",
                                      seconds_text(*v.mappings_age_seconds)));
  if (v.shared_by > 0) facts.add("shared by", sharing_text(v));
  facts.add("held by", place_text(v));
  facts.add("why", v.why.empty() ? "-" : v.why);
  const bool told = v.why.starts_with("It stays where it is");
  if (!v.pinned.empty() && !told) facts.add("stays", fmt::format("It stays where it is: {}.", v.pinned));
  facts.add("last tick", demand_text(v));
  if (v.tracked) facts.add("forecast", forecast_text(v));
  if (!v.leaders.empty()) facts.add("forecaster", leaders_text(v.leaders));
  if (!v.attention.empty()) facts.add("attention", attention_text(v.attention));
  if (v.tracked) facts.add("age", age_text(v));
  if (v.benefit_of_moving_seconds) facts.add("moving it", moving_text(v));
  const Table table = decisions_table(v.decisions);
  return facts.text(style.width) + (table.empty() ? "\nNo decision was ever made about it.\n"
                                                  : "\n" + table.text(style.legend, style.width));
}

}  // namespace tier
