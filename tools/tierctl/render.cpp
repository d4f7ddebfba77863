#include "tools/tierctl/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tierd/words/wrap.h"
#include "tools/tierctl/facts.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

std::string nodes_text(const std::vector<int>& nodes) {
  return nodes.empty() ? "-" : fmt::format("{}", fmt::join(nodes, ","));
}

std::string tier_name(int rank) {
  return rank < 0 ? "-" : rank == 0 ? "0 fast" : fmt::format("{} slow", rank);
}

std::string pages_text(const PagesView& pages) {
  std::uint64_t failed = 0;
  std::vector<std::string> reasons;
  for (const auto& [name, count] : pages.failed) {
    failed += count;
    reasons.push_back(fmt::format("{} {}", name, count));
  }
  return fmt::format(
      "{} requested = {} moved + {} already there + {} absent + {} marked + {} dropped + {} failed{}",
      pages.requested, pages.moved, pages.already_there, pages.absent, pages.marked, pages.dropped, failed,
      reasons.empty() ? "" : fmt::format(" ({})", fmt::join(reasons, ", ")));
}

// The counts are of decisions, the seconds above them of stall: demotions that lost a little, as foreseen,
// are right and save nothing.
std::string decisions_text(const LedgerView& ledger) {
  const std::string margin = fmt::format("; a move must promise {:.2f} times its cost", ledger.margin);
  if (ledger.decisions == 0) return "none yet" + margin;
  std::string text = fmt::format("{}, {} scored: {} useful", ledger.decisions, ledger.scored, ledger.useful);
  if (ledger.foreseen > 0)
    text += fmt::format(" ({} of them demotions that lost no more than foreseen)", ledger.foreseen);
  text += fmt::format(", {} wasted, {} harmful", ledger.wasted, ledger.harmful);
  if (ledger.without_effect > 0) text += fmt::format(", {} without effect", ledger.without_effect);
  if (ledger.unknown > 0) text += fmt::format(", {} ended too soon to tell", ledger.unknown);
  return text + margin;
}

const char* yes_no(bool value) { return value ? "yes" : "no"; }

std::string ledger_text(const StatusView& status) {
  const LedgerView& ledger = status.ledger;
  if (ledger.scored == 0 && ledger.move_cost_seconds == 0) return "-, no decision has a score yet";
  std::string text = "-, no decision has a score yet (";
  if (ledger.scored > 0)
    text = fmt::format("{}{} by {} scored (forecast {}, ", seconds_text(ledger.stall_saved_seconds),
                       status.mode == "act" ? "" : ", had the moves been made,",
                       plural(ledger.scored, "decision", "decisions"),
                       seconds_text(ledger.expected_saved_seconds));
  if (ledger.placed_saved_seconds)
    text = fmt::format("{} by where memory was moved to; {}", seconds_text(*ledger.placed_saved_seconds),
                       ledger.scored > 0 ? text : "no decision has a score yet (");
  text += fmt::format("moving cost {}", seconds_text(ledger.move_cost_seconds));
  if (ledger.unscored_cost_seconds > 0)
    text += fmt::format(", {} of it not scored yet", seconds_text(ledger.unscored_cost_seconds));
  if (ledger.regret_seconds) text += ", regret " + seconds_text(*ledger.regret_seconds);
  return text + ")";
}

std::string moves_text(const MigratorView& moves) {
  const std::string limit =
      moves.rate_limit_bytes_per_second == 0 ? "none" : bytes_text(moves.rate_limit_bytes_per_second) + "/s";
  if (moves.requests == 0) return "none yet, limit " + limit;
  return fmt::format("{} promoted, {} demoted, {} in calls, limit {}", bytes_text(moves.promoted_bytes),
                     bytes_text(moves.demoted_bytes), seconds_text(moves.seconds), limit);
}

std::string ticks_text(const StatusView& v) {
  std::string text = fmt::format("{} of {}, the last took {}", v.ticks, seconds_text(v.interval_seconds),
                                 seconds_text(v.tick_work_seconds));
  if (v.late_ticks > 0)
    text += fmt::format("; {} took longer than their interval, the worst {}", v.late_ticks,
                        seconds_text(v.worst_tick_seconds));
  if (v.late_ticks > 0 && !v.worst_tick_phase.empty())
    text += fmt::format(", most of it in \"{}\"", v.worst_tick_phase);
  return text;
}

std::string located_text(const StatusView& v) {
  if (v.located_bytes >= v.held_bytes)
    return fmt::format("the nodes of all {} of the programs are known", bytes_text(v.held_bytes));
  return fmt::format("the nodes of {} of the programs' {} are known; the rest is looked up bit by bit",
                     bytes_text(v.located_bytes), bytes_text(v.held_bytes));
}

