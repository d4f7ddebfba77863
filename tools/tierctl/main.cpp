// tierctl: the command line of tierd.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "platform/linux/journal_stream.h"
#include "tierd/config/command_description.h"
#include "tierd/config/config.h"
#include "tools/number_range.h"
#include "tools/tierctl/commands.h"
#include "tools/tierctl/enable_system.h"
#include "tools/tierctl/text.h"
#ifdef TIERCTL_LOCAL_DOCTOR
#include "tierd/daemon/doctor.h"
#include "tierd/daemon/named_files.h"
#endif

namespace tier {
namespace {

constexpr double kMostPid = 1 << 22;  // PID_MAX_LIMIT of the kernel's include/linux/threads.h

volatile std::sig_atomic_t stop_requested = 0;

// Without SA_RESTART, so that waiting calls return and the document under way is finished first.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Result<void> print_out(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(ErrorKind::kFailed, fmt::format("cannot write the output: {}", std::strerror(errno)));
    written += static_cast<std::size_t>(n);
  }
  return {};
}

unsigned terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int number = columns ? std::atoi(columns) : 0;
  return number > 0 ? static_cast<unsigned>(number) : 80;
}

struct Arguments {
  CommandOptions options;
  std::string color = "auto";
  bool no_legend = false;
  std::uint32_t limit = 0, rows = 40, ticks = 0;
  std::int32_t pid = 0;
  std::string address, file, duration;
  std::uint64_t since = 0;
  bool follow = false, dry_run = false, check = false;
  std::vector<std::string> control;  // the words of its name
  std::string option, root = "/";
  bool restart = false, all = false;
};

void settle_style(Arguments& arguments) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: any value that is not empty
  const bool wanted = terminal && !(no_color && *no_color);
  arguments.options.style.color = arguments.color == "always" || (arguments.color == "auto" && wanted);
  arguments.options.style.legend = !arguments.no_legend;
  arguments.options.clear_screen = terminal && !arguments.options.json;
  // "ADDRESS |" before the cells and "| fast" after them.
  constexpr unsigned kAround = 12 + 2 + 6;
  if (arguments.ticks == 0)
    arguments.ticks = std::clamp(terminal_columns(), kAround + 10, kAround + 512) - kAround;
}

using Action = std::function<Result<void>(Commands&)>;

void add_views(CLI::App& app, Arguments& arguments, Action& action) {
  auto* status =
      app.add_subcommand("status", "The daemon at a glance: what it watches, saves, moves and costs");
  status->add_flag("--check", arguments.check,
                   "One line for monitoring; exit code 1 when tierd is blind, 3 when it does not run");
  status->callback([&] { action = [&](Commands& c) { return arguments.check ? c.check() : c.status(); }; });
  app.add_subcommand("doctor", "What this machine can do and why; works without the daemon")->callback([&] {
    action = [](Commands& c) { return c.doctor(); };
  });
  app.add_subcommand("nodes", "Memory nodes and tiers, each fact with where it was learnt")->callback([&] {
    action = [](Commands& c) { return c.nodes(); };
  });
  auto* top = app.add_subcommand("top", "Watched processes, most waiting first");
  top->add_option("--limit", arguments.limit, "Show so many rows");
  top->callback([&] { action = [&](Commands& c) { return c.top(arguments.limit); }; });

  auto* report = app.add_subcommand("report", "Pictures of the last minutes, and what the forecast is worth")
                     ->require_subcommand(1);
  auto* heatmap =
      report->add_subcommand("heatmap", "Demand of regions over time, with the tier that held them");
  heatmap->add_option("--pid", arguments.pid, "Only this process")->check(number_from(1, kMostPid));
  heatmap->add_option("--rows", arguments.rows, "Regions, the most demanded first")
      ->check(number_from(1, 4096));
  heatmap->add_option("--ticks", arguments.ticks, "Columns; default: as many as fit")
      ->check(number_from(1, 512));
  heatmap->callback([&] {
    action = [&](Commands& c) { return c.heatmap(arguments.pid, arguments.rows, arguments.ticks); };
  });

  report
      ->add_subcommand("forecast",
                       "What the forecast saves against the reactive one, by a control group of regions")
      ->callback([&] { action = [](Commands& c) { return c.forecast(); }; });

  auto* explain = app.add_subcommand("explain", "Why a page is where it is, what it cost, what it saved");
  explain->add_option("PID", arguments.pid, "Process")->required()->check(number_from(1, kMostPid));
  explain
      ->add_option("ADDRESS", arguments.address,
                   "Any address of its, as the heat map prints it or like 0x7f0000000000")
      ->required();
  explain->callback([&] {
    action = [&](Commands& c) {
      return parse_address(arguments.address).and_then([&](std::uint64_t address) {
        return c.explain(arguments.pid, address);
      });
    };
  });

  auto* events = app.add_subcommand("events", "What tierd did, one line each");
  events->add_option("--since", arguments.since, "Only events after this number");
  events->add_flag("--follow,-f", arguments.follow, "Go on as they happen");
  events->callback(
      [&] { action = [&](Commands& c) { return c.events(arguments.since, arguments.follow); }; });
}

