#include "tools/tier-lab/scenario.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/toml_reader.h"
#include "platform/api/text_file.h"
#include "tools/tier-lab/plugin/region_table.h"
#include "tools/tier-lab/presets.h"

namespace tier::lab {
namespace {

constexpr std::int64_t kSlowestNs = 65'000 / 8;  // what an HMAT can say of the slowest clock

// Puts "a.b=value" into the table, creating tables on the way.
Result<> apply_override(toml::table& root, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return fail(ErrorKind::kUsage, "--set " + text + " is not of the form key=value",
                "for example --set run.length_s=10");
  Result<toml::table> value = parse_toml("value = " + text.substr(equals + 1), "--set " + text);
  // A bare word is taken as a string, so that --set rival.tool=none needs no quotes.
  if (!value) value = parse_toml("value = \"" + text.substr(equals + 1) + "\"", "--set " + text);
  if (!value) return tl::make_unexpected(value.error());
  toml::table* table = &root;
  std::string path = text.substr(0, equals);
  for (std::size_t dot; (dot = path.find('.')) != std::string::npos; path.erase(0, dot + 1)) {
    toml::node* inner = &table->insert(path.substr(0, dot), toml::table{}).first->second;
    if (!inner->is_table())
      return fail(ErrorKind::kUsage, "--set " + text + ": '" + path.substr(0, dot) + "' is not a table");
    table = inner->as_table();
  }
  (*value)["value"].visit([&](auto& node) { table->insert_or_assign(path, node); });
  return {};
}

NodeSpec preset_node(const MemoryPreset* preset, std::size_t index) {
  NodeSpec node;
  if (preset == nullptr || index >= preset->nodes.size()) return node;
  const PresetNode& given = preset->nodes[index];
  node.read_latency_ns = given.read_latency_ns;
  node.write_latency_ns = given.write_latency_ns;
  node.read_bandwidth_mib_s = given.read_bandwidth_mib_s;
  node.write_bandwidth_mib_s = given.write_bandwidth_mib_s;
  node.bank_ns = given.bank_ns;
  return node;
}

// Write figures follow read figures unless they are given.
void read_node(const toml::node& item, std::size_t index, const MemoryPreset* preset, TopologySpec& into,
               std::string& error) {
  const std::string prefix = "topology.node[" + std::to_string(index) + "].";
  const toml::table* table = item.as_table();
  if (table == nullptr) {
    if (error.empty()) error = "topology.node must be an array of tables: [[topology.node]]";
    return;
  }
  NodeSpec node = preset_node(preset, index);
  TomlReader reader(*table, prefix, error);
  reader.integer("size_mib", node.size_mib, 1, 1 << 20);
  reader.integers("cpus", node.cpus);
  reader.integer("read_latency_ns", node.read_latency_ns, 1, kSlowestNs);
  if (table->contains("read_latency_ns")) node.write_latency_ns = node.read_latency_ns;
  reader.integer("write_latency_ns", node.write_latency_ns, 1, kSlowestNs);
  reader.integer("read_bandwidth_mib_s", node.read_bandwidth_mib_s, 1, 4'000'000);
  if (table->contains("read_bandwidth_mib_s")) node.write_bandwidth_mib_s = node.read_bandwidth_mib_s;
  reader.integer("write_bandwidth_mib_s", node.write_bandwidth_mib_s, 1, 4'000'000);
  reader.integer("bank_ns", node.bank_ns, 0, 10'000);
  reader.finish();
  into.nodes.push_back(node);
}

void read_topology(const toml::table& table, Scenario& scenario, std::string& error) {
  TopologySpec& into = scenario.topology;
  TomlReader reader(table, "topology.", error);
  reader.integer("vcpus", into.vcpus, 1, 8);
  std::string name = "none";
  std::vector<std::string> names = {name};
  for (const MemoryPreset& preset : memory_presets()) names.emplace_back(preset.name);
  reader.choice("preset", name, names);
  const MemoryPreset* preset = find_preset(name);
  if (preset != nullptr) scenario.core = preset->core;
  std::size_t index = 0;
  reader.each("node", [&](const toml::node& item) { read_node(item, index++, preset, into, error); });
  reader.integer_lists("distances", into.distances);
  reader.flag("all_fast", into.all_fast);
  std::string hmat = "on";
  reader.choice("hmat", hmat, {"on", "off"});
  into.hmat = hmat == "on";
  if (preset != nullptr) into.fast = preset->fast_node;
  if (table.contains("fast_node")) {
    std::size_t fast = 0;
    reader.integer("fast_node", fast, 0, kMaxNodes - 1);
    into.fast = fast;
  }
  reader.finish();
}

void read_workload(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "workload.", error);
  std::string mode = "measure";
  reader.choice("mode", mode, {"measure", "exec"});
  into.mode = mode == "exec" ? Mode::kExec : Mode::kMeasure;
  reader.texts("command", into.command);
  reader.text("ready", into.ready);
  reader.text("progress", into.progress);
  reader.integer("ready_timeout_s", into.ready_timeout_s, 1, 3600);
  reader.integers("cpus", into.cpus);
  reader.texts("prepare", into.prepare);
  reader.texts("driver", into.driver);
  reader.text_lists("commands", into.commands);
  reader.integer("command_timeout_s", into.command_timeout_s, 1, 3600);
  reader.finish();
}

void read_run(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "run.", error);
  reader.choice("kernel", into.kernel, {"6.1", "6.12", "7.2"});
  reader.number("length_s", into.length_s, 0.1, 3600);
  reader.number("period_s", into.period_s, 0.05, 60);
  reader.integer("seed", into.seed, 0, INT64_MAX);
  reader.choice("thp", into.thp, {"always", "madvise", "never"});
  reader.choice("numa_balancing", into.numa_balancing, {"off", "boot"});
  reader.texts("modules", into.modules);
  reader.integer("timeout_s", into.timeout_s, 1, 36'000);
  reader.integer("silence_s", into.silence_s, 1, 3600);
  reader.text("kernel_arguments", into.kernel_arguments);
  std::string clock = name_of(into.clock);
  reader.choice("clock", clock, {"instructions", "waiting"});
  into.clock = clock == "waiting" ? ClockKind::kWaiting : ClockKind::kInstructions;
  std::string vcpu_clocks = "shared";
  reader.choice("vcpu_clocks", vcpu_clocks, {"shared", "own"});
  into.own_clocks = vcpu_clocks == "own";
  reader.integer("instruction_ps", into.instruction_ps, 125, 8000);
  reader.finish();
}

void read_core(const toml::table& table, CoreSpec& into, std::string& error) {
  TomlReader reader(table, "core.", error);
  reader.integer("fill_buffers", into.fill_buffers, 1, 1024);
  reader.integer("prefetches", into.prefetches, 1, 1024);
  reader.integer("window", into.window, 1, 1 << 20);
  reader.integer("store_buffer", into.store_buffer, 1, 1024);
  reader.finish();
}

void read_rival(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "rival.", error);
  reader.choice("tool", into.tool, {"none", "numab", "damos", "interleave", "tierd"});
  if (const toml::table* damos = reader.table("damos")) {
    TomlReader inner(*damos, "rival.damos.", error);
    inner.integer("sample_us", into.damos.sample_us, 100, 10'000'000);
    inner.integer("aggr_us", into.damos.aggr_us, 100, 600'000'000);
    inner.integer("min_regions", into.damos.min_regions, 3, 100'000);
    inner.integer("max_regions", into.damos.max_regions, 3, 100'000);
    inner.integer("quota_mib_per_s", into.damos.quota_mib_per_s, 1, 1'000'000);
    inner.integer("quota_ms_per_s", into.damos.quota_ms_per_s, 0, 1000);
    inner.integer("hot_min_percent", into.damos.hot_min_percent, 0, 100);
    inner.integer("cold_max_percent", into.damos.cold_max_percent, 0, 100);
    inner.integer("min_age", into.damos.min_age, 0, 1'000'000);
    inner.flag("goals", into.damos.goals);
    inner.finish();
  }
  if (const toml::table* numab = reader.table("numab")) {
    TomlReader inner(*numab, "rival.numab.", error);
    inner.integer("rate_limit_mb_per_s", into.numab.rate_limit_mb_per_s, 1, 1'000'000);
    inner.integer("scan_delay_ms", into.numab.scan_delay_ms, 0, 1'000'000);
    inner.integer("scan_period_min_ms", into.numab.scan_period_min_ms, 1, 1'000'000);
    inner.integer("hot_threshold_ms", into.numab.hot_threshold_ms, 1, 1'000'000);
    inner.finish();
  }
  reader.finish();
}

void read_tierd(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "tierd.", error);
  reader.choice("start", into.tierd_start, {"before", "after"});
  reader.texts("arguments", into.tierd_arguments);
  reader.text_lists("collect", into.collect);
  // The daemon's own keys are its business: it checks them itself, with the same messages as anywhere.
  if (const toml::table* config = reader.table("config")) {
    toml::table root = *config;
    root.is_inline(false);  // an override writes it in one line, which is no document
    std::ostringstream text;
    text << root << '\n';
    into.tierd_config = text.str();
  }
  reader.finish();
}

void read_image(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "image.", error);
  reader.texts("binaries", into.binaries);
  reader.texts("python", into.python);
  for (const std::string& module : into.python)
    if (module.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
        std::string::npos)
      reader.refuse("python", "must hold names of modules");
  std::vector<std::string> files;
  reader.texts("files", files);
  for (const std::string& file : files) {
    const std::size_t colon = file.find(':');
    if (colon == std::string::npos)
      reader.refuse("files", "must hold entries of the form host-path:guest-path");
    else
      into.files.emplace_back(file.substr(0, colon), file.substr(colon + 1));
  }
  reader.finish();
}

void read_scenario(const toml::table& table, Scenario& into, std::string& error) {
  TomlReader reader(table, "", error);
  reader.text("name", into.name);
  reader.text("description", into.description);
  if (const toml::table* inner = reader.table("topology")) read_topology(*inner, into, error);
  if (const toml::table* inner = reader.table("workload")) read_workload(*inner, into, error);
  if (const toml::table* inner = reader.table("core")) read_core(*inner, into.core, error);
  if (const toml::table* inner = reader.table("run")) read_run(*inner, into, error);
  if (const toml::table* inner = reader.table("rival")) read_rival(*inner, into, error);
  if (const toml::table* inner = reader.table("tierd")) read_tierd(*inner, into, error);
  if (const toml::table* inner = reader.table("image")) read_image(*inner, into, error);
  if (const toml::table* inner = reader.table("llc")) {
    TomlReader llc(*inner, "llc.", error);
    std::uint64_t size_kib = into.llc.size_bytes >> 10;
    llc.integer("size_kib", size_kib, 1, 1 << 20);
    into.llc.size_bytes = size_kib << 10;
    llc.integer("ways", into.llc.ways, 1, 64);
    llc.integer("line", into.llc.line_bytes, 16, 4096);
    llc.finish();
  }
  reader.finish();
}

// Every node answers as the fast one: the best that placing memory could do.
void level(TopologySpec& topology) {
  if (!topology.all_fast || topology.nodes.empty()) return;
  const NodeSpec fast = topology.nodes[std::min(topology.fast_node(), topology.nodes.size() - 1)];
  for (NodeSpec& node : topology.nodes) {
    node.read_latency_ns = fast.read_latency_ns;
    node.write_latency_ns = fast.write_latency_ns;
    node.read_bandwidth_mib_s = fast.read_bandwidth_mib_s;
    node.write_bandwidth_mib_s = fast.write_bandwidth_mib_s;
    node.bank_ns = fast.bank_ns;
  }
}

// The node as a guest sees it whose clock is `times` slower than the machine's.
void slow_down(NodeSpec& node, std::uint64_t times) {
  node.read_latency_ns *= times;
  node.write_latency_ns *= times;
  node.bank_ns *= times;
  for (std::uint64_t* bandwidth : {&node.read_bandwidth_mib_s, &node.write_bandwidth_mib_s})
    if (*bandwidth > 0) *bandwidth = std::max<std::uint64_t>(1, *bandwidth / times);
}

}  // namespace