std::string fast_share_text(const StatusView& v) {
  std::string text = share_text(v.hit_share) + " of sampled demand in the last tick";
  if (v.located_demand_share && *v.located_demand_share < 0.995)
    text += fmt::format(" ({} of it has a known place)", share_text(v.located_demand_share));
  return text + fmt::format(", {} since start", share_text(v.hit_share_total));
}

// Where the daemon's own time goes: its ticks by their stages, and the moves.
std::string own_time_text(const SelfCostView& self) {
  std::string stages;
  for (const StageView& stage : self.stages)
    stages += fmt::format("{}{} {}", stages.empty() ? "" : ", ", stage.name, share_text(stage.share));
  return fmt::format("lately {} observing{}, {} moving pages", share_text(self.observing_cpu_share),
                     stages.empty() ? "" : " (" + stages + ")", share_text(self.moving_cpu_share));
}

std::string self_text(const SelfCostView& self) {
  std::string text = fmt::format("{} of one CPU ({} since start), {} resident", share_text(self.cpu_share),
                                 seconds_text(self.cpu_seconds), bytes_text(self.resident_bytes));
  if (self.bytes_per_managed_gib)
    text += fmt::format(", {} per managed GiB",
                        bytes_text(static_cast<std::uint64_t>(*self.bytes_per_managed_gib)));
  return text;
}

std::string forecaster_text(const StatusView& v) {
  if (v.model.empty()) return v.forecaster;
  return fmt::format("{}; the learned forecaster's model is refused: {}", v.forecaster, v.model);
}

std::string sight_text(const SightView& sight) {
  std::string text = fmt::format("{}: {}", sight.state, sight.reason);
  if (sight.unseen > 0)
    text += fmt::format("; {} of the watched programs cannot be seen, their pages stay", sight.unseen);
  return text;
}

// Of reading about processes: what is unlike the normal case.
std::string reading_text(const ReadingView& r) {
  std::string text = r.interface;
  if (!r.why.empty()) text += "; not the cheapest: " + r.why;
  if (r.waiting > 0)
    text += fmt::format("; {} with old mappings, the oldest {} old",
                        plural(r.waiting, "process", "processes"), seconds_text(r.oldest_seconds));
  if (r.left_out > 0)
    text += fmt::format("; {} left out: {}", plural(r.left_out, "process", "processes"), r.left_out_reason);
  return text;
}

std::string troubles_table(const std::vector<TroubleView>& troubles, const Style& style) {
  Table table({{"TIMES", kRight}, {"LAST", kRight}, {"TROUBLE", kLeft, kWrap}});
  for (const TroubleView& t : troubles)
    table.add({std::to_string(t.count), seconds_text(t.seconds_ago) + " ago", t.message});
  return table.empty() ? "" : "\n" + table.text(style.legend, style.width);
}

std::string sources_table(const std::vector<SourceView>& sources, const Style& style) {
  if (sources.empty()) return "no access source is running: see `tierctl doctor`\n";
  Table table({{"SOURCE", kLeft},
               {"SAMPLES/S", kRight},
               {"PRICE", kRight, kWhole, 2},
               {"CPU", kRight, kWhole, 1},
               {"TAKEN", kRight},
               {"DELIVERED", kRight},
               {"COMPUTING", kRight, kWhole, 2},
               {"UNDECODED", kRight},
               {"DEFERRED", kRight, kWhole, 3},
               {"FOREIGN", kRight},
               {"LOST", kRight},
               {"FIDELITY", kLeft, kWrap}});
  for (const SourceView& s : sources)
    table.add({s.name, count_text(s.samples_per_second),
               seconds_text(static_cast<double>(s.price_per_sample_ns) * 1e-9), share_text(s.cpu_share),
               std::to_string(s.taken), std::to_string(s.delivered), std::to_string(s.computing),
               std::to_string(s.undecoded), std::to_string(s.deferred), std::to_string(s.foreign),
               std::to_string(s.lost), s.fidelity});
  return table.text(style.legend, style.width);
}

std::string tiers_table(const std::vector<TierView>& tiers, const Style& style) {
  Table table({{"TIER", kLeft},
               {"NODES", kLeft},
               {"LATENCY", kRight},
               {"TOTAL", kRight},
               {"FREE", kRight},
               {"TARGETS HOLD", kRight},
               {"DEMAND", kRight}});
  for (const TierView& t : tiers)
    table.add({tier_name(t.rank), nodes_text(t.nodes), latency_text(t.unloaded_latency_ns),
               bytes_text(t.total_bytes), bytes_text(t.free_bytes),
               t.resident_bytes ? bytes_text(*t.resident_bytes) : "-", share_text(t.demand_share)});
  return table.text(style.legend, style.width);
}