void add_record(CLI::App& app, Arguments& arguments, Action& action) {
  auto* record = app.add_subcommand("record", "What tierd samples, into a trace file; until Ctrl-C");
  record->add_option("-o,--output", arguments.file, "The trace file")->required();
  record->add_option("--duration", arguments.duration, "End after so long, like 30s");
  record->callback(
      [&] { action = [&](Commands& c) { return c.record(arguments.file, arguments.duration); }; });
}

void add_control(CLI::App& app, Arguments& arguments, Action& action) {
  auto* policy = app.add_subcommand("policy", "What decides, and stopping it")->require_subcommand(1);
  policy->add_subcommand("show", "Mode, forecaster and settings")->callback([&] {
    action = [](Commands& c) { return c.policy_show(); };
  });
  policy->add_subcommand("pause", "Stop moving; sampling goes on (root or group tierd)")->callback([&] {
    action = [](Commands& c) { return c.policy_pause(); };
  });
  policy->add_subcommand("resume", "Move again (root or group tierd)")->callback([&] {
    action = [](Commands& c) { return c.policy_resume(); };
  });

  auto* config = app.add_subcommand("config", "The configuration")->require_subcommand(1);
  auto* check = config->add_subcommand("check", "Check it as the daemon would; works without the daemon");
  check->add_option("FILE", arguments.file, "This file alone instead of the installed ones");
  check->callback([&] { action = [&](Commands& c) { return c.config_check(arguments.file); }; });
  config->add_subcommand("show", "What is in force, and from where")->callback([&] {
    action = [](Commands& c) { return c.config_show(); };
  });
  config->add_subcommand("reload", "Read it again, all or nothing (root or group tierd)")->callback([&] {
    action = [](Commands& c) { return c.config_reload(); };
  });
  app.add_subcommand("version", "Versions of tierctl and of the running daemon")->callback([&] {
    action = [](Commands& c) { return c.version(); };
  });
}

void add_prefetch(CLI::App& app, Arguments& arguments, Action& action) {
  auto* prefetch = app.add_subcommand("prefetch", "What prefetch control sets and why, and its orders")
                       ->require_subcommand(1);
  prefetch->add_subcommand("status", "State, progress, meters, controls with their gains, advice")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_status(); }; });
  auto* arm = prefetch->add_subcommand(
      "arm", "Begin to tune what prefetch.arm of the configuration allows (root or group tierd)");
  arm->add_flag("--dry-run", arguments.dry_run, "Only tell what could be written");
  arm->callback([&] { action = [&](Commands& c) { return c.prefetch_arm(arguments.dry_run); }; });
  prefetch->add_subcommand("disarm", "Put everything back, until armed again (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_disarm(); }; });
  auto* explain = prefetch->add_subcommand("explain", "What is known of each setting of one control");
  explain->add_option("CONTROL", arguments.control, "As `prefetch status` names it, like core 3")->required();
  explain->callback([&] {
    action = [&](Commands& c) {
      return c.prefetch_explain(fmt::format("{}", fmt::join(arguments.control, " ")));
    };
  });
  prefetch
      ->add_subcommand("restore", "Put everything back and, where armed, begin anew (root or group tierd)")
      ->callback([&] { action = [](Commands& c) { return c.prefetch_restore(); }; });
}

