#include "tools/tier-lab/guest_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "tools/tier-lab/command.h"
#include "tools/tier-lab/effect.h"
#include "tools/tier-lab/image.h"
#include "tools/tier-lab/machine.h"
#include "tools/tier-lab/vm.h"

namespace tier::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// "{seed}" in a command becomes the run's seed.
std::vector<std::string> filled(std::vector<std::string> command, const Scenario& scenario) {
  for (std::string& word : command) word = replaced(word, "{seed}", std::to_string(scenario.seed));
  return command;
}

json ranges_of(const Scenario& scenario, bool fast) {
  json ranges = json::array();
  for (const PhysicalRange& range : physical_map(scenario.topology))
    if ((range.node == scenario.topology.fast_node()) == fast) ranges.push_back({range.start, range.end});
  return ranges;
}

json rival_plan(const Scenario& scenario) {
  std::vector<std::string> tierd = {"tierd", "--config", "/etc/tierd/tierd.toml"};
  tierd.insert(tierd.end(), scenario.tierd_arguments.begin(), scenario.tierd_arguments.end());
  json slow = json::array();
  for (std::size_t node = 0; node < scenario.topology.nodes.size(); ++node)
    if (node != scenario.topology.fast_node()) slow.push_back(node);
  const DamosSpec& damos = scenario.damos;
  const NumabSpec& numab = scenario.numab;
  return {{"tool", scenario.tool},
          {"thp", scenario.thp},
          {"numa_balancing", scenario.numa_balancing},
          {"tierd_command", tierd},
          {"tierd_start", scenario.tierd_start},
          {"fast_node", scenario.topology.fast_node()},
          {"slow_nodes", slow},
          {"fast_ranges", ranges_of(scenario, true)},
          {"slow_ranges", ranges_of(scenario, false)},
          {"damos",
           {{"sample_us", damos.sample_us},
            {"aggr_us", damos.aggr_us},
            {"min_regions", damos.min_regions},
            {"max_regions", damos.max_regions},
            {"quota_mib_per_s", damos.quota_mib_per_s},
            {"quota_ms_per_s", damos.quota_ms_per_s},
            {"hot_min_percent", damos.hot_min_percent},
            {"cold_max_percent", damos.cold_max_percent},
            {"min_age", damos.min_age},
            {"goals", damos.goals}}},
          {"numab",
           {{"rate_limit_mb_per_s", numab.rate_limit_mb_per_s},
            {"scan_delay_ms", numab.scan_delay_ms},
            {"scan_period_min_ms", numab.scan_period_min_ms},
            {"hot_threshold_ms", numab.hot_threshold_ms}}}};
}

// What a dependent load must take from CPU 0, on each node; null where waiting takes no time or nothing is
// measured.
json self_test_plan(const Scenario& scenario) {
  if (scenario.clock != ClockKind::kWaiting || scenario.mode != Mode::kMeasure) return nullptr;
  const TopologySpec& topology = scenario.topology;
  const std::size_t from = node_of_vcpu(topology, 0);
  json nodes = json::array();
  std::size_t fast = from, slow = from;
  const auto latency = [&](std::size_t node) {
    return latency_between(topology, from, node, topology.nodes[node].read_latency_ns);
  };
  for (std::size_t node = 0; node < topology.nodes.size(); ++node) {
    nodes.push_back({{"node", node}, {"read_ns", latency(node)}});
    if (latency(node) < latency(fast)) fast = node;
    if (latency(node) > latency(slow)) slow = node;
  }
  // Twice the cache, walked in a circle, never hits it. What a small node has no room for is flushed instead.
  const std::uint64_t wanted_kib = scenario.llc.size_bytes * 2 >> 10;
  std::uint64_t room_kib = wanted_kib;
  for (const NodeSpec& node : topology.nodes) room_kib = std::min(room_kib, node.size_mib * 1024 / 8);
  const bool flush = room_kib < wanted_kib;
  return {{"instruction_ns", scenario.ns_per_instruction()},
          {"nodes", nodes},
          {"fast", fast},
          {"slow", slow},
          {"circle_kib", flush ? std::uint64_t{1024} : std::max<std::uint64_t>(wanted_kib, 1024)},
          {"flush", flush}};
}

