#include "tierd/control/dispatch.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tierd/control/protocol.h"
#include "tierd/control/redact.h"
#include "tierd/control/views_json.h"

namespace tier {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeatmapRows = 4096, kMaxHeatmapTicks = 512, kMaxEvents = 1000;
// Rows times ticks: about 2 MiB of JSON. This and SnapshotQuery bound what a slow reader makes us hold.
constexpr std::uint64_t kMaxHeatmapCells = 1 << 16;

// What processes hold changes slowly, and listing it walks every region they have.
constexpr std::uint64_t kHeldEveryTicks = 10;

// Our deepest request has two levels. Code that walks JSON recurses once a level: an unbounded depth would
// let any client overflow the daemon's stack.
constexpr int kMaxDepth = 16;

// Discarded where the message is no JSON or is nested more deeply than that. The parser itself does not
// recurse; thrown and caught here, so that what is too deep is not read to its end.
json parse_request(const std::string& message) {
  struct TooDeep {};
  const auto watch = [](int depth, json::parse_event_t event, const json&) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= kMaxDepth) throw TooDeep();
    return true;
  };
  try {
    return json::parse(message, watch, /*allow_exceptions=*/false);
  } catch (const TooDeep&) {
    return json(json::value_t::discarded);
  }
}

struct Call {
  ControlBackend& backend;
  const Caller& caller;
  const ServiceInfo& service;
  const json& parameters;
};

// A complete reply object: {"parameters": …} or {"error": …}.
using Handler = json (*)(const Call&);

json invalid(const char* parameter) {
  return {{"error", kErrorParameter}, {"parameters", {{"parameter", parameter}}}};
}

// Absent and null give the default; anything but a whole number within the range gives nothing.
std::optional<std::uint64_t> number(const json& parameters, const char* name, std::uint64_t fallback,
                                    std::uint64_t low, std::uint64_t high) {
  const auto field = parameters.find(name);
  if (field == parameters.end() || field->is_null()) return fallback;
  if (!field->is_number_unsigned()) return std::nullopt;
  const auto value = field->get<std::uint64_t>();
  if (value < low || value > high) return std::nullopt;
  return value;
}

// The same for true and false, and false by default.
std::optional<bool> truth(const json& parameters, const char* name) {
  const auto field = parameters.find(name);
  if (field == parameters.end() || field->is_null()) return false;
  if (!field->is_boolean()) return std::nullopt;
  return field->get<bool>();
}

template <typename View>
json answer(Result<View> view, const Caller& caller) {
  if (!view) return to_error_reply(view.error());
  redact(*view, caller);
  return {{"parameters", std::move(*view)}};
}

json done(const Result<void>& result) {
  return result ? json{{"parameters", json::object()}} : to_error_reply(result.error());
}

constexpr std::uint64_t kMaxPid = std::numeric_limits<std::int32_t>::max();

json top(const Call& call) {
  const auto limit = number(call.parameters, "limit", 0, 0, std::numeric_limits<std::uint32_t>::max());
  if (!limit) return invalid("limit");
  // The limit counts rows that the caller sees, so it is applied after the others' are gone.
  const bool all = !call.caller.privileged;
  auto view = call.backend.top(call.caller, {.limit = all ? 0 : static_cast<std::uint32_t>(*limit)});
  json reply = answer(std::move(view), call.caller);
  if (all && *limit != 0 && reply.contains("parameters")) {
    json& rows = reply["parameters"]["rows"];
    if (rows.size() > *limit) {
      reply["parameters"]["omitted"] = rows.size() - *limit;
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(*limit), rows.end());
    }
  }
  return reply;
}

json heatmap(const Call& call) {
  const auto pid = number(call.parameters, "pid", 0, 0, kMaxPid);
  if (!pid) return invalid("pid");
  const auto rows = number(call.parameters, "max_rows", HeatmapQuery{}.max_rows, 1, kMaxHeatmapRows);
  if (!rows) return invalid("max_rows");
  const auto ticks = number(call.parameters, "max_ticks", HeatmapQuery{}.max_ticks, 1, kMaxHeatmapTicks);
  if (!ticks) return invalid("max_ticks");
  return answer(
      call.backend.heatmap(
          call.caller, {.pid = static_cast<std::int32_t>(*pid),
                        .max_rows = static_cast<std::uint32_t>(std::min(*rows, kMaxHeatmapCells / *ticks)),
                        .max_ticks = static_cast<std::uint32_t>(*ticks)}),
      call.caller);
}

// Before the backend looks at any address: its errors would tell which addresses a foreign process has
// mapped.
Result<void> check_explainable(const Call& call, std::int32_t pid) {
  if (call.caller.privileged) return {};
  const auto top = call.backend.top(call.caller, {});
  const bool own = top && std::any_of(top->rows.begin(), top->rows.end(), [&](const TopRow& row) {
                     return row.pid == pid && row.uid == static_cast<std::int64_t>(call.caller.uid);
                   });
  if (own) return {};
  return fail(ErrorKind::kPermission, "process " + std::to_string(pid) + " is not a watched process of yours",
              "`tierctl top` lists those; for others run as root, or join the control group (tierd)");
}