void add_enable(CLI::App& app, Arguments& arguments, Action& action) {
  auto* enable =
      app.add_subcommand("enable", "Rights beyond the service's own: lists them, or switches one on");
  enable->add_option("NAME", arguments.option, "As the list names it");
  auto* disable = app.add_subcommand("disable", "Takes such a right back");
  auto* name = disable->add_option("NAME", arguments.option, "As `tierctl enable` names it");
  disable->add_flag("--all", arguments.all, "All that are on, as before an uninstallation")->excludes(name);
  for (CLI::App* each : {enable, disable}) {
    each->add_flag("--restart", arguments.restart,
                   "Restart tierd, if it runs, so that it takes effect at once");
    each->add_option("--root", arguments.root, "Change the system below this folder, which does not run");
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
               "One JSON document; one per line with --watch and for events");
  auto* watch = app.add_option("--watch", arguments.options.watch_seconds, "Again every so many seconds")
                    ->check(number_from(0.1, 86400));
  app.add_option("--count", arguments.options.watch_count, "Stop --watch after so many times")->needs(watch);
  app.add_flag("--no-legend", arguments.no_legend, "No column titles and explanations");
  app.add_option("--color", arguments.color, "auto, always or never; auto honours NO_COLOR")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--socket", arguments.options.socket, "The daemon's control socket")->capture_default_str();
  app.footer(
      "Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 tierd is not running, 4 permission denied, 5 not "
      "supported here");
}

// `priority`, an sd-daemon(3) prefix such as "<3>", begins each line where the journal reads it: systemd runs
// tierctl to reload the service.
void complain(const char* priority, const std::string& text) {
  const bool journal = is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  const std::string begin = fmt::format("{}tierctl: ", journal ? priority : "");
  std::string lines = printable_lines(text);
  if (journal)
    for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += begin.size())
      lines.insert(++at, begin);
  fmt::print(stderr, "{}{}\n", begin, lines);
}

Surroundings real_surroundings(const Arguments& arguments) {
  Surroundings around;
  around.print = print_out;
  around.warn = [](const std::string& line) { complain(SD_WARNING, line); };
  around.interrupted = [] { return stop_requested != 0; };
  around.pause = [](double seconds) { ::poll(nullptr, 0, static_cast<int>(seconds * 1000)); };
  around.config_directories = system_config_directories();
  around.enable = real_enable_system(arguments.root);
  around.version = TIERD_VERSION;
  around.unix_now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  // The line that it replaces, and nothing where a file or a pipe would collect them.
  if (::isatty(STDERR_FILENO) == 1)
    around.progress = [](const std::string& line) { fmt::print(stderr, "\r\x1b[K{}", line); };
#ifdef TIERCTL_LOCAL_DOCTOR
  around.local_doctor = local_doctor;
  around.check_named_files = check_named_files;
#endif
  return around;
}

int run(int argc, char** argv) {
  CLI::App app{"tierctl: watch and steer tierd"};
  Arguments arguments;
  Action action;
  add_global(app, arguments);
  add_views(app, arguments, action);
  add_record(app, arguments, action);
  add_control(app, arguments, action);
  add_prefetch(app, arguments, action);
  add_enable(app, arguments, action);
  if (asks_for_description(argc, argv)) return print_description(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help
  } catch (const CLI::ParseError& error) {
    complain(SD_ERR, parse_error_text(error) + " (fix: see `tierctl --help`)");
    return static_cast<int>(ErrorKind::kUsage);
  }
  settle_style(arguments);
  catch_signals();
  Commands commands(arguments.options, real_surroundings(arguments));
  const auto done = action(commands);
  if (done) return 0;
  if (!done.error().message.empty()) complain(SD_ERR, done.error().text());
  return static_cast<int>(done.error().kind);
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  try {
    return tier::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tierctl: {}\n", tier::printable(error.what()));
    return 1;
  }
}
