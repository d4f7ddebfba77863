// What the chosen forecast is worth: the two groups side by side, and what that says.
#include <fmt/format.h>

#include <cmath>

#include "tierd/words/wrap.h"
#include "tools/tierctl/facts.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

std::string signed_seconds(const std::optional<double>& seconds) {
  if (!seconds) return "-";
  return (*seconds < 0 ? "-" : "") + seconds_text(std::abs(*seconds));
}

std::string signed_share(const std::optional<double>& share) {
  if (!share) return "-";
  return (*share < 0 ? "-" : "") + share_text(std::abs(*share));
}

void add_gain(Table& table, const char* name, const ForecastGainView& gain) {
  table.add({name, std::to_string(gain.ticks), signed_seconds(gain.saved_seconds),
             signed_seconds(gain.saved_seconds_low), signed_seconds(gain.saved_seconds_high),
             signed_share(gain.saved_share), gain.verdict});
}

std::string role_text(const ForecastView& v) {
  if (!v.compared && v.forecaster == v.reactive)
    return "it is the reactive forecast itself: nothing to compare";
  if (!v.compared) return "not compared: policy.control_share is 0";
  if (v.standing_back)
    return fmt::format("stands back: {} leads, it has the control group on trial", v.reactive);
  return fmt::format("leads; the control group follows {}", v.reactive);
}

}  // namespace

std::string render(const ForecastView& v, const Style& style) {
  Facts facts;
  facts.add("forecaster", v.forecaster);
  facts.add("role", role_text(v));
  std::string leaders;
  for (const LeaderView& leader : v.leaders)
    leaders += fmt::format("{}{} ticks ahead {}", leaders.empty() ? "" : ", ", leader.horizon, leader.expert);
  if (!leaders.empty()) facts.add("follows", leaders);
  if (!v.compared) return facts.text(style.width);
  facts.add("compared", fmt::format("for {} ticks of {}, {} of the regions in the control group", v.ticks,
                                    seconds_text(v.interval_seconds), share_text(v.control_share)));
  Table groups({{"GROUP", kLeft},
                {"FOLLOWS", kLeft},
                {"REGIONS", kRight},
                {"WAITED", kRight},
                {"ALL SLOW", kRight},
                {"SHARE", kRight}});
  for (const auto& [name, group] : {std::pair("control", &v.control), std::pair("rest", &v.rest)})
    groups.add({name, group->forecaster, group->regions ? std::to_string(*group->regions) : "-",
                seconds_text(group->waited_seconds), seconds_text(group->slowest_seconds),
                share_text(group->waited_share)});
  Table gains({{"THE FORECAST", kLeft},
               {"TICKS", kRight},
               {"SAVED", kRight},
               {"FROM", kRight},
               {"TO", kRight},
               {"OF ALL SLOW", kRight},
               {"VERDICT", kLeft, kWrap, 0, "", 18}});
  add_gain(gains, "last hour", v.recent);
  add_gain(gains, "in this role", v.stage);
  add_gain(gains, "since start", v.life);
  std::string out = facts.text(style.width) + "\n" + groups.text(style.legend, style.width) + "\n" +
                    gains.text(style.legend, style.width);
  if (style.legend)
    out += wrapped(
        "\nSAVED is against the reactive forecast, moves paid; FROM and TO bound it with 95 % confidence\n"
        "ALL SLOW is what the regions would have waited on the slowest tier\n",
        style.width);
  return out;
}

}  // namespace tier