const char* name_of(ClockKind clock) { return clock == ClockKind::kWaiting ? "waiting" : "instructions"; }

std::uint64_t Scenario::machine_ps_per_instruction() const {
  if (instruction_ps != 0) return instruction_ps;
  return clock == ClockKind::kWaiting ? 250 : 8000;
}

std::uint64_t Scenario::ns_per_instruction() const {
  return std::max<std::uint64_t>(1, machine_ps_per_instruction() / 1000);
}

std::uint64_t Scenario::stretch() const {
  return std::max<std::uint64_t>(1, 1000 / machine_ps_per_instruction());
}

std::size_t TopologySpec::fast_node() const {
  if (fast) return *fast;
  const auto fastest = std::min_element(nodes.begin(), nodes.end(), [](const NodeSpec& a, const NodeSpec& b) {
    return a.read_latency_ns < b.read_latency_ns;
  });
  return static_cast<std::size_t>(fastest - nodes.begin());
}

std::size_t Scenario::periods() const {
  return static_cast<std::size_t>(std::max(1.0, std::round(length_s / period_s)));
}

Result<Scenario> parse_scenario(const std::string& text, const std::string& origin,
                                const std::vector<std::string>& overrides) {
  auto table = TIER_TRY(parse_toml(text, origin));
  for (const std::string& override_text : overrides) TIER_TRY(apply_override(table, override_text));
  Scenario scenario;
  std::string error;
  read_scenario(table, scenario, error);
  if (!error.empty()) return fail(ErrorKind::kUsage, origin + ": " + error);
  level(scenario.topology);
  for (NodeSpec& node : scenario.topology.nodes) slow_down(node, scenario.stretch());
  if (Result<> checked = check_scenario(scenario); !checked)
    return fail(checked.error().kind, origin + ": " + checked.error().message, checked.error().fix);
  return scenario;
}

Result<Scenario> load_scenario(const std::string& path, const std::vector<std::string>& overrides) {
  const auto text = read_regular_file(path, TomlLimits{}.bytes);
  if (!text) return fail(text.error().kind, "the scenario " + text.error().message, "see 'tier-lab list'");
  return parse_scenario(*text, path, overrides);
}

}  // namespace tier::lab
