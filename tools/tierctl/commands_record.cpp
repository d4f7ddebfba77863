// `tierctl record`: what the daemon samples, into a trace file of the caller's.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "core/printable.h"
#include "core/quantity.h"
#include "tierd/control/client.h"
#include "tierd/words/words.h"
#include "tools/tierctl/commands.h"
#include "tools/tierctl/recording.h"
#include "tools/tierctl/reply.h"

namespace tier {
namespace {

using nlohmann::json;

// A few of them: a warning is one line.
std::string names_text(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 8;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == kShown) return text + fmt::format(" and {} more", names.size() - kShown);
    text += (text.empty() ? "" : ", ") + escaped_short(name);
  }
  return text;
}

std::string progress_line(const RecordingTotals& totals) {
  return fmt::format("{:.0f} s, {}, {} so far; Ctrl-C ends it", seconds(totals.length),
                     plural(totals.targets, "process", "processes"),
                     plural(totals.regions, "region", "regions"));
}

json summary_json(const std::string& file, const RecordingTotals& totals) {
  return {{"schema", "io.tierd.recording/1"},
          {"file", file},
          {"ticks", totals.ticks},
          {"seconds", seconds(totals.length)},
          {"targets", totals.targets},
          {"regions", totals.regions},
          {"lost_ticks", totals.lost_ticks},
          {"omitted_regions", totals.omitted_regions},
          {"hidden", totals.hidden}};
}

std::string summary_text(const std::string& file, const RecordingTotals& totals) {
  return fmt::format("recorded {} ({:.1f} s) of {} and {} in {}\n", plural(totals.ticks, "tick", "ticks"),
                     seconds(totals.length), plural(totals.targets, "process", "processes"),
                     plural(totals.regions, "region", "regions"), escaped(file));
}

Result<Nanoseconds> limit_of(const std::string& duration) {
  if (duration.empty()) return Nanoseconds::max();
  auto limit = parse_duration(duration);
  if (limit && *limit <= Nanoseconds::zero())
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is no time to record", escaped_short(duration)),
                "write it like 30s");
  if (!limit)
    return fail(ErrorKind::kUsage, "--duration: " + escaped_short(limit.error().message, 160),
                limit.error().fix);
  return limit;
}

// What is said of the machine and of where the trace comes from.
Result<RecordingStart> describe(ControlClient& client, const std::string& file, const Surroundings& around) {
  auto status_reply = TIER_TRY(client.call("Status"));
  auto status = TIER_TRY(as_view<StatusView>(status_reply));
  auto nodes = TIER_TRY(client.call("Nodes"));
  RecordingStart start;
  start.file = file;
  start.interval = Nanoseconds(static_cast<std::int64_t>(status.interval_seconds * 1e9));
  start.machine = std::move(nodes);
  start.provenance = {{"recorder", "tierctl record"},
                      {"version", around.version},
                      {"daemon", status.version},
                      {"created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(around.unix_now()))}};
  return start;
}

bool named_by(const RecordFilter& filter, std::int32_t pid, const std::string& name) {
  return std::find(filter.pids.begin(), filter.pids.end(), pid) != filter.pids.end() ||
         std::find(filter.targets.begin(), filter.targets.end(), name) != filter.targets.end();
}

void keep_named(SnapshotView& view, const RecordFilter& filter) {
  if (filter.all()) return;
  std::erase_if(view.targets,
                [&](const SnapshotTargetView& each) { return !named_by(filter, each.pid, each.name); });
}

// A process that is not watched will not be by waiting for it; one that is only named may start yet.
Result<void> check_filter(ControlClient& client, const RecordFilter& filter, const Surroundings& around) {
  if (filter.all()) return {};
  auto reply = TIER_TRY(client.call("Snapshot"));
  const auto view = TIER_TRY(as_view<SnapshotView>(reply));
  const auto any = [&](const auto& is) { return std::any_of(view.targets.begin(), view.targets.end(), is); };
  for (const std::int32_t pid : filter.pids)
    if (!any([&](const SnapshotTargetView& each) { return each.pid == pid; }))
      return fail(ErrorKind::kFailed, fmt::format("process {} is not watched", pid),
                  "`tierctl top` lists those that are; [targets] of the configuration names them");
  std::set<std::string> names;
  for (const SnapshotTargetView& each : view.targets) names.insert(each.name);
  for (const std::string& target : filter.targets)
    if (!names.contains(target))
      around.warn(
          fmt::format("warning: no watched process is called \"{}\" now, so it is waited for; those watched "
                      "are called {}",
                      escaped_short(target), names.empty() ? "nothing: there are none" : names_text(names)));
  return {};
}

void warn_of(const RecordingTotals& totals, const Surroundings& around) {
  if (totals.lost_ticks > 0)
    around.warn(fmt::format("warning: {} lost: this machine was too busy to fetch them in time",
                            plural(totals.lost_ticks, "tick was", "ticks were")));
  if (totals.omitted_regions > 0)
    around.warn(fmt::format("warning: the least demanded regions of some ticks were left out, {} in all",
                            totals.omitted_regions));
  if (totals.hidden > 0)
    around.warn(
        fmt::format("warning: {} of other users left out: for those run as root, or join the control "
                    "group (tierd)",
                    plural(totals.hidden, "process", "processes")));
}

}  // namespace

Result<void> Commands::record(const std::string& file, const std::string& duration,
                              const RecordFilter& filter) {
  const auto limit = TIER_TRY(limit_of(duration));
  auto client = TIER_TRY(ControlClient::connect(options_.socket));
  TIER_TRY(check_filter(client, filter, around_));
  auto start = TIER_TRY(describe(client, file, around_));
  // Ticks are not exact: the one that ends nearest to the limit is the last.
  const Nanoseconds enough = limit - std::min(start.interval, limit) / 2;
  Recording recording(std::move(start));
  Result<void> added;
  const auto take = [&](const json& reply) {
    auto view = as_view<SnapshotView>(reply);
    if (view) keep_named(*view, filter);
    added = view ? recording.add(*view) : tl::make_unexpected(view.error());
    if (around_.progress) around_.progress(progress_line(recording.totals()));
    return added && recording.totals().length < enough;
  };
  const auto followed = client.follow("Snapshot", json::object(), take, around_.interrupted);
  if (around_.progress) around_.progress("");
  return end_recording(recording, file, added ? followed : added);
}

// Whatever ended it, the ticks before are worth keeping.
Result<void> Commands::end_recording(Recording& recording, const std::string& file,
                                     const Result<void>& ended) {
  const auto finished = recording.finish();
  if (!finished) return ended ? finished : ended;
  const RecordingTotals& totals = recording.totals();
  warn_of(totals, around_);
  auto printed =
      around_.print(options_.json ? document(summary_json(file, totals), false) : summary_text(file, totals));
  return ended ? printed : ended;
}

}  // namespace tier
