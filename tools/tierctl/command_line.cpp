#include "tools/tierctl/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "core/printable.h"
#include "tierd/cli/command_line.h"
#include "tierd/cli/number_range.h"
#include "tierd/config/config.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

constexpr double kMostPid = 1 << 22;  // PID_MAX_LIMIT of the kernel's include/linux/threads.h
constexpr double kMostRows = 1 << 20;

// Accepts a whole number of at least `least`. CLI11 alone reads "-1" as the largest number there is.
CLI::Validator whole_number(std::uint64_t least) {
  return {[least](const std::string& text) -> std::string {
            std::uint64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error == std::errc{} && end == text.data() + text.size() && value >= least) return {};
            return fmt::format("\"{}\" is not a whole number of at least {}", escaped_short(text), least);
          },
          fmt::format("at least {}", least)};
}

void add_top(CLI::App& app, Arguments& arguments, Action& action) {
  auto* top = app.add_subcommand("top", "List watched processes, those that wait most first");
  // --limit: the name that --rows had before.
  top->add_option("--rows,--limit", arguments.top.rows, "Show at most this many rows")
      ->check(number_from(1, kMostRows));
  top->add_option("--sort", arguments.top.sort,
                  fmt::format("Sort by one of: {}", fmt::join(top_sort_keys(), ", ")))
      ->check(CLI::IsMember(top_sort_keys()));
  top->add_option("--cgroup", arguments.top.cgroup,
                  "Show only this control group and those below it, like system.slice");
  top->callback([&] { action = [&](Commands& c) { return c.top(arguments.top); }; });
}

void add_views(CLI::App& app, Arguments& arguments, Action& action) {
  auto* status =
      app.add_subcommand("status", "Show the daemon at a glance: what it watches, saves, moves and costs");
  status->add_flag(
      "--check", arguments.check,
      "Print one line for monitoring; the exit code is 1 when tierd is blind and 3 when it does not run");
  status->callback([&] { action = [&](Commands& c) { return arguments.check ? c.check() : c.status(); }; });
  app.add_subcommand("doctor", "Show what this machine can do and why; works without the daemon")
      ->callback([&] { action = [](Commands& c) { return c.doctor(); }; });
  app.add_subcommand("nodes", "Show memory nodes and tiers, each fact with where it was learnt")
      ->callback([&] { action = [](Commands& c) { return c.nodes(); }; });
  add_top(app, arguments, action);

  auto* report =
      app.add_subcommand("report", "Show pictures of the last minutes, and what the forecast is worth")
          ->require_subcommand(1);
  auto* heatmap =
      report->add_subcommand("heatmap", "Show the demand of regions over time, with the tier that held them");
  heatmap->add_option("--pid", arguments.pid, "Show only this process")->check(number_from(1, kMostPid));
  heatmap->add_option("--rows", arguments.rows, "Show at most this many regions, the most demanded first")
      ->check(number_from(1, 4096));
  heatmap
      ->add_option("--ticks", arguments.ticks,
                   "Show this many of the latest ticks; without it, as many as fit the terminal")
      ->check(number_from(1, 512));
  heatmap->callback([&] {
    action = [&](Commands& c) { return c.heatmap(arguments.pid, arguments.rows, arguments.ticks); };
  });

  report
      ->add_subcommand("forecast",
                       "Show what the forecast saves against the reactive one, by a control group of regions")
      ->callback([&] { action = [](Commands& c) { return c.forecast(); }; });

  auto* explain =
      app.add_subcommand("explain", "Explain why a page is where it is, what it cost and what it saved");
  explain->add_option("PID", arguments.pid, "The number of a watched process")
      ->required()
      ->check(number_from(1, kMostPid));
  explain
      ->add_option(
          "ADDRESS", arguments.address,
          "Any address of that process, like 0x7f0000000000, as the heat map and the events print them")
      ->required();
  explain->callback([&] {
    action = [&](Commands& c) -> Result<void> {
      return c.explain(arguments.pid, TIER_TRY(parse_address(arguments.address)));
    };
  });

  auto* events = app.add_subcommand("events", "List what tierd did, one line for each event");
  events->add_option("--since", arguments.since, "List only events after the one with this number")
      ->check(whole_number(0));
  events->add_flag("--follow,-f", arguments.follow, "Go on, and print events as they happen");
  events->callback(
      [&] { action = [&](Commands& c) { return c.events(arguments.since, arguments.follow); }; });
}

void add_record(CLI::App& app, Arguments& arguments, Action& action) {
  auto* record = app.add_subcommand("record", "Write what tierd samples into a trace file, until Ctrl-C");
  record->add_option("-o,--output", arguments.file, "The trace file to write")->required();
  record->add_option("--duration", arguments.duration, "End after this time, like 30s");
  record
      ->add_option("--pid", arguments.filter.pids,
                   "Record only this process, with the memory that it shares; may be given several times")
      ->check(number_from(1, kMostPid))
      ->allow_extra_args(false);
  record
      ->add_option(
          "--target", arguments.filter.targets,
          "Record only processes of this name, as `tierctl top` prints it; may be given several times")
      ->allow_extra_args(false);
  record->callback([&] {
    action = [&](Commands& c) { return c.record(arguments.file, arguments.duration, arguments.filter); };
  });
}

