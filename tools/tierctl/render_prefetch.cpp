// Prefetch control: what is set and what that gains, one control in detail, and what orders did.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "tierd/words/wrap.h"
#include "tools/tierctl/facts.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

constexpr std::size_t kNamesShown = 6;

// "core 3" → "core"; empty for what is not counted: "sda".
std::string kind_of(const std::string& name) {
  const auto blank = name.rfind(' ');
  const bool counted = blank != std::string::npos && blank + 1 < name.size() &&
                       name.find_first_not_of("0123456789", blank + 1) == std::string::npos;
  return counted ? name.substr(0, blank) : "";
}

// Reasons that differ by the CPU alone are one: "… of CPU 3 …" → "… of CPU N …".
std::string without_cpu(const std::string& reason) {
  constexpr std::string_view kWord = "CPU ";
  std::string out;
  for (std::size_t at = 0; at < reason.size();) {
    const bool number = at >= kWord.size() && std::isdigit(static_cast<unsigned char>(reason[at])) != 0 &&
                        reason.compare(at - kWord.size(), kWord.size(), kWord) == 0;
    out += number ? 'N' : reason[at];
    at = number ? std::min(reason.find_first_not_of("0123456789", at), reason.size()) : at + 1;
  }
  return out;
}

std::string names_text(const std::vector<std::string>& names) {
  const std::size_t shown = names.size() > kNamesShown ? kNamesShown - 1 : names.size();
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<long>(shown), ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

// One line for all that share a reason: "64 cores: unknown CPU …".
std::string refusals_text(const std::vector<PrefetchRefusalView>& refused) {
  struct Group {
    std::string kind;
    const PrefetchRefusalView* first = nullptr;
    std::vector<std::string> names;
  };
  std::vector<Group> groups;  // in the order of their first
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (const PrefetchRefusalView& each : refused) {
    const std::string kind = kind_of(each.name);
    const auto [found, added] = known.try_emplace({kind, without_cpu(each.reason)}, groups.size());
    if (added) groups.push_back({kind, &each, {}});
    groups[found->second].names.push_back(each.name);
  }
  std::string out;
  for (const Group& group : groups) {
    const bool alone = group.names.size() == 1;
    const std::string names = alone || group.kind.empty()
                                  ? names_text(group.names)
                                  : fmt::format("{} {}s", group.names.size(), group.kind);
    out += fmt::format("not tuned: {}: {}\n", printable(names),
                       printable(alone ? group.first->reason : without_cpu(group.first->reason)));
  }
  return out;
}

std::string state_text(const PrefetchView& v) {
  const std::string allowed = fmt::format("{}", fmt::join(v.armed, ", "));
  if (v.armed.empty()) return v.state;
  return v.state == "armed" ? "armed: " + allowed : fmt::format("{} (allowed: {})", v.state, allowed);
}

std::string advice_text(const PrefetchAdviceView& advice) {
  std::string text = "not armed";
  if (advice.armed) {
    text = fmt::format("{} asked for in {}", bytes_text(advice.advised_bytes),
                       plural(advice.ranges, "range", "ranges"));
    if (advice.useful_share)
      text += fmt::format(", {} of what was judged was used", share_text(advice.useful_share));
  }
  return advice.state.empty() ? text : text + "; " + advice.state;
}

std::string controls_table(const std::vector<PrefetchControlView>& controls, const Style& style) {
  Table table({{"CONTROL", kLeft},
               {"ACTUATOR", kLeft},
               {"SETTING", kLeft},
               {"GAIN", kRight},
               {"FROM", kRight},
               {"TO", kRight},
               {"CHANGES", kRight, kWhole, 2},
               {"CONTEXT", kLeft, kWhole, 1},
               {"WHY", kLeft, kWrap}});
  for (const PrefetchControlView& c : controls)
    table.add({c.name, c.actuator, c.setting, change_text(c.gain), change_text(c.gain_low),
               change_text(c.gain_high), std::to_string(c.transitions), c.context, c.reason});
  return table.empty() ? "" : "\n" + table.text(style.legend, style.width);
}

std::string writes_table(const std::vector<PrefetchWriteView>& writes, const Style& style) {
  Table table({{"CONTROL", kLeft},
               {"SETTING", kLeft},
               {"KNOB", kLeft},
               {"BEFORE", kRight},
               {"AFTER", kRight},
               {"FATE", kLeft}});
  for (const PrefetchWriteView& w : writes)
    table.add({w.control, w.setting, w.knob, w.before, w.after, w.fate});
  return table.empty() ? "" : "\n" + table.text(style.legend, style.width);
}

// The intervals of all settings on one scale, the default's zero in the middle.
class Bars {
 public:
  explicit Bars(const std::vector<PrefetchArmView>& arms) {
    for (const PrefetchArmView& arm : arms)
      for (const auto& end : {arm.gain, arm.gain_low, arm.gain_high})
        if (end && std::isfinite(*end)) reach_ = std::max(reach_, std::min(std::abs(*end), 1.0));
  }
  double reach() const { return reach_; }  // a gain at the right end
  std::string of(const PrefetchArmView& arm) const {
    if (!arm.gain || !arm.gain_low || !arm.gain_high) return "";
    std::string bar(kCells, ' ');
    for (std::size_t i = cell(*arm.gain_low); i <= cell(*arm.gain_high); ++i) bar[i] = '-';
    bar[kCells / 2] = '|';
    bar[cell(*arm.gain)] = '*';
    return bar;
  }

 private:
  static constexpr std::size_t kCells = 31;
  std::size_t cell(double gain) const {
    const double part = std::isfinite(gain) ? std::clamp(gain / reach_, -1.0, 1.0) : 0;
    return static_cast<std::size_t>(std::lround((part + 1) / 2 * (kCells - 1)));
  }
  double reach_ = 0.001;  // less than a thousandth is no gain worth a picture
};

}  // namespace