json explain(const Call& call) {
  const auto pid = number(call.parameters, "pid", 0, 1, kMaxPid);
  if (!pid || *pid == 0) return invalid("pid");
  const auto address = number(call.parameters, "address", 0, 0, std::numeric_limits<std::uint64_t>::max());
  if (!address || !call.parameters.contains("address")) return invalid("address");
  if (auto own = check_explainable(call, static_cast<std::int32_t>(*pid)); !own)
    return to_error_reply(own.error());
  auto view =
      call.backend.explain(call.caller, {.pid = static_cast<std::int32_t>(*pid), .address = *address});
  if (!view) return to_error_reply(view.error());
  if (auto owner = check_owner(*view, call.caller); !owner) return to_error_reply(owner.error());
  return {{"parameters", std::move(*view)}};
}

std::optional<Follow> events_query(const json& parameters, const char*& wrong) {
  const auto since = number(parameters, "since", 0, 0, std::numeric_limits<std::uint64_t>::max());
  const auto limit = number(parameters, "limit", kMaxEvents, 1, kMaxEvents);
  wrong = !since ? "since" : "limit";
  if (!since || !limit) return std::nullopt;
  return Follow{.since = *since, .limit = static_cast<std::uint32_t>(*limit)};
}

json events(const Call& call) {
  const char* wrong = nullptr;
  const auto query = events_query(call.parameters, wrong);
  if (!query) return invalid(wrong);
  return answer(call.backend.events(call.caller, {.since = query->since, .limit = query->limit}),
                call.caller);
}

json snapshot(const Call& call) {
  const auto held = truth(call.parameters, "held");
  if (!held) return invalid("held");
  return answer(call.backend.snapshot(call.caller, {.since = 0, .held = *held}), call.caller);
}

json prefetch_explain(const Call& call) {
  const auto control = call.parameters.find("control");
  if (control == call.parameters.end() || !control->is_string()) return invalid("control");
  return answer(call.backend.prefetch_explain(call.caller, {.control = control->get<std::string>()}),
                call.caller);
}

json prefetch_arm(const Call& call) {
  const auto dry_run = truth(call.parameters, "dry_run");
  if (!dry_run) return invalid("dry_run");
  return answer(call.backend.prefetch_arm(call.caller, *dry_run), call.caller);
}

json info(const Call& call) {
  return {{"parameters",
           {{"vendor", "tierd"},
            {"product", "tierd"},
            {"version", call.service.version},
            {"url", ""},
            {"interfaces", {kServiceInterface, kControlInterface}}}}};
}

json describe(const Call& call) {
  const auto name = call.parameters.find("interface");
  if (name == call.parameters.end() || !name->is_string()) return invalid("interface");
  std::string_view text;
  if (*name == kControlInterface) text = control_interface_description();
  if (*name == kServiceInterface) text = service_interface_description();
  if (text.empty()) return {{"error", kErrorInterface}, {"parameters", {{"interface", *name}}}};
  return {{"parameters", {{"description", text}}}};
}

struct Method {
  std::string_view name;
  bool needs_privilege;
  Handler handle;
};

// Every method there is; the interface description lists the same (a test compares).
constexpr std::array<Method, 20> kMethods = {{
    {"org.varlink.service.GetInfo", false, info},
    {"org.varlink.service.GetInterfaceDescription", false, describe},
    {"io.tierd.Control.Status", false,
     [](const Call& c) { return answer(c.backend.status(c.caller), c.caller); }},
    {"io.tierd.Control.Doctor", false,
     [](const Call& c) { return answer(c.backend.doctor(c.caller), c.caller); }},
    {"io.tierd.Control.Nodes", false,
     [](const Call& c) { return answer(c.backend.nodes(c.caller), c.caller); }},
    {"io.tierd.Control.Top", false, top},
    {"io.tierd.Control.Heatmap", false, heatmap},
    {"io.tierd.Control.Forecast", false,
     [](const Call& c) { return answer(c.backend.forecast(c.caller), c.caller); }},
    {"io.tierd.Control.Snapshot", false, snapshot},
    {"io.tierd.Control.Explain", false, explain},
    {"io.tierd.Control.Events", false, events},
    {"io.tierd.Control.Pause", true, [](const Call& c) { return done(c.backend.pause(c.caller)); }},
    {"io.tierd.Control.Resume", true, [](const Call& c) { return done(c.backend.resume(c.caller)); }},
    {"io.tierd.Control.ConfigShow", false,
     [](const Call& c) { return answer(c.backend.config_show(c.caller), c.caller); }},
    {"io.tierd.Control.Reload", true,
     [](const Call& c) { return answer(c.backend.reload(c.caller), c.caller); }},
    {"io.tierd.Control.Prefetch", false,
     [](const Call& c) { return answer(c.backend.prefetch(c.caller), c.caller); }},
    {"io.tierd.Control.PrefetchExplain", false, prefetch_explain},
    {"io.tierd.Control.PrefetchArm", true, prefetch_arm},
    {"io.tierd.Control.PrefetchDisarm", true,
     [](const Call& c) { return answer(c.backend.prefetch_disarm(c.caller), c.caller); }},
    {"io.tierd.Control.PrefetchRestore", true,
     [](const Call& c) { return answer(c.backend.prefetch_restore(c.caller), c.caller); }},
}};