void add_control(CLI::App& app, Arguments& arguments, Action& action) {
  auto* policy = app.add_subcommand("policy", "Show what decides about moves, stop moving and go on")
                     ->require_subcommand(1);
  policy->add_subcommand("show", "Show the mode, the forecaster and the settings of the policy")
      ->callback([&] { action = [](Commands& c) { return c.policy_show(); }; });
  policy->add_subcommand("pause", "Stop moving pages while sampling goes on (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.policy_pause(); }; });
  policy->add_subcommand("resume", "Move pages again after a pause (root or group tierd)")->callback([&] {
    action = [](Commands& c) { return c.policy_resume(); };
  });

  auto* config =
      app.add_subcommand("config", "Check, show or reload the configuration")->require_subcommand(1);
  auto* check = config->add_subcommand(
      "check", "Check the configuration as the daemon would; works without the daemon");
  check->add_option("FILE", arguments.file, "Check this file alone instead of the installed ones");
  check->callback([&] { action = [&](Commands& c) { return c.config_check(arguments.file); }; });
  config->add_subcommand("show", "Show every value in force, and where it comes from")->callback([&] {
    action = [](Commands& c) { return c.config_show(); };
  });
  config
      ->add_subcommand("reload",
                       "Let the daemon read its configuration again, all or nothing (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.config_reload(); }; });
  app.add_subcommand("version", "Print the versions of tierctl and of the running daemon")->callback([&] {
    action = [](Commands& c) { return c.version(); };
  });
}

void add_prefetch(CLI::App& app, Arguments& arguments, Action& action) {
  auto* prefetch =
      app.add_subcommand("prefetch", "Show, arm and disarm prefetch control")->require_subcommand(1);
  prefetch
      ->add_subcommand("status",
                       "Show its state, progress, meters, advice, and the controls with their gains")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_status(); }; });
  auto* arm = prefetch->add_subcommand(
      "arm", "Begin to tune what prefetch.arm of the configuration allows (root or group tierd)");
  arm->add_flag("--dry-run", arguments.dry_run, "Show what could be written, and write nothing");
  arm->callback([&] { action = [&](Commands& c) { return c.prefetch_arm(arguments.dry_run); }; });
  prefetch
      ->add_subcommand("disarm",
                       "Put every setting back and leave it so until armed again (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_disarm(); }; });
  auto* explain = prefetch->add_subcommand("explain", "Show what is known of each setting of one control");
  explain
      ->add_option("CONTROL", arguments.control,
                   "The control, as `tierctl prefetch status` names it, like core 3")
      ->required();
  explain->callback([&] {
    action = [&](Commands& c) {
      return c.prefetch_explain(fmt::format("{}", fmt::join(arguments.control, " ")));
    };
  });
  prefetch
      ->add_subcommand("restore",
                       "Put every setting back and, where armed, begin to tune again (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_restore(); }; });
}

void add_enable(CLI::App& app, Arguments& arguments, Action& action) {
  auto* enable = app.add_subcommand("enable", "List the rights beyond the service's own, or switch one on");
  enable->add_option("NAME", arguments.option, "The right to switch on, as `tierctl enable` lists it");
  auto* disable = app.add_subcommand("disable", "Take a right back that `tierctl enable` has switched on");
  auto* name =
      disable->add_option("NAME", arguments.option, "The right to take back, as `tierctl enable` lists it");
  disable->add_flag("--all", arguments.all, "Take back all that are on, as before an uninstallation")
      ->excludes(name);
  for (CLI::App* each : {enable, disable}) {
    each->add_flag("--restart", arguments.restart,
                   "Restart tierd, if it runs, so that the change takes effect at once");
    each->add_option("--root", arguments.root,
                     "Change the system below this folder, which is not the running one");
  }
  enable->callback([&] {
    action = [&](Commands& c) {
      return arguments.option.empty() ? c.options_list() : c.enable(arguments.option, arguments.restart);
    };
  });
  disable->callback([&] {
    if (arguments.option.empty() && !arguments.all) throw CLI::RequiredError("NAME or --all");
    action = [&](Commands& c) {
      return arguments.all ? c.disable_all(arguments.restart)
                           : c.disable(arguments.option, arguments.restart);
    };
  });
}

void add_global(CLI::App& app, Arguments& arguments) {
  app.fallthrough();
  app.require_subcommand(1);
  arguments.options.socket = ControlConfig{}.socket;
  app.add_flag("--json", arguments.options.json,
               "Print one JSON document; with --watch and for events, one on each line");
  auto* watch = app.add_option("--watch", arguments.options.watch_seconds, "Repeat every this many seconds")
                    ->check(number_from(0.1, 86400));
  app.add_option("--count", arguments.options.watch_count, "Stop --watch after this many times")
      ->check(whole_number(1))
      ->needs(watch);
  app.add_flag("--no-legend", arguments.no_legend, "Leave out column titles and explanations");
  app.add_option("--color", arguments.color,
                 "Use colours: auto (on a terminal, unless NO_COLOR is set), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--socket", arguments.options.socket, "The control socket of the daemon")
      ->capture_default_str();
  app.footer(
      "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 tierd is not running, 4 permission denied, 5 not "
      "supported here");
}

}  // namespace

void define_command_line(CLI::App& app, Arguments& arguments, Action& action) {
  add_global(app, arguments);
  add_views(app, arguments, action);
  add_record(app, arguments, action);
  add_control(app, arguments, action);
  add_prefetch(app, arguments, action);
  add_enable(app, arguments, action);
  add_common_commands(app);
}

}  // namespace tier
