// Watched processes: one line each, in as many columns as the terminal has room for.
#include <fmt/format.h>

#include "tierd/words/wrap.h"
#include "tools/tierctl/render.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

// The larger its last number, the sooner a column is left out: what is gone at 80 columns is what changes
// slowly or can be had from `tierctl explain` and the heat map.
Table top_columns() {
  return Table({{"PID", kRight},
                {"NAME", kLeft, kClip},
                {"WAITED", kRight},
                {"DEMAND", kRight, kWhole, 2},
                {"FAST SHARE", kRight, kWhole, 1},
                {"RESIDENT", kRight},
                {"LOCATED", kRight, kWhole, 7},
                {"IN FAST", kRight, kWhole, 3},
                {"REGIONS", kRight, kWhole, 9},
                {"SAMPLES", kRight, kWhole, 8},
                {"PROMOTED", kRight, kWhole, 5},
                {"DEMOTED", kRight, kWhole, 6},
                {"CGROUP", kLeft, kClipFront, 4}});
}

}  // namespace

std::string hidden_text(std::uint64_t hidden) {
  return hidden == 0
             ? ""
             : fmt::format("{} not shown: they belong to other users\n", plural(hidden, "row", "rows"));
}

std::string render(const TopView& v, const Style& style) {
  Table table = top_columns();
  // By second: ticks differ in length.
  const double passed = v.interval_seconds > 0 ? v.interval_seconds : 1;
  for (const TopRow& r : v.rows)
    table.add({std::to_string(r.pid), r.name, seconds_text(r.waited_seconds / passed),
               count_text(r.demand / passed), share_text(r.hit_share), bytes_text(r.resident_bytes),
               bytes_text(r.located_bytes), r.fast_bytes ? bytes_text(*r.fast_bytes) : "-",
               std::to_string(r.regions), std::to_string(r.samples), bytes_text(r.promoted_bytes),
               bytes_text(r.demoted_bytes), r.cgroup});
  std::string out = table.text(style.legend, style.width);
  if (!style.legend) return out;
  std::string notes;
  if (v.rows.empty() && v.hidden == 0 && v.omitted == 0)
    notes +=
        "no process is watched now: none that [targets] of the configuration names, or, where it names none, "
        "none of 64 MiB or more\n";
  if (v.omitted > 0) notes += plural(v.omitted, "row", "rows") + " left out: --rows has more\n";
  return out + wrapped(notes + hidden_text(v.hidden), style.width, 2);
}

}  // namespace tier
