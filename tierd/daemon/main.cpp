// The composition root: reads the command line, wires the real adapters, runs the loop.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <thread>

#include "platform/linux/confinement.h"
#include "platform/linux/latency_probe.h"
#include "platform/linux/linux_knobs.h"
#include "platform/linux/machine.h"
#include "platform/linux/mappings/vma_iterator.h"
#include "platform/linux/marked_pages.h"
#include "platform/linux/meters/meters.h"
#include "platform/linux/metrics.h"
#include "platform/linux/page_advisor.h"
#include "platform/linux/page_pools.h"
#include "platform/linux/pages.h"
#include "platform/linux/prefetch_machine.h"
#include "platform/linux/process_table.h"
#include "platform/linux/sampling/feature_probe.h"
#include "platform/linux/topology_reader.h"
#include "platform/linux/watching/bpf_process_watch.h"
#include "predictor/network/learned.h"
#include "tierd/cli/command_description.h"
#include "tierd/cli/command_line.h"
#include "tierd/config/keys.h"
#include "tierd/config/short_words.h"
#include "tierd/control/listener.h"
#include "tierd/control/peer.h"
#include "tierd/control/server.h"
#include "tierd/control/service_loop.h"
#include "tierd/daemon/backend.h"
#include "tierd/daemon/doctor.h"
#include "tierd/daemon/journal_log.h"
#include "tierd/daemon/named_files.h"
#include "tierd/daemon/node_meters.h"
#include "tierd/daemon/polled_processes.h"
#include "tierd/daemon/prefetch_service.h"
#include "tierd/daemon/runtime_directory.h"
#include "tierd/daemon/settings.h"
#include "tierd/daemon/signature_file.h"
#include "tierd/daemon/source_keeper.h"
#include "tierd/daemon/version.h"