std::string rivals_text(const std::vector<RivalView>& rivals, const Style& style) {
  std::string out;
  for (const RivalView& rival : rivals)
    out += fmt::format("rival: {}: {}\n", printable(rival.name), printable(rival.advice));
  return wrapped(out, style.width, 2);
}

}  // namespace

std::string render(const StatusView& v, const Style& style) {
  Facts facts;
  facts.add("tierd", fmt::format("{}, {} mode{}, up {}", v.version, v.mode, v.paused ? " (paused)" : "",
                                 seconds_text(v.uptime_seconds)));
  facts.add("ticks", ticks_text(v));
  facts.add("watching", fmt::format("{}, {}, {}", plural(v.targets, "process", "processes"),
                                    plural(v.regions, "region", "regions"), bytes_text(v.managed_bytes)));
  for (const std::string& unmatched : v.unmatched) facts.add("unmatched", unmatched);
  if (!v.sight.state.empty()) facts.add("sight", sight_text(v.sight));  // older daemons do not have it
  if (v.held_bytes > 0) facts.add("located", located_text(v));
  facts.add("fast share", fast_share_text(v));
  facts.add("stall saved", ledger_text(v));
  facts.add("decisions", decisions_text(v.ledger));
  facts.add("moves", moves_text(v.migrator));
  if (v.migrator.requests > 0) {
    facts.add("requests",
              fmt::format("{}: {} stale, {} cancelled, {} whose process had gone", v.migrator.requests,
                          v.migrator.stale, v.migrator.cancelled, v.migrator.target_gone));
    facts.add("pages", pages_text(v.pages));
  }
  facts.add("own cost", self_text(v.self));
  facts.add("  of it", own_time_text(v.self));
  if (!v.thinning.empty())
    facts.add("thinned",
              fmt::format("to keep {} of a CPU (daemon.cpu_limit): {}", share_text(v.cpu_limit), v.thinning));
  if (v.reading.waiting > 0 || v.reading.left_out > 0 || !v.reading.why.empty())
    facts.add("mappings", reading_text(v.reading));
  facts.add("forecaster", forecaster_text(v));
  std::vector<std::string> known;
  for (const MetricView& metric : v.metrics)
    if (metric.value) known.push_back(metric.name);
  if (!v.metrics.empty())
    facts.add("metrics", fmt::format("{} of {}{}{}", known.size(), v.metrics.size(),
                                     known.empty() ? "" : ": ", fmt::join(known, ", ")));
  if (!v.meters.empty()) facts.add("meters", render_meter_names(v.meters));
  return facts.text(style.width) + "\n" + tiers_table(v.tiers, style) + "\n" +
         sources_table(v.sources, style) + troubles_table(v.troubles, style) +
         (v.rivals.empty() ? "" : "\n" + rivals_text(v.rivals, style));
}

std::string render_check(const StatusView& v) {
  if (v.sight.state == "blind")
    return fmt::format("BLIND: {} ({} mode, {} watched)\n", printable(v.sight.reason), v.mode,
                       plural(v.targets, "process", "processes"));
  const std::string moving = v.mode != "act"    ? "observes"
                             : v.paused         ? "paused"
                             : v.sight.may_move ? "acts"
                                                : "holds moves back";
  return fmt::format("OK: {}, {}, {} watched, {} of demand on the fast tier\n", moving,
                     printable(sight_text(v.sight)), plural(v.targets, "process", "processes"),
                     share_text(v.hit_share));
}