json agent_plan(const Scenario& scenario, const json& modules) {
  json commands = json::array();
  for (const auto& command : scenario.commands) commands.push_back(filled(command, scenario));
  json collect = json::array();
  if (scenario.tool == "tierd") collect = scenario.collect;
  return {{"mode", scenario.mode == Mode::kExec ? "exec" : "measure"},
          {"command", filled(scenario.command, scenario)},
          {"ready", scenario.ready},
          {"progress", scenario.progress},
          {"ready_timeout_s", scenario.ready_timeout_s},
          {"cpus", scenario.cpus},
          {"prepare", filled(scenario.prepare, scenario)},
          {"driver", filled(scenario.driver, scenario)},
          {"commands", commands},
          {"command_timeout_s", scenario.command_timeout_s},
          {"period_s", scenario.period_s},
          {"periods", scenario.periods()},
          {"seed", scenario.seed},
          {"modules", modules},
          {"collect", collect},
          {"self_test", self_test_plan(scenario)},
          {"rival", rival_plan(scenario)}};
}

// Puts the named modules and what they depend on into the image, unpacked, and lists them in loading order.
Result<json> add_modules(Image& image, const Scenario& scenario, const std::string& kernel) {
  json paths = json::array();
  std::set<std::string> done;
  for (const std::string& name : scenario.modules) {
    std::string found;
    for (const auto& entry : fs::recursive_directory_iterator(kernel + "/modules"))
      if (entry.path().filename().string().starts_with(name + ".ko")) found = entry.path().string();
    if (found.empty())
      return fail(ErrorKind::kUsage, "run.modules: kernel " + scenario.kernel + " has no module " + name);
    if (!done.insert(name).second) continue;
    std::string data;
    auto unpacked = TIER_TRY(found.ends_with(".xz")    ? capture({"xz", "-dc", found})
                             : found.ends_with(".zst") ? capture({"zstd", "-dcq", found})
                                                       : capture({"cat", found}));
    image.add_text("/lib/modules/" + name + ".ko", unpacked);
    paths.push_back("/lib/modules/" + name + ".ko");
  }
  return paths;
}

Result<> add_programs(Image& image, const Scenario& scenario) {
  std::vector<std::string> programs = scenario.binaries;
  if (!scenario.command.empty()) programs.push_back(scenario.command[0]);
  if (!scenario.prepare.empty()) programs.push_back(scenario.prepare[0]);
  if (!scenario.driver.empty()) programs.push_back(scenario.driver[0]);
  for (const auto& command : scenario.commands) programs.push_back(command[0]);
  if (scenario.tool == "tierd") {
    programs.emplace_back("tierd");
    programs.emplace_back("tierctl");
    for (const auto& command : scenario.collect) programs.push_back(command[0]);
  }
  // Busybox serves the shell and the small tools; only what it lacks comes from the machine.
  static const std::set<std::string> kBusybox = {"sh",   "cat",   "ls",   "echo", "sleep", "true",  "false",
                                                 "grep", "dmesg", "head", "tail", "ps",    "mount", "find"};
  for (const std::string& program : programs)
    if (kBusybox.count(program) == 0) TIER_TRY(image.add_program(program));
  return image.add_busybox();
}

