#include "tierd/control/fake_backend.h"

#include <algorithm>

namespace tier {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20, kGiB = 1ULL << 30;
constexpr std::int64_t kOther = 4242;

std::vector<MeterStateView> fake_meters() {
  return {{"uncore", true, true, "memory bandwidth by node, from the memory controllers"},
          {"pcm", true, false, "memory bandwidth by node; nothing now: connection refused"},
          {"papi", false, false, "it runs while the actuator hardware of prefetch control is armed"}};
}

std::vector<TierView> fake_tiers() {
  TierView fast{.rank = 0,
                .nodes = {0},
                .unloaded_latency_ns = 90,
                .total_bytes = 16 * kGiB,
                .free_bytes = 1 * kGiB,
                .resident_bytes = 12 * kGiB,
                .demand_share = 0.91};
  TierView slow{.rank = 1,
                .nodes = {1, 2},
                .unloaded_latency_ns = 250,
                .total_bytes = 128 * kGiB,
                .free_bytes = 96 * kGiB,
                .resident_bytes = 30 * kGiB,
                .demand_share = 0.09};
  return {fast, slow};
}

}  // namespace

FakeBackend::FakeBackend(std::uint32_t owner) : owner_(owner) {
  add_event("mode", 0, kNobody, "started in observe mode");
  add_event("promoted", 4100, owner_, "2 MiB of redis-server to node 0");
  add_event("promoted", 4200, kOther, "2 MiB of postgres to node 0");
}

void FakeBackend::add_event(const std::string& kind, std::int32_t pid, std::int64_t uid,
                            const std::string& message) {
  Event event;
  event.sequence = events_.size() + 1;
  event.time_unix_ns = 1'800'000'000'000'000'000 + static_cast<std::int64_t>(events_.size()) * 1'000'000'000;
  event.tick = 100 + events_.size();
  event.kind = kind;
  event.pid = pid;
  event.uid = uid;
  event.message = message;
  if (kind == "promoted") {
    event.region_start = 0x7f0000000000;
    event.from = 1, event.to = 0;
    event.bytes = 2 * kMiB;
    event.benefit_seconds = 0.004;
  }
  events_.push_back(event);
}