std::string render(const PrefetchView& v, const Style& style) {
  Facts facts;
  facts.add("prefetch", state_text(v));
  if (!v.note.empty()) facts.add("now", v.note);
  facts.add("decisions", fmt::format("{}, and {} without a sound reading; {}, {}", v.decisions,
                                     plural(v.undecided, "interval", "intervals"),
                                     plural(v.transitions, "change of a setting", "changes of settings"),
                                     plural(v.writes, "write", "writes")));
  facts.add("progress",
            v.progress ? fmt::format("{} {}/s", count_text(*v.progress), v.progress_signal) : "-");
  facts.add("advice", advice_text(v.advice));
  facts.add("journal", v.journal);
  std::string out = facts.text(style.width) + controls_table(v.controls, style);
  if (style.legend && !v.controls.empty())
    out += wrapped(
        "\nGAIN is of the setting against the default, of the progress; FROM and TO bound it with 95 %\n",
        style.width);
  const std::string refused = wrapped(refusals_text(v.refused), style.width, 2);
  if (!refused.empty()) out += "\n" + refused;
  Table meters({{"METER", kLeft}, {"USED", kLeft}, {"WHY", kLeft, kWrap}});
  for (const PrefetchMeterView& m : v.meters) meters.add({m.name, m.used ? "yes" : "no", m.reason});
  Table signals({{"SIGNAL", kLeft}, {"PER SECOND", kRight}, {"REFUSED", kRight}});
  for (const PrefetchSignalView& s : v.signals)
    signals.add({s.name, s.per_second ? count_text(*s.per_second) : "-", std::to_string(s.refused)});
  for (const Table* table : {&meters, &signals})
    if (!table->empty()) out += "\n" + table->text(style.legend, style.width);
  return out;
}

std::string render(const PrefetchExplainView& v, const Style& style) {
  const PrefetchControlView& c = v.control;
  Facts facts;
  facts.add("control", fmt::format("{} ({}, one {})", c.name, c.actuator, c.scope));
  facts.add("setting", fmt::format("{} (of {})", c.setting, fmt::join(c.settings, ", ")));
  facts.add("gain", c.gain ? fmt::format("{} of the progress ({} to {}, 95 %)", change_text(c.gain),
                                         change_text(c.gain_low), change_text(c.gain_high))
                           : "-");
  facts.add("context", c.context);
  facts.add("why", c.reason);
  facts.add("changes", std::to_string(c.transitions));
  const Bars bars(v.arms);
  Table arms({{"SETTING", kLeft},
              {"GAIN", kRight},
              {"FROM", kRight},
              {"TO", kRight},
              {"INTERVALS", kRight},
              {fmt::format("{} TO {}", change_text(-bars.reach()), change_text(bars.reach())), kLeft}});
  for (const PrefetchArmView& arm : v.arms)
    arms.add({arm.setting, change_text(arm.gain), change_text(arm.gain_low), change_text(arm.gain_high),
              count_text(arm.evidence), bars.of(arm)});
  Table decisions({{"TICK", kRight}, {"FROM", kLeft}, {"TO", kLeft}, {"WHY", kLeft, kWrap}});
  for (const PrefetchDecisionView& d : v.decisions)
    decisions.add({std::to_string(d.tick), d.from, d.to, d.reason});
  std::string out = facts.text(style.width);
  for (const Table* table : {&arms, &decisions})
    if (!table->empty()) out += "\n" + table->text(style.legend, style.width);
  return out + writes_table(v.writes, style);
}

std::string render(const PrefetchWritesView& v, const Style& style) {
  std::map<std::string, std::uint64_t> fates;
  for (const PrefetchWriteView& write : v.writes) ++fates[write.fate];
  std::vector<std::string> counts;
  counts.reserve(fates.size());
  for (const auto& [fate, count] : fates) counts.push_back(fmt::format("{} {}", count, fate));
  Facts facts;
  facts.add("prefetch", v.state + (v.dry_run ? "; dry run: nothing was written" : ""));
  facts.add("writes", counts.empty() ? "none" : fmt::format("{}", fmt::join(counts, ", ")));
  const std::string refused = wrapped(refusals_text(v.refused), style.width, 2);
  return facts.text(style.width) + writes_table(v.writes, style) + (refused.empty() ? "" : "\n" + refused);
}

}  // namespace tier