Result<> build_image(const Scenario& scenario, const LabPaths& paths, const std::string& kernel,
                     const std::string& target) {
  Image image(paths.build_folder);
  auto modules = TIER_TRY(add_modules(image, scenario, kernel));
  TIER_TRY(image.add_file(paths.agent, "/init"));
  if (!scenario.python.empty()) TIER_TRY(image.add_python(scenario.python));
  TIER_TRY(add_programs(image, scenario));
  for (const auto& [host, guest] : scenario.files) {
    const std::string path = host.starts_with("/") ? host : paths.source_folder + "/" + host;
    TIER_TRY(image.add_file(path, guest));
  }
  // Where tierd looks for the model of its learned forecaster: beside the folder that it lies in.
  const std::string model = paths.source_folder + "/predictor/model/default.safetensors";
  if (scenario.tool == "tierd") TIER_TRY(image.add_file(model, "/usr/share/tierd/model.safetensors"));
  for (const char* folder : {"/dev", "/proc", "/sys", "/tmp", "/run", "/var"}) image.add_folder(folder);
  image.add_text("/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
  image.add_text("/etc/group", "root:x:0:\ntierd:x:900:\nnogroup:x:65534:\n");
  image.add_text("/etc/tierd/tierd.toml", scenario.tierd_config);
  image.add_text(
      "/etc/tier-lab/plan.json",
      agent_plan(scenario, modules).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return image.write(target);
}

VmPlan vm_plan(const Scenario& scenario, const LabPaths& paths, const std::string& kernel,
               const std::string& image) {
  VmPlan plan;
  plan.console_path = paths.out_folder + "/console.log";
  plan.events_path = paths.out_folder + "/events.jsonl";
  plan.qemu_log_path = paths.out_folder + "/qemu.log";
  plan.timeout_s = static_cast<double>(scenario.timeout_s);
  plan.silence_s = static_cast<double>(scenario.silence_s);
  plan.arguments = topology_arguments(scenario.topology);
  const PluginOptions plugin = plugin_options(scenario, plan.events_path);
  // Where waiting takes time the processor is like a real one, and does not say that it is an emulator's.
  const std::string processor =
      std::string("max,-erms,-fsrm,-la57,-monitor") + (plugin.charge ? ",tcg-cpuid=off" : "");
  const std::vector<std::string> fixed = {
      // Software emulation only: deterministic time. There rep stosb is slow, and mwait spins instead of
      // sleeping, so that an idle vCPU would take half the time from a busy one.
      "-accel", "tcg", "-icount", "shift=" + std::to_string(plugin.shift) + ",sleep=off", "-cpu", processor,
      "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot", "-rtc",
      "base=2026-01-01T00:00:00,clock=vm", "-seed", std::to_string(scenario.seed), "-serial",
      "file:" + plan.console_path, "-kernel", kernel + "/vmlinuz", "-initrd", image, "-plugin",
      paths.plugin + plugin_arguments(plugin), "-append",
      // nokaslr: else the seed decides which node holds the kernel's 37 MiB.
      "console=ttyS0 nokaslr panic=-1 oops=panic tsc=reliable no_timer_check mitigations=off nowatchdog "
      "cryptomgr.notests random.trust_cpu=on " +
          scenario.kernel_arguments};
  plan.arguments.insert(plan.arguments.end(), fixed.begin(), fixed.end());
  return plan;
}

// Prints what a reader wants to follow: phases, programs' output, and how far the guest's clock is.
void show(const json& event, const Scenario& scenario, const RunRecord& record) {
  const bool exec = scenario.mode == Mode::kExec;
  const std::string kind = event.value("guest", "");
  if (kind == "phase")
    std::fprintf(stderr, "[guest %6.1f s] %s\n", event.value("uptime", 0.0), event.value("name", "").c_str());
  if (kind == "tick" && event.value("index", 0) % 5 == 0)
    if (const std::string text = live_text(scenario, record); !text.empty())
      std::fprintf(stderr, "[guest %6.1f s] %s\n", event.value("uptime", 0.0), text.c_str());
  if (kind == "alive") {
    static int beats = 0;
    if (++beats % 10 == 0) std::fprintf(stderr, "[guest %6.1f s] …\n", event.value("uptime", 0.0));
  }
  if (kind == "line") {
    if (exec)
      std::fprintf(stdout, "%s\n", event.value("text", "").c_str()), std::fflush(stdout);
    else
      std::fprintf(stderr, "  %s: %s\n", event.value("from", "").c_str(), event.value("text", "").c_str());
  }
  if (kind == "exit")
    std::fprintf(stderr, "  command %d: exit code %d%s\n", event.value("command", 0), event.value("code", 0),
                 event.value("timed_out", false) ? " (timed out)" : "");
}

Result<> complete(const RunRecord& record) {
  if (!record.errors.empty()) {
    std::string text = "in the guest: " + record.errors[0];
    const std::size_t shown = record.lines.size() > 20 ? record.lines.size() - 20 : 0;
    for (std::size_t i = shown; i < record.lines.size(); ++i) text += "\n  " + record.lines[i];
    return fail(ErrorKind::kFailed, text);
  }
  if (!record.done) return fail(ErrorKind::kFailed, "the guest powered off before its agent was done");
  return {};
}

}  // namespace

LabPaths find_paths() {
  std::error_code none;
  const fs::path self = fs::read_symlink("/proc/self/exe", none);
  LabPaths paths;
  paths.source_folder = TIER_SOURCE_FOLDER;
  paths.build_folder = self.parent_path().parent_path().parent_path().string();
  paths.plugin = (self.parent_path() / "libtier_count.so").string();
  paths.agent = (self.parent_path() / "tier-lab-agent").string();
  paths.out_folder = paths.build_folder + "/lab-results";
  return paths;
}

Result<std::string> kernel_folder(const LabPaths& paths, const std::string& version) {
  Result<std::string> printed = capture({paths.source_folder + "/tools/lib/fetch-kernel", version});
  if (!printed)
    return fail(ErrorKind::kFailed, "kernel " + version + " is not cached and could not be fetched",
                "tools/lib/fetch-kernel " + version);
  while (!printed->empty() && printed->back() == '\n') printed->pop_back();
  return printed->substr(printed->rfind('\n') + 1);
}

Result<> run_guest(const Scenario& scenario, const LabPaths& paths, RunRecord& record) {
  std::error_code failed;
  fs::create_directories(paths.out_folder, failed);
  if (failed) return fail(ErrorKind::kFailed, "cannot make " + paths.out_folder + ": " + failed.message());
  auto kernel = TIER_TRY(kernel_folder(paths, scenario.kernel));
  const std::string image = paths.out_folder + "/root.cpio";
  for (const char* stale : {"/console.log", "/events.jsonl", "/qemu.log"})
    fs::remove(paths.out_folder + stale, failed);
  TIER_TRY(build_image(scenario, paths, kernel, image));
  std::fprintf(stderr, "%s on kernel %s, tool %s: booting\n", scenario.name.c_str(), scenario.kernel.c_str(),
               scenario.tool.c_str());
  Scenario machine = scenario;
  if (scenario.mode == Mode::kMeasure)
    machine.topology = with_room_for_image(scenario.topology, fs::file_size(image));
  const VmPlan plan = vm_plan(machine, paths, kernel, image);
  Result<> accepted;
  Result<> ran = run_vm(plan, [&](const std::string& line) {
    Result<json> event = accept_event(line, record);
    if (!event && accepted) accepted = tl::make_unexpected(event.error());
    if (event) show(*event, scenario, record);
  });
  fs::remove(image, failed);
  if (!ran && ran.error().message.find(kClockRefusal) != std::string::npos)
    return fail(ErrorKind::kFailed, ran.error().message,
                "tools/lib/ensure-qemu installs Debian's QEMU 10, which exports all that is needed; or use "
                "--clock instructions, where waiting takes no time");
  if (!ran) return ran;
  if (!accepted) return accepted;
  return complete(record);
}

}  // namespace tier::lab