json unknown_method(const std::string& name) {
  const auto dot = name.rfind('.');
  const std::string interface = name.substr(0, dot == std::string::npos ? 0 : dot);
  if (interface == kControlInterface || interface == kServiceInterface)
    return {{"error", kErrorMethod}, {"parameters", {{"method", name.substr(dot + 1)}}}};
  return {{"error", kErrorInterface}, {"parameters", {{"interface", interface}}}};
}

json run(const std::string& name, const Call& call) {
  for (const Method& method : kMethods) {
    if (method.name != name) continue;
    if (method.needs_privilege && !call.caller.privileged)
      return to_error_reply({ErrorKind::kPermission,
                             name.substr(name.rfind('.') + 1) + " is for root and the control group",
                             "run as root, or join the control group (tierd): usermod -aG tierd NAME"});
    return method.handle(call);
  }
  return unknown_method(name);
}

bool flag(const json& request, const char* name) {
  const auto field = request.find(name);
  return field != request.end() && field->is_boolean() && field->get<bool>();
}

Outcome dispatch_request(ControlBackend& backend, const Caller& caller, const ServiceInfo& service,
                         const json& request) {
  const auto method = request.find("method");
  if (!request.is_object() || method == request.end() || !method->is_string() || flag(request, "upgrade"))
    return {.hang_up = true, .reply = {}, .follow = {}};
  static const json kNone = json::object();
  const auto given = request.find("parameters");
  const json& parameters = given == request.end() || given->is_null() ? kNone : *given;
  Outcome outcome;
  if (!parameters.is_object()) {
    outcome.reply = dump_json(invalid("parameters"));
    return outcome;
  }
  const char* wrong = nullptr;
  if (flag(request, "more") && *method == "io.tierd.Control.Events") {
    outcome.follow = events_query(parameters, wrong);
    if (!outcome.follow) outcome.reply = dump_json(invalid(wrong));
    return outcome;
  }
  if (flag(request, "more") && *method == "io.tierd.Control.Snapshot") {
    outcome.follow = Follow{.stream = Stream::kSnapshots};
    return outcome;
  }
  json reply = run(method->get<std::string>(), {backend, caller, service, parameters});
  if (!flag(request, "oneway")) outcome.reply = dump_json(reply);
  return outcome;
}

std::string internal_error(const std::exception& error) {
  return dump_json(to_error_reply({ErrorKind::kFailed, std::string("tierd failed to answer: ") + error.what(),
                                   "please report this with `journalctl -u tierd`"}));
}

std::optional<std::string> next_events(ControlBackend& backend, const Caller& caller, Follow& follow,
                                       bool even_if_empty) {
  for (;;) {
    auto view = backend.events(caller, {.since = follow.since, .limit = follow.limit});
    if (!view) return follow.ended = true, dump_json(to_error_reply(view.error()));
    const bool nothing_left = view->events.empty() || view->next <= follow.since;
    follow.since = std::max(follow.since, view->next);
    redact(*view, caller);
    if (!view->events.empty() || (nothing_left && even_if_empty))
      return dump_json(json{{"parameters", std::move(*view)}, {"continues", true}});
    if (nothing_left) return std::nullopt;  // else a page of other people's events: look on
  }
}

// A follower that reads slowly misses ticks: only the last one is kept.
std::optional<std::string> next_snapshot(ControlBackend& backend, const Caller& caller, Follow& follow) {
  const bool held = follow.since + 1 >= follow.next_held;
  auto view = backend.snapshot(caller, {.since = follow.since, .held = held});
  if (!view) return follow.ended = true, dump_json(to_error_reply(view.error()));
  if (view->tick <= follow.since) return std::nullopt;
  follow.since = view->tick;
  if (held) follow.next_held = view->tick + kHeldEveryTicks;
  redact(*view, caller);
  return dump_json(json{{"parameters", std::move(*view)}, {"continues", true}});
}

}  // namespace

Outcome dispatch(ControlBackend& backend, const Caller& caller, const ServiceInfo& service,
                 const std::string& message) {
  try {
    const json request = parse_request(message);
    if (!request.is_object()) return {.hang_up = true, .reply = {}, .follow = {}};
    return dispatch_request(backend, caller, service, request);
  } catch (const std::exception& error) {
    return {.hang_up = false, .reply = internal_error(error), .follow = {}};
  }
}

std::optional<std::string> next_reply(ControlBackend& backend, const Caller& caller, Follow& follow,
                                      bool even_if_empty) {
  try {
    return follow.stream == Stream::kEvents ? next_events(backend, caller, follow, even_if_empty)
                                            : next_snapshot(backend, caller, follow);
  } catch (const std::exception& error) {
    follow.ended = true;
    return internal_error(error);
  }
}

}  // namespace tier
