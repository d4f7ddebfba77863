#include "tools/tierctl/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "tierd/control/client.h"
#include "tools/tierctl/reply.h"
#include "tools/tierctl/text.h"
#include "tools/tierctl/top_selection.h"

namespace tier {
namespace {

using nlohmann::json;

// A daemon under load answers between two ticks; one that does not answer a view for so long has a problem.
constexpr std::chrono::milliseconds kViewTimeout = std::chrono::seconds(10);
// A reload is waited for longer, since its caller must know whether it was done: just under the 90 seconds
// that systemd gives it (DefaultTimeoutStartSec=, systemd-system.conf(5)).
constexpr std::chrono::milliseconds kReloadTimeout = std::chrono::seconds(80);

Result<json> ask(const std::string& socket, const std::string& method, const json& parameters,
                 std::chrono::milliseconds timeout = kViewTimeout) {
  auto client = TIER_TRY(ControlClient::connect(socket, timeout));
  return client.call(method, parameters);
}

}  // namespace

// Before every picture, since a terminal may be resized between two of them.
void Commands::look_at_terminal() {
  if (!around_.terminal) return;
  terminal_ = around_.terminal();
  options_.style.width = terminal_.columns;
}

// Prints one picture, or with --watch one after the other. An interruption is the normal end of watching.
Result<void> Commands::repeat(const std::function<Result<std::string>()>& picture) {
  const bool watching = options_.watch_seconds > 0;
  for (std::uint64_t shown = 0; !around_.interrupted();) {
    look_at_terminal();
    auto text = TIER_TRY(picture());
    const bool clear = watching && options_.clear_screen;
    const std::string between = clear ? "\x1b[H\x1b[2J" : shown > 0 && !options_.json ? "\n" : "";
    TIER_TRY(around_.print(between + text));
    ++shown;
    if (!watching || (options_.watch_count != 0 && shown >= options_.watch_count)) return {};
    around_.pause(options_.watch_seconds);
  }
  return {};
}

template <typename View>
Result<void> Commands::show(const std::string& method, const std::string& parameters_json) {
  const json parameters = json::parse(parameters_json);
  return repeat([&]() -> Result<std::string> {
    auto reply = TIER_TRY(ask(options_.socket, method, parameters));
    if (options_.json) return document(reply, options_.watch_seconds > 0);  // as it came: newer fields stay
    return as_view<View>(reply).map([&](const View& view) { return render(view, options_.style); });
  });
}

Result<void> Commands::status() { return show<StatusView>("Status", "{}"); }
// The line is all that a monitor reads, so it says everything, and the error adds only the exit code.
Result<void> Commands::check() const {
  const auto reply = ask(options_.socket, "Status", json::object());
  const auto view = reply ? as_view<StatusView>(*reply) : tl::make_unexpected(reply.error());
  if (!view) {
    const bool down = view.error().kind == ErrorKind::kNotRunning;
    const std::string line =
        fmt::format("{}: {}\n", down ? "DOWN" : "UNKNOWN", printable(view.error().text()));
    auto printed = around_.print(
        options_.json
            ? document({{"schema", "io.tierd.check/1"}, {"ok", false}, {"problem", view.error().text()}},
                       false)
            : line);
    return printed ? fail(view.error().kind, "") : printed;
  }
  const bool blind = view->sight.state == "blind";
  const json short_form = {{"schema", "io.tierd.check/1"},
                           {"ok", !blind},
                           {"problem", blind ? json(view->sight.reason) : json(nullptr)},
                           {"mode", view->mode},
                           {"paused", view->paused},
                           {"sight", reply->value("sight", json(nullptr))},
                           {"targets", view->targets},
                           {"hit_share", reply->value("hit_share", json(nullptr))}};
  auto printed = around_.print(options_.json ? document(short_form, false) : render_check(*view));
  return printed && blind ? fail(ErrorKind::kFailed, "") : printed;
}

Result<void> Commands::nodes() { return show<NodesView>("Nodes", "{}"); }
Result<void> Commands::forecast() { return show<ForecastView>("Forecast", "{}"); }
Result<void> Commands::config_show() { return show<ConfigView>("ConfigShow", "{}"); }

Result<void> Commands::top(const TopSelection& selection) {
  constexpr std::size_t kNotes = 5;  // titles, what is left out (two lines), hidden rows, the cursor's line
  return repeat([&]() -> Result<std::string> {
    auto reply = TIER_TRY(ask(options_.socket, "Top", json::object()));
    TopSelection shown = selection;
    const bool screen = options_.watch_seconds > 0 && options_.clear_screen && terminal_.lines > kNotes;
    if (shown.rows == 0 && screen) shown.rows = static_cast<std::uint32_t>(terminal_.lines - kNotes);
    TIER_TRY(select_rows(reply, shown));
    if (options_.json) return document(reply, options_.watch_seconds > 0);
    return as_view<TopView>(reply).map([&](const TopView& view) { return render(view, options_.style); });
  });
}

Result<void> Commands::heatmap(std::int32_t pid, std::uint32_t rows, std::uint32_t ticks) {
  return repeat([&]() -> Result<std::string> {
    const std::uint32_t columns = ticks != 0 ? ticks : heatmap_ticks(options_.style.width);
    auto reply =
        TIER_TRY(ask(options_.socket, "Heatmap", {{"pid", pid}, {"max_rows", rows}, {"max_ticks", columns}}));
    if (options_.json) return document(reply, options_.watch_seconds > 0);
    return as_view<HeatmapView>(reply).map(
        [&](const HeatmapView& view) { return render(view, options_.style); });
  });
}

Result<void> Commands::explain(std::int32_t pid, std::uint64_t address) {
  return show<ExplainView>("Explain", dump_json(json{{"pid", pid}, {"address", address}}));
}

Result<void> Commands::doctor() {
  look_at_terminal();
  auto connected = ControlClient::connect(options_.socket);
  if (connected) return show<DoctorView>("Doctor", "{}");
  if (connected.error().kind != ErrorKind::kNotRunning || !around_.local_doctor)
    return tl::make_unexpected(connected.error());
  DoctorView view = around_.local_doctor();
  view.daemon_running = false;
  if (const auto loaded = load_config(around_.config_directories)) {
    for (const std::string& who : loaded->exposed)
      view.limits.push_back({"configuration", true, who, kExposedFix});
    if (around_.unmatched_targets)
      for (const std::string& unmatched : around_.unmatched_targets(loaded->config))
        view.limits.push_back({"targets", true, unmatched, kUnmatchedFix});
  }
  auto printed = around_.print(options_.json ? document(view, false) : render(view, options_.style));
  if (!printed || view.can_observe) return printed;
  return fail(ErrorKind::kUnsupported, "this machine cannot be observed",
              "the table above names what is missing and the fix");
}

namespace {

// Prints a page of events, or one that came; gives the number to ask from next, 0 where there was none.
using EventPrinter = std::function<Result<std::uint64_t>(const json&)>;

// Page by page; a page that shows nothing may still lead to one that does.
Result<void> print_pages(ControlClient& client, std::uint64_t last, const EventPrinter& print,
                         const std::function<bool()>& interrupted) {
  while (!interrupted()) {
    auto reply = TIER_TRY(client.call("Events", {{"since", last}}));
    const auto next = reply.value("next", last);
    TIER_TRY(print(reply));
    if (next <= last) break;
    last = next;
  }
  return {};
}

}  // namespace

Result<void> Commands::events(std::uint64_t since, bool follow) {
  const EventPrinter print = [&](const json& parameters) -> Result<std::uint64_t> {
    look_at_terminal();
    auto view = TIER_TRY(as_view<EventsView>(parameters));
    std::string text;
    if (options_.json)
      for (const json& event : parameters.value("events", json::array())) text += dump_json(event) + "\n";
    else
      for (const Event& event : view.events) text += render_event(event, options_.style);
    TIER_TRY(around_.print(text));
    return view.events.empty() ? 0 : view.next;
  };
  auto client = TIER_TRY(ControlClient::connect(options_.socket));
  if (!follow) return print_pages(client, since, print, around_.interrupted);
  Result<void> result;
  auto ended = client.follow(
      "Events", {{"since", since}},
      [&](const json& parameters) {
        if (auto printed = print(parameters); !printed) result = tl::make_unexpected(printed.error());
        return result.has_value();
      },
      around_.interrupted);
  return result ? ended : result;
}

Result<void> Commands::control(const std::string& method, const std::string& message) const {
  auto reply = TIER_TRY(ask(options_.socket, method, json::object()));
  return around_.print(options_.json ? document(reply, false) : message);
}

Result<void> Commands::policy_pause() {
  return control("Pause", "paused: nothing is moved until `tierctl policy resume`; sampling goes on\n");
}
Result<void> Commands::policy_resume() { return control("Resume", "resumed\n"); }

Result<void> Commands::policy_show() {
  return repeat([&]() -> Result<std::string> {
    auto status = TIER_TRY(ask(options_.socket, "Status", json::object()));
    auto config = TIER_TRY(ask(options_.socket, "ConfigShow", json::object()));
    auto status_view = TIER_TRY(as_view<StatusView>(status));
    auto config_view = TIER_TRY(as_view<ConfigView>(config));
    if (!options_.json) return render_policy(status_view, config_view, options_.style);
    json settings = json::object();
    for (const ConfigValueView& value : config_view.values)
      if (value.key.starts_with("policy.") || value.key.starts_with("migration."))
        settings[value.key] = value.value;
    return document({{"schema", "io.tierd.policy/1"},
                     {"mode", status_view.mode},
                     {"paused", status_view.paused},
                     {"forecaster", status_view.forecaster},
                     {"settings", std::move(settings)}},
                    options_.watch_seconds > 0);
  });
}

Result<void> Commands::config_check(const std::string& file) const {
  auto loaded = file.empty() ? load_config(around_.config_directories) : load_config_file(file);
  if (loaded && around_.check_named_files)
    if (auto named = around_.check_named_files(loaded->config); !named)
      loaded = tl::make_unexpected(named.error());
  if (loaded && around_.unmatched_targets)
    for (std::string& unmatched : around_.unmatched_targets(loaded->config))
      loaded->warnings.push_back(std::move(unmatched));
  if (options_.json) {
    json out = {{"schema", "io.tierd.config-check/1"}, {"valid", loaded.has_value()}, {"problem", nullptr}};
    if (!loaded) out["problem"] = loaded.error().text();
    out["files"] = loaded ? loaded->files : std::vector<std::string>{};
    out["warnings"] = loaded ? loaded->warnings : std::vector<std::string>{};
    TIER_TRY(around_.print(document(out, false)));
  }
  if (!loaded) return tl::make_unexpected(loaded.error());
  for (const std::string& warning : loaded->warnings) around_.warn("warning: " + warning);
  if (options_.json) return {};
  return around_.print(
      loaded->files.empty()
          ? "valid: no configuration file exists, the built-in defaults apply\n"
          : fmt::format("valid: {}\n", printable(fmt::format("{}", fmt::join(loaded->files, ", ")))));
}

Result<void> Commands::config_reload() const {
  const auto reply = TIER_TRY(ask(options_.socket, "Reload", json::object(), kReloadTimeout));
  if (options_.json) return around_.print(document(reply, false));
  const auto view = TIER_TRY(as_view<ConfigView>(reply));
  std::string text = "reloaded; `tierctl config show` prints what is in force\n";
  if (!view.restart.empty())
    text += fmt::format("these wait for `systemctl restart tierd`: {}\n",
                        printable(fmt::format("{}", fmt::join(view.restart, ", "))));
  return around_.print(text);
}

Result<void> Commands::prefetch_status() { return show<PrefetchView>("Prefetch", "{}"); }

Result<void> Commands::prefetch_explain(const std::string& control) {
  return show<PrefetchExplainView>("PrefetchExplain", dump_json(json{{"control", control}}));
}

Result<void> Commands::order_prefetch(const std::string& method, const std::string& parameters_json) {
  auto reply = TIER_TRY(ask(options_.socket, method, json::parse(parameters_json)));
  auto view = TIER_TRY(as_view<PrefetchWritesView>(reply));
  look_at_terminal();
  TIER_TRY(around_.print(options_.json ? document(reply, false) : render(view, options_.style)));
  const auto failed = std::count_if(view.writes.begin(), view.writes.end(),
                                    [](const PrefetchWriteView& write) { return write.fate == "failed"; });
  if (failed == 0) return {};
  return fail(
      ErrorKind::kFailed, fmt::format("{} of {} settings could not be written", failed, view.writes.size()),
      "the table names them, `journalctl -u tierd` has the reasons; what they held is in the journal");
}

Result<void> Commands::prefetch_arm(bool dry_run) {
  return order_prefetch("PrefetchArm", dump_json(json{{"dry_run", dry_run}}));
}
Result<void> Commands::prefetch_disarm() { return order_prefetch("PrefetchDisarm", "{}"); }
Result<void> Commands::prefetch_restore() { return order_prefetch("PrefetchRestore", "{}"); }

Result<void> Commands::version() {
  const auto info = ask(options_.socket, "org.varlink.service.GetInfo", json::object());
  const std::string daemon = info ? info->value("version", "") : "";
  if (options_.json)
    return around_.print(document({{"schema", "io.tierd.version/1"},
                                   {"tierctl", around_.version},
                                   {"tierd", daemon.empty() ? json(nullptr) : json(daemon)}},
                                  false));
  return around_.print(fmt::format("tierctl {}\ntierd {}\n", around_.version,
                                   daemon.empty() ? "not running" : printable(daemon)));
}

}  // namespace tier