namespace tier {
namespace {

int report(const Error& error) {
  spdlog::error("{}", with_short_words(error.text()));
  return static_cast<int>(error.kind);
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<Nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// New events to the log, each once.
void log_events(const Engine& engine, std::uint64_t& last) {
  for (const auto& event : engine.events().since(last, 1000)) {
    last = event.sequence;
    const auto line = fmt::format("{}{}: {}", event.kind,
                                  event.pid != 0 ? fmt::format(" pid {}", event.pid) : "", event.message);
    if (event.kind == "error") {
      spdlog::error("{}", line);
    } else if (event.kind == "rival" || event.kind == "sight" || event.kind == "source" ||
               event.kind == "late" || event.kind == "limit") {
      spdlog::warn("{}", line);
    } else if (event.kind == "promoted" || event.kind == "demoted" || event.kind == "failed") {
      spdlog::debug("{}", line);
    } else {
      spdlog::info("{}", line);
    }
  }
}

void log_phases(const Engine& engine) {
  std::string line;
  for (const auto& [name, took] : engine.state().phases)
    line += fmt::format(" {} {:.2f} ms", name, seconds(took) * 1e3);
  spdlog::debug("tick {}:{}", engine.state().ticks, line);
}

std::string status_line(const Engine& engine) {
  const auto& state = engine.state();
  const auto moves = engine.migrator().totals();
  if (engine.sight().state() == SightState::kBlind) return "BLIND: " + engine.sight().reason();
  return fmt::format(
      "{}{}: {} targets, {:.0f} % of sampled demand on the fast tier, {} MiB promoted, {} MiB demoted",
      engine.settings().act ? "act" : "observe", state.paused ? " (paused)" : "",
      engine.targets().targets().size(), state.score.hit_share * 100, moves.promoted.value >> 20,
      moves.demoted.value >> 20);
}

std::unique_ptr<LinuxProcessTable> make_process_table() {
  auto vmas = VmaIterator::load();
  if (vmas) return std::make_unique<LinuxProcessTable>("/", std::move(*vmas));
  spdlog::warn("mappings are read from text files, large processes are left where they are: {}",
               vmas.error().text());
  return std::make_unique<LinuxProcessTable>("/", nullptr, vmas.error().text());
}

// Every adapter of the real machine; lives as long as the daemon.
struct Machine {
  std::unique_ptr<LinuxProcessTable> process_table = make_process_table();
  LinuxProcessTable& processes = *process_table;
  LinuxPages pages;
  LinuxMarkedPages marked;
  LinuxPagePools pools;
  LinuxTopologyReader migrator_topology;  // read by the migrator's thread, the other by the loop
  LinuxTopologyReader topology;
  LinuxLatencyProbe probe;
  LinuxPressureReader pressure;
  LinuxSelfMeter self;
  LinuxRivalFinder rivals;
  MonotonicClock clock;
  // Two pages of a region tell where it lies; those that are to move are read one and all.
  PageFinder places{pages, &marked, clock, {.reads_per_second = 4096, .reads_per_call = 2}};
  PageFinder movable{pages, &marked, clock};
  LinuxMetrics metrics{clock};
  LinuxKnobs knobs;
  LinuxPageAdvisor advisor;
  CpuSamples cpu_samples;
};

struct Options {
  std::string config_file;
  bool check = false;
};

Result<LoadedConfig> load(const Options& options) {
  return options.config_file.empty() ? load_config(system_config_directories())
                                     : load_config_file(options.config_file);
}

// Whatever is wrong with a model, tierd runs on without: the switch is a forecaster by itself.
Result<std::shared_ptr<const NamedModel>> load_network(const Config& config) {
  const auto path =
      config.policy.model.empty() ? default_model_path() : std::filesystem::path(config.policy.model);
  auto model = load_model(path);
  if (model) {
    spdlog::info("model {} ({})", path.string(), (*model)->hash.substr(0, 12));
    return std::shared_ptr<const NamedModel>(*std::move(model));
  }
  const bool needed = config.policy.forecaster == kLearnedForecaster;
  spdlog::log(needed ? spdlog::level::err : spdlog::level::warn,
              "the model is refused, the switch takes the place of the learned forecaster: {}",
              model.error().text());
  return tl::make_unexpected(model.error());
}

// Without a table of registers those are left alone, and everything else goes on.
std::vector<CpuGeneration> load_registers(const PrefetchConfig& config) {
  auto table = load_register_table(config.registers.empty() ? default_register_table()
                                                            : std::filesystem::path(config.registers));
  if (table) return *std::move(table);
  spdlog::log(config.arm.empty() ? spdlog::level::debug : spdlog::level::err,
              "hardware prefetchers are left alone: {}", table.error().text());
  return {};
}

void log_meters(const NodeMeters& meters) {
  for (const MeterDecision& each : meters.meters())
    spdlog::debug("meter {}: {}{}", each.name, each.used ? "runs: " : "does not run: ", each.reason);
}

// Those of the machine and, behind them, what samples tell.
std::vector<MeterEntry> all_meters(Machine& machine, const PrefetchConfig& config) {
  auto table = meter_table(machine.clock, {.root = "", .pcm_address = config.pcm});
  table.push_back({"samples", "time that watched programs waited for memory, as sampled, by CPU", "hardware",
                   "samples are sorted by CPU for prefetch control alone",
                   [&machine]() -> Result<std::unique_ptr<Meter>> {
                     return std::make_unique<SampledStallMeter>(machine.cpu_samples);
                   }});
  return table;
}

NodeMetersSettings node_meters_settings(const Config& config) {
  NodeMetersSettings settings;
  settings.interval = engine_settings(config).look_every;
  settings.cpus = std::max(std::thread::hardware_concurrency(), 1U);
  return settings;
}

std::unique_ptr<PrefetchService> make_prefetch(Machine& machine, Engine& engine, NodeMeters& meters,
                                               const PrefetchConfig& config) {
  PrefetchLoopParts parts{machine.knobs, machine.clock};
  parts.serve_meters = [&meters](const std::set<std::string>& actuators) { meters.serve(actuators); };
  parts.read_meters = [&meters] { return meters.read_meters(); };
  parts.registers = load_registers(config);
  parts.read_machine = [] { return read_prefetch_machine(); };
  parts.read_state = [] { return read_machine_state(); };
  parts.log = [](const std::string& line) { spdlog::info("prefetch: {}", line); };
  const auto place = journal_place(config.journal, runtime_directory(std::getenv("RUNTIME_DIRECTORY")));
  parts.open_journal = [place, say = parts.log]() -> Result<KnobJournal> {
    if (!place) return tl::make_unexpected(place.error());
    return open_known_journal(*place, TIER_TRY(read_boot_id()), say);
  };
  AdviceSettings advice;
  advice.rate = config.advice_rate_per_second;
  PrefetchServiceParts service{
      engine, machine.cpu_samples,
      std::make_unique<PrefetchLoop>(std::move(parts), prefetch_loop_settings(config)),
      std::make_unique<AdviceLoop>(machine.places, machine.advisor, machine.processes.base_page_size(),
                                   advice)};
  service.meters = [&meters] { return meters.meters(); };
  if (place) service.known_journal = place->known;
  return std::make_unique<PrefetchService>(std::move(service), config);
}

// The group may be made after the daemon was started, or the user database not answer yet at boot.
void look_for_group(ControlServer& server, ServiceLoop& loop, const std::string& name) {
  if (server.has_group()) return;
  spdlog::warn(
      "no group is called \"{}\": root alone may steer tierd and see all processes until there is one (fix: "
      "systemd-sysusers, or groupadd --system {})",
      name, name);
  loop.add_timer(std::chrono::seconds(30), [&server, name] {
    if (server.has_group()) return;
    const auto group = find_group(name);
    if (!group) return;
    server.set_group(*group);
    spdlog::info("the group \"{}\" is there now: its members may steer tierd", name);
  });
}

// By the kernel's own list where BPF may be used, else by files, which costs more and sees later.
std::unique_ptr<ProcessWatch> watch_processes(Machine& machine, const Config& config) {
  auto watch = BpfProcessWatch::start(
      machine.clock, spare_node(config, machine.topology.nodes().value_or(std::vector<NumaNode>{})));
  if (watch) return *std::move(watch);
  spdlog::warn("processes are watched by reading files, not by events: {}", watch.error().text());
  return std::make_unique<PolledProcesses>(machine.processes, watch.error());
}

// Which sources run, which do not, and what confines the daemon.
void log_sight(const SourceKeeper& keeper, bool blind) {
  for (const auto& decision : keeper.decisions()) {
    spdlog::info("source {}: {}{}", decision.name,
                 decision.chosen ? "chosen: " : "not chosen: ", decision.reason);
  }
  for (const auto& limit : read_confinement())
    if (limit.limits)
      spdlog::warn("{}: {}{}", limit.name, limit.reason,
                   limit.fix.empty() ? "" : " (fix: " + limit.fix + ")");
  // What is missing may come: a daemon that waits for it can say what it lacks, one that has ended cannot.
  if (blind)
    spdlog::warn(
        "no access source can run: nothing is seen and nothing moved; it is tried again from time to time");
}

int serve(Machine& machine, ServiceLoop& loop, const LoadedConfig& loaded, const Options& options) {
  const Config& config = loaded.config;
  // First of all, so that a second tierd is refused before it samples or measures anything.
  auto listener = Listener::open(config.control.socket);
  if (!listener) return report(listener.error());
  if (auto linked = link_socket(config.control.socket, runtime_directory(std::getenv("RUNTIME_DIRECTORY")));
      !linked)
    spdlog::warn("tierctl does not find this daemon by itself: {}", linked.error().text());
  SourceKeeper keeper({[] { return LinuxFeatureProbe().probe(); },
                       [&machine, config](const auto& features, const auto& request) {
                         const auto sampling = sampling_settings(
                             config, machine.topology.nodes().value_or(std::vector<NumaNode>{}));
                         auto sources = make_sources(features, sampling, machine.clock, request);
                         give_back_freed_memory();
                         return sources;
                       }});
  auto sources = keeper.begin(machine.clock.now());
  log_sight(keeper, sources.empty());

  const auto batch_page = machine.processes.base_page_size();
  const MigratorSettings moving = migrator_settings(config, batch_page);
  Migrator migrator(
      machine.pages, machine.pages, machine.processes, machine.clock, moving,
      std::make_shared<ThreadExecutor>([] { become_background_thread("tierd-migrate"); }, moving.threads),
      {&machine.movable, &machine.migrator_topology, &machine.pools});
  EngineParts parts{machine.processes, machine.places,     migrator,        machine.topology,
                    machine.probe,     machine.pressure,   machine.self,    machine.rivals,
                    machine.clock,     std::move(sources), Pid{::getpid()}, unix_now};
  NodeMeters meters({machine.clock, all_meters(machine, config.prefetch), &machine.metrics},
                    node_meters_settings(config));
  log_meters(meters);
  parts.metrics = &meters;
  const auto watch = watch_processes(machine, config);
  parts.watch = watch.get();
  parts.finder = &machine.places;
  std::unique_ptr<PrefetchService> prefetch;
  parts.on_samples = [&](const SampleBatch& batch, const RegionSnapshot& last, const TierTopology& topology) {
    if (prefetch && prefetch->armed()) machine.cpu_samples.add(batch, last, topology, config.region_size);
  };
  LearnedSettings learned;
  learned.network.clock = &machine.clock;
  learned.network.budget = engine_settings(config).look_every / 20;
  learned.adapter.storage = signature_file();
  const auto model = load_network(config);
  const bool refused = !model && config.policy.forecaster == kLearnedForecaster;
  parts.make_forecaster = forecaster_maker(model.value_or(nullptr), learned);
  auto engine = Engine::create(std::move(parts), engine_settings(config));
  if (!engine) return report(engine.error());
  spdlog::info("latencies: {}", (*engine)->latency().story());
  if (refused) {
    Event event;
    event.kind = "error";
    event.message = "the network's model is refused, the switch forecasts alone: " + model.error().text();
    (*engine)->note(event);
  }
  if (!(*engine)->topology().tiered())
    spdlog::warn("one memory tier only: tierd samples and reports, there is nowhere to move to");
  else if (machine.marked.possible())
    spdlog::info("this kernel hides pages that NUMA balancing has marked: each is read before it moves");

  prefetch = make_prefetch(machine, **engine, meters, config.prefetch);
  if (const auto armed = prefetch->start(); !armed)
    spdlog::error("prefetch control: {}", armed.error().text());
  DaemonBackend backend(
      **engine, loaded, [&] { return load(options); },
      [&](const Engine& e) { return running_doctor(e, keeper.features(), keeper.decisions()); }, kVersion,
      prefetch.get(), [](const Config& now) { set_log_level(now.log.level); },
      model ? "" : model.error().text());
  ControlOptions control;
  control.version = kVersion;
  control.group = find_group(config.control.group);
  auto server = ControlServer::create(loop.event(), backend, control, std::move(*listener));
  if (!server) return report(server.error());
  look_for_group(**server, loop, config.control.group);

  std::uint64_t logged = 0;
  std::string told;  // as systemd knows it
  const auto tick = [&] {
    (*engine)->tick();
    keeper.after_tick(**engine, machine.clock.now());
    prefetch->after_engine_tick();
    log_phases(**engine);
    log_events(**engine, logged);
    (*server)->publish();
    if (const std::string now = status_line(**engine); now != told) loop.notify_status(told = now);
    loop.watchdog_ping();
    loop.wake_idle();
    return (*engine)->tick_length();
  };
  loop.add_paced_timer((*engine)->tick_length(), tick);
  if (config.policy.event_path) {
    // Ten looks a tick; each drains what the samplers' buffers hold, which the tick would do anyway.
    loop.add_timer(config.interval / 10, [&] { (*engine)->between_ticks(); });
  }
  loop.add_timer(config.prefetch.interval, [&] { prefetch->tick(); });
  loop.on_idle([&] { return (*engine)->idle_work(); });
  loop.on_reload([&] {
    loop.notify_reloading();
    told.clear();
    (void)backend.reload_as("SIGHUP");  // an event tells of it, refused or not
    loop.notify_ready(status_line(**engine));
  });
  loop.on_terminate([&] {
    loop.notify_stopping();
    migrator.stop();
  });
  loop.notify_ready(status_line(**engine));
  spdlog::info("tierd {} runs in {} mode, socket {}", kVersion, to_string(config.mode),
               config.control.socket);
  tick();  // at once: the programs are watched, and sampled, an interval sooner
  give_back_freed_memory();
  const auto ended = loop.run();
  log_events(**engine, logged);  // those since the last tick
  migrator.stop();
  return ended ? 0 : report(ended.error());
}

int run(const Options& options) {
  const auto loaded = load(options);
  if (!loaded) {
    log_error_lines(with_short_words(loaded.error().text()));
    return static_cast<int>(loaded.error().kind);
  }
  set_log_level(loaded->config.log.level);
  for (const auto& warning : loaded->warnings) spdlog::warn("{}", warning);
  if (options.check) {
    for (const auto& unmatched : unmatched_now(loaded->config)) spdlog::warn("{}", unmatched);
    const auto named = check_named_files(loaded->config);
    return named ? 0 : report(named.error());
  }
  auto loop = ServiceLoop::create();
  if (!loop) return report(loop.error());
  Machine machine;
  return serve(machine, **loop, *loaded, options);
}

// Every key with its default, for the manual.
nlohmann::json key_descriptions() {
  nlohmann::json keys = nlohmann::json::array();
  for (const ConfigKey& key : config_keys())
    keys.push_back({{"name", key.name}, {"default", key.show(Config{})}});
  return {{"keys", keys}};
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  tier::start_log();
  CLI::App app{"tierd: keeps what programs wait for in the fast memory tier", "tierd"};
  tier::Options options;
  app.add_option("--config", options.config_file,
                 "Read this file alone instead of the system's configuration");
  app.add_flag("--check", options.check, "Check the configuration and exit");
  tier::add_common_commands(app);
  if (tier::asks_for_description(argc, argv)) return tier::print_description(app, tier::key_descriptions());
  try {
    app.parse(argc, argv);
    return tier::run(options);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    spdlog::error("{} (fix: see `tierd --help`)", tier::command_line_problem(app, arguments, error));
    return static_cast<int>(tier::ErrorKind::kUsage);
  } catch (const std::exception& error) {
    // Caught, so that destructors run: they put prefetch settings back.
    spdlog::critical("tierd cannot go on: {}", error.what());
    return static_cast<int>(tier::ErrorKind::kFailed);
  }
}