Result<StatusView> FakeBackend::status(const Caller&) {
  StatusView view;
  view.version = "0.1.0";
  view.mode = "act";
  view.paused = paused;
  view.uptime_seconds = 3725;
  view.ticks = 3720;
  view.interval_seconds = 1;
  view.tick_work_seconds = 0.0042;
  view.targets = 2;
  view.regions = 21'504;
  view.managed_bytes = 42 * kGiB;
  view.forecaster = "exponential-average";
  view.sources = {{"stall-tick", "97 % of samples decode to the right region", 1985, 2400, 0.0048, 7'400'000,
                   4'600'000, 2'300'000, 480'000, 0, 20'000, 12}};
  view.tiers = fake_tiers();
  view.hit_share = 0.91;
  view.hit_share_total = 0.88;
  view.ledger = {1200, 1100, 980, 90, 20, 1.25, 60.5, 52.25, 1.5, 6.0, 8, 2, 41, 0.02, 61.5};
  view.late_ticks = 3, view.worst_tick_seconds = 2.67, view.worst_tick_phase = "targets";
  view.cpu_limit = 0.1;
  view.held_bytes = 44 * kGiB, view.located_bytes = 42 * kGiB, view.located_demand_share = 0.99;
  view.pages = {614'700, 600'000, 4'000, 8'000, 300, 400, {{"EBUSY", 1'900}, {"ENOMEM", 100}}};
  view.migrator = {1200, 3, 1, 2, 1536 * kMiB, 864 * kMiB, 200 * kMiB, 4.5, 350};
  view.self = {38.5, 0.0104, 0.0062, 0.0041, {}, 24 * kMiB, 0.55 * static_cast<double>(kMiB)};
  view.self.stages = {{"targets", 0.0004},  {"samples", 0.0021}, {"places", 0.0009},   {"system", 0.0003},
                      {"snapshot", 0.0006}, {"score", 0.0005},   {"forecast", 0.0009}, {"plan", 0.0002}};
  view.metrics = {{"memory-pressure-some", 0.25}, {"power", std::nullopt}, {"temperature", 61.5}};
  view.meters = fake_meters();
  view.last_error = "move_pages of pid 4200: EBUSY";
  view.sight = {"sees", "samples arrive", true, 1};
  if (blind)
    view.sight = {"blind", "the watched programs used 12.0 s of CPU and no sample arrived", false, 0};
  view.troubles = {{view.last_error, 12, 4.5}, {"cgroup /batch does not exist", 1, 3600}};
  view.rivals = {{"kernel NUMA balancing (tiering mode)",
                  "it moves pages too: sysctl kernel.numa_balancing=0, or keep tierd in observe mode"}};
  return view;
}

Result<DoctorView> FakeBackend::doctor(const Caller&) {
  DoctorView view;
  view.daemon_running = true;
  view.kernel = "6.12.0-test";
  view.tiered = true;
  view.can_observe = true;
  view.can_act = true;
  view.verdict = "two tiers; stall sampling works; pages can be moved";
  view.features = {{"BTF", true, "5.4", "", "CONFIG_DEBUG_INFO_BTF=y"},
                   {"hardware sampling", false, "4.1", "no PMU: perf_event_open says ENOENT",
                    "on a virtual machine, ask for a vPMU; stall sampling is used instead"}};
  view.sources = {{"stall-tick", true, "samples carry addresses; 2.4 us each", {}},
                  {"hardware", false, "no PMU on this machine", {}}};
  view.latencies = {{0, 90, "probe"}, {1, 250, "firmware"}, {2, std::nullopt, "unknown"}};
  view.sight = {"sees", "samples arrive", true, 1};
  view.limits = {{"memory nodes", true, "this process may not use node 2", "AllowedMemoryNodes= of the unit"},
                 {"lockdown", false, "none", ""}};
  view.capabilities = {{"CAP_BPF", true, "loading samplers"}, {"CAP_SYS_NICE", false, "moving shared pages"}};
  view.meters = fake_meters();
  view.rivals = {{"DAMON (kdamond 0)", "it moves pages too: stop its schemes"}};
  return view;
}

Result<NodesView> FakeBackend::nodes(const Caller&) {
  NodesView view;
  view.tiered = true;
  view.tiers = fake_tiers();
  NodeView fast{.node = 0,
                .tier = 0,
                .online = true,
                .has_cpus = true,
                .total_bytes = 16 * kGiB,
                .free_bytes = 1 * kGiB,
                .unloaded_latency_ns = 90,
                .loaded_latency_ns = 104,
                .latency_source = "probe",
                .read_bytes_per_second = 100 * kGiB,
                .used_bytes_per_second = 40.5 * static_cast<double>(kGiB),
                .distances = {10, 20, 30}};
  NodeView slow = fast;
  slow.node = 1, slow.tier = 1, slow.has_cpus = false;
  slow.total_bytes = 64 * kGiB, slow.free_bytes = 48 * kGiB;
  slow.unloaded_latency_ns = 250, slow.loaded_latency_ns = 260;
  slow.latency_source = "firmware", slow.read_bytes_per_second = 30 * kGiB;
  slow.used_bytes_per_second.reset();
  slow.distances = {20, 10, 20};
  NodeView gone = slow;
  gone.node = 2, gone.online = false, gone.tier = -1;
  gone.unloaded_latency_ns.reset(), gone.loaded_latency_ns.reset(), gone.read_bytes_per_second.reset();
  gone.latency_source = "unknown", gone.distances = {30, 20, 10};
  view.nodes = {fast, slow, gone};
  return view;
}

Result<TopView> FakeBackend::top(const Caller&, const TopQuery& query) {
  TopView view;
  view.interval_seconds = 1;
  TopRow mine{.pid = 4100,
              .uid = owner_,
              .name = "redis-server",
              .cgroup = "/system.slice/redis.service",
              .regions = 5'120,
              .resident_bytes = 10 * kGiB,
              .located_bytes = 9 * kGiB,
              .fast_bytes = 8 * kGiB,
              .waited_seconds = 0.412,
              .demand = 4.6e6,
              .hit_share = 0.94,
              .samples = 812,
              .promoted_bytes = 1024 * kMiB,
              .demoted_bytes = 512 * kMiB};
  TopRow other = mine;
  other.pid = 4200, other.uid = kOther, other.name = "postgres",
  other.cgroup = "/system.slice/postgresql.service";
  other.waited_seconds = 0.1, other.demand = 9e5, other.hit_share = std::nullopt, other.samples = 120;
  other.located_bytes = 0, other.fast_bytes = std::nullopt;
  view.rows = {mine, other};
  if (query.limit != 0 && view.rows.size() > query.limit) {
    view.omitted = view.rows.size() - query.limit;
    view.rows.resize(query.limit);
  }
  return view;
}

Result<HeatmapView> FakeBackend::heatmap(const Caller&, const HeatmapQuery& query) {
  HeatmapView view;
  view.interval_seconds = 1;
  const std::uint32_t ticks = std::min<std::uint32_t>(query.max_ticks, 8);
  for (std::uint32_t i = 0; i < ticks; ++i) view.ticks.push_back(100 + i), view.seconds.push_back(1);
  for (std::uint32_t r = 0; r < std::min<std::uint32_t>(query.max_rows, 3); ++r) {
    HeatmapRow row;
    row.pid = r < 2 ? 4100 : 4200;
    row.uid = r < 2 ? static_cast<std::int64_t>(owner_) : kOther;
    row.name = r < 2 ? "redis-server" : "postgres";
    row.start = 0x7f0000000000 + r * 2 * kMiB;
    row.end = row.start + 2 * kMiB;
    for (std::uint32_t i = 0; i < ticks; ++i) {
      row.demand.push_back(r == 1 ? 0 : 10.0 * (1U << i));
      row.tier.push_back(r == 1 ? 1 : (i < 4 ? 1 : 0));
    }
    view.rows.push_back(row);
  }
  view.omitted = 18;
  return view;
}

Result<ForecastView> FakeBackend::forecast(const Caller&) {
  ForecastView view;
  view.forecaster = "switch", view.reactive = "exponential-average";
  view.compared = true;
  view.leaders = {{1, "blend"}, {4, "holt"}, {16, "seasonal"}};
  view.control_share = 1.0 / 64;
  view.ticks = 3600, view.interval_seconds = 1;
  view.control = {"exponential-average", 336, 4.5, 9.0, 0.5};
  view.rest = {"switch", 21'168, 230.4, 576.0, 0.4};
  view.recent = {3600, "the forecast saves", 52.5, 12.25, 92.75, 0.09, 0.02, 0.16};
  view.stage = view.recent;
  view.life = {200, "not enough evidence yet", {}, {}, {}, {}, {}, {}};
  return view;
}

// 4100 has one region that is always wanted, and one in odd ticks that nobody told of before.
Result<SnapshotView> FakeBackend::snapshot(const Caller&, const SnapshotQuery& query) {
  SnapshotView view;
  view.tick = tick;
  view.interval_ns = 1'000'000'000;
  view.region_size_bytes = 2 * kMiB;
  view.has_stall = true;
  view.sources = {"stall-tick"};
  SnapshotTargetView mine{1, 4100, owner_, "redis-server", {}, {}};
  mine.regions.push_back({0x7f0000000000, 1000.0 + static_cast<double>(tick), 0.25, 0.25, "huge"});
  if (tick % 2 == 1) mine.regions.push_back({0x7f0000800000, 500, 0.125, 0, "small"});
  if (query.held) mine.held = {{0x7f0000000000, 3, "huge"}, {0x7f0040000000, 1, "small"}};
  SnapshotTargetView other{2, 4200, kOther, "postgres", {{0x7e0000000000, 90, 0.01, 1, "unknown"}}, {}};
  if (query.held) other.held = {{0x7e0000000000, 1, "unknown"}};
  if (!nobody_is_there) view.targets = {mine, other};
  return view;
}

Result<ExplainView> FakeBackend::explain(const Caller&, const ExplainQuery& query) {
  if (query.pid != 4100 && query.pid != 4200)
    return fail(ErrorKind::kFailed, "process " + std::to_string(query.pid) + " is not watched",
                "name it under [targets] and run `tierctl config reload`");
  if (query.address == 0)
    return fail(ErrorKind::kFailed, "address 0x0 is not mapped in process " + std::to_string(query.pid),
                "take one from /proc/" + std::to_string(query.pid) + "/maps");
  ExplainView view;
  view.pid = query.pid;
  view.uid = query.pid == 4100 ? static_cast<std::int64_t>(owner_) : kOther;
  view.name = query.pid == 4100 ? "redis-server" : "postgres";
  view.address = query.address;
  view.region_start = query.address & ~(2 * kMiB - 1);
  view.region_end = view.region_start + 2 * kMiB;
  view.mapping = "[heap]";
  view.backing = "anonymous";
  view.pages = "huge";
  view.node = 0, view.tier = 0;
  view.resident_bytes = 2 * kMiB;
  view.demand = 51'200, view.waited_seconds = 0.0046;
  view.forecast_low = 40'000, view.forecast_mean = 50'000, view.forecast_high = 60'000;
  view.leaders = {{1, "network"}, {4, "network"}, {16, "seasonal"}};
  view.attention = {{"workload -16", 0.5}, {"tier 1", 0.375}, {"fast-free", 0.125}};
  view.tracked = true;
  view.age_ticks = 600, view.idle_ticks = 0;
  view.why = "It is in the fastest tier.";
  view.benefit_of_moving_seconds = -0.128, view.cost_of_moving_seconds = 0.0012;
  DecisionView decision{.id = 77,
                        .tick = 3100,
                        .reason = "demand",
                        .from = 1,
                        .to = 0,
                        .fate = "moved",
                        .moved_bytes = 2 * kMiB,
                        .expected_benefit_seconds = 0.12,
                        .expected_cost_seconds = 0.0012,
                        .scored_benefit_seconds = 0.11,
                        .measured_cost_seconds = 0.0013,
                        .detail = ""};
  view.decisions = {decision};
  return view;
}

Result<EventsView> FakeBackend::events(const Caller&, const EventsQuery& query) {
  EventsView view;
  view.next = query.since;
  for (const Event& event : events_) {
    if (event.sequence <= query.since) continue;
    if (view.events.size() >= query.limit) break;
    view.events.push_back(event);
    view.next = event.sequence;
  }
  return view;
}

// Not the real keys: golden files must not change whenever a setting is added.
Result<ConfigView> FakeBackend::config_show(const Caller&) {
  ConfigView view;
  view.files = {"/usr/lib/tierd/tierd.toml", "/etc/tierd/tierd.toml.d/20-act.toml"};
  view.values = {{"mode", "\"act\"", "/etc/tierd/tierd.toml.d/20-act.toml:1"},
                 {"targets.executables", "[\"redis-server\"]", "/etc/tierd/tierd.toml.d/10-targets.toml:2"},
                 {"policy.horizon", "16", "/usr/lib/tierd/tierd.toml:46"},
                 {"policy.headroom", "0.02", "default"},
                 {"migration.rate", "\"256MiB/s\"", "default"}};
  view.toml =
      "mode = \"act\"  # /etc/tierd/tierd.toml.d/20-act.toml:1\n\n[targets]\nexecutables = "
      "[\"redis-server\"]  # "
      "/etc/tierd/tierd.toml.d/10-targets.toml:2\n\n[policy]\nhorizon = 16  # /usr/lib/tierd/tierd.toml:46\n"
      "headroom = 0.02  # default\n\n[migration]\nrate = \"256MiB/s\"  # default\n";
  return view;
}

Result<void> FakeBackend::pause(const Caller& caller) {
  control_calls.push_back(caller);
  paused = true;
  return {};
}

Result<void> FakeBackend::resume(const Caller& caller) {
  control_calls.push_back(caller);
  paused = false;
  return {};
}

Result<ConfigView> FakeBackend::reload(const Caller& caller) {
  control_calls.push_back(caller);
  return reload_answer;
}

}  // namespace tier