std::string render(const DoctorView& v, const Style& style) {
  Facts facts;
  facts.add("daemon", v.daemon_running ? "running" : "not running (start it with `systemctl start tierd`)");
  if (!v.kernel.empty()) facts.add("kernel", v.kernel);
  facts.add("tiers", v.tiered ? "yes" : "no: one tier only, nothing to gain by moving");
  facts.add("observe", yes_no(v.can_observe));
  facts.add("act", yes_no(v.can_act));
  if (!v.reading.interface.empty()) facts.add("mappings", reading_text(v.reading));
  if (!v.verdict.empty()) facts.add("verdict", v.verdict);

  Table sources({{"SOURCE", kLeft}, {"CHOSEN", kLeft}, {"SIGHT", kLeft}, {"WHY", kLeft, kWrap}});
  for (const auto& s : v.sources)
    sources.add({s.name, yes_no(s.chosen), s.sight.empty() ? "-" : s.sight, s.reason});
  Table features({{"FEATURE", kLeft},
                  {"PRESENT", kLeft},
                  {"SINCE", kLeft},
                  {"REASON", kLeft, kWrap},
                  {"FIX", kLeft, kWrap, 0, "fix: "}});
  for (const auto& f : v.features)
    features.add({f.name, yes_no(f.present), f.first_kernel, f.reason, f.present ? "" : f.fix});
  Table latencies({{"NODE", kRight}, {"LATENCY", kRight}, {"FROM", kLeft}});
  for (const auto& l : v.latencies)
    latencies.add({std::to_string(l.node), latency_text(l.latency_ns), l.source});
  Table capabilities({{"CAPABILITY", kLeft}, {"HELD", kLeft}, {"NEEDED FOR", kLeft, kWrap}});
  for (const auto& c : v.capabilities) capabilities.add({c.name, yes_no(c.held), c.needed_for});

  Table limits({{"LIMIT", kLeft},
                {"LIMITS", kLeft},
                {"WHAT WAS FOUND", kLeft, kWrap},
                {"FIX", kLeft, kWrap, 0, "fix: "}});
  for (const auto& l : v.limits) limits.add({l.name, yes_no(l.limits), l.reason, l.fix});

  std::string out = facts.text(style.width);
  for (const Table* table : {&sources, &features, &latencies, &capabilities, &limits})
    if (!table->empty()) out += "\n" + table->text(style.legend, style.width);
  if (!v.meters.empty()) out += "\n" + render_meters(v.meters, style);
  return out + (v.rivals.empty() ? "" : "\n" + rivals_text(v.rivals, style));
}

std::string render(const NodesView& v, const Style& style) {
  Table table({{"NODE", kRight},
               {"TIER", kLeft},
               {"STATE", kLeft},
               {"CPUS", kLeft},
               {"TOTAL", kRight},
               {"FREE", kRight},
               {"LATENCY", kRight},
               {"LOADED", kRight, kWhole, 3},
               {"FROM", kLeft, kWhole, 2},
               {"READ/S", kRight, kWhole, 1},
               {"USED/S", kRight},
               {"DISTANCES", kLeft, kWhole, 4}});
  for (const NodeView& n : v.nodes)
    table.add(
        {std::to_string(n.node), tier_name(n.tier), n.online ? "online" : "offline",
         n.has_cpus ? "yes" : "no", bytes_text(n.total_bytes), bytes_text(n.free_bytes),
         latency_text(n.unloaded_latency_ns), latency_text(n.loaded_latency_ns), n.latency_source,
         n.read_bytes_per_second ? bytes_text(*n.read_bytes_per_second) : "-",
         n.used_bytes_per_second ? bytes_text(static_cast<std::uint64_t>(*n.used_bytes_per_second)) : "-",
         n.distances.empty() ? "-" : fmt::format("{}", fmt::join(n.distances, " "))});
  std::string out = table.text(style.legend, style.width);
  if (!v.tiers.empty()) out += "\n" + tiers_table(v.tiers, style);
  if (style.legend && !v.tiered) out += "\none tier only: nothing to gain by moving\n";
  return out;
}

std::string render(const ConfigView& v, const Style& style) {
  std::string out;
  if (style.legend)
    out += v.files.empty()
               ? "# no file was read: these are the built-in defaults\n"
               : fmt::format("# read: {}\n", printable(fmt::format("{}", fmt::join(v.files, ", "))));
  return out + printable_lines(v.toml);
}

std::string render_event(const Event& event, const Style& style) {
  constexpr std::size_t kStoryColumn = 52;  // where the message begins
  const std::string line = fmt::format(
      "{}  {:>6}  {:<12}  {:>7}  {}{}\n", time_text(event.time_unix_ns), event.sequence,
      printable(event.kind), event.pid == 0 ? "-" : std::to_string(event.pid), printable(event.message),
      event.actor.empty() ? "" : fmt::format(" (by {})", printable(event.actor)));
  const bool room = style.width >= kStoryColumn + 40;
  return wrapped(line, style.width, room ? kStoryColumn : 4);
}

std::string render_policy(const StatusView& status, const ConfigView& config, const Style& style) {
  Facts facts;
  facts.add("mode", status.mode);
  facts.add("moving", status.paused ? "paused" : status.mode == "act" ? "on" : "off: observe mode");
  facts.add("forecaster", status.forecaster);
  Table table({{"SETTING", kLeft}, {"VALUE", kLeft, kWrap}, {"FROM", kLeft, kWrap}});
  for (const ConfigValueView& value : config.values)
    if (value.key.starts_with("policy.") || value.key.starts_with("migration."))
      table.add({value.key, value.value, value.origin});
  return facts.text(style.width) + "\n" + table.text(style.legend, style.width);
}

}  // namespace tier
