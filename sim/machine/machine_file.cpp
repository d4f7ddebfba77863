// Machine descriptions from TOML. Units are in the keys' names; docs/simulator.md has an example.
#include <fmt/format.h>
#include <toml++/toml.h>

#include "core/toml_reader.h"
#include "platform/api/text_file.h"
#include "sim/machine/description.h"

namespace tier::sim {
namespace {

constexpr double kMost = 1e18;

void read_curve(TomlReader& table, TierDescription& tier) {
  std::vector<LoadPoint> points;
  table.each("load_curve", [&](const toml::node& item) {
    const toml::array* pair = item.as_array();
    const auto at = [&](std::size_t i) { return pair->get(i)->value<double>(); };
    if (pair == nullptr || pair->size() != 2 || !at(0) || !at(1))
      return table.refuse("load_curve", "must hold pairs [utilisation, factor]");
    points.push_back({*at(0), *at(1)});
  });
  if (!points.empty()) tier.load_curve = std::move(points);
}

Nanoseconds microseconds(double value) { return Nanoseconds{static_cast<std::int64_t>(value * 1e3)}; }

TierDescription read_tier(const toml::table& source, std::size_t index, std::string& error) {
  TierDescription tier;
  TomlReader table(source, fmt::format("tier[{}].", index), error);
  std::uint64_t mib = 0;
  std::int64_t latency = 0;
  double gigabytes = 0, background = 0;
  table.text("name", tier.name);
  table.integer("capacity_mib", mib, 1, std::int64_t{1} << 40);
  table.integer("latency_ns", latency, 1, 1'000'000);
  table.number("bandwidth_gb_s", gigabytes, 0, 1e6);
  table.number("background_gb_s", background, 0, 1e6);
  read_curve(table, tier);
  table.finish();
  tier.capacity = {mib << 20};
  tier.latency = Nanoseconds{latency};
  tier.bandwidth = gigabytes * 1e9;
  tier.background = background * 1e9;
  return tier;
}

void read_migration(const toml::table& source, MigrationDescription& migration, std::string& error) {
  TomlReader table(source, "migration.", error);
  double fixed = seconds(migration.fixed) * 1e6, page = seconds(migration.per_page) * 1e6;
  double interruption = seconds(migration.interruption) * 1e6, copy = migration.copy_bandwidth / 1e9;
  table.number("fixed_us", fixed, 0, 1e6);
  table.number("per_page_us", page, 0, 1e6);
  table.number("interruption_us", interruption, 0, 1e6);
  table.number("copy_gb_s", copy, 0, 1e6);
  table.finish();
  migration = {microseconds(fixed), microseconds(page), copy * 1e9, microseconds(interruption)};
}

void read_machine(const toml::table& root, MachineDescription& machine, std::string& error) {
  TomlReader table(root, "", error);
  std::uint64_t small = machine.small_page.value, huge = machine.huge_page.value;
  table.text("name", machine.name);
  table.text("source", machine.source);
  table.number("cpus", machine.cpus, 0, 1e6);
  table.number("store_wait", machine.store_wait, 0, 1);
  table.integer("small_page_bytes", small, 512, std::int64_t{1} << 40);
  table.integer("huge_page_bytes", huge, 512, std::int64_t{1} << 40);
  machine.small_page = {small};
  machine.huge_page = {huge};
  if (const toml::table* migration = table.table("migration"))
    read_migration(*migration, machine.migration, error);
  if (const toml::table* source = table.table("prefetch")) {
    TomlReader prefetch(*source, "prefetch.", error);
    prefetch.flag("on", machine.prefetch.on);
    prefetch.number("extra_traffic", machine.prefetch.extra_traffic, 0, kMost);
    prefetch.number("lead", machine.prefetch.lead, 1, kMost);
    prefetch.finish();
  }
  table.each("tier", [&](const toml::node& item) {
    if (!item.is_table()) return table.refuse("tier", "must be tables, [[tier]]");
    machine.tiers.push_back(read_tier(*item.as_table(), machine.tiers.size(), error));
  });
  table.finish();
}

Result<toml::table> read_toml(const std::string& path) {
  return parse_toml(TIER_TRY(read_regular_file(path, TomlLimits{}.bytes)), path);
}

}  // namespace

Result<MachineDescription> load_machine(const std::string& path) {
  const auto root = read_toml(path);
  if (!root)
    return fail(root.error().kind, root.error().message, "mend the file; docs/simulator.md has an example");
  MachineDescription machine;
  std::string error;
  read_machine(*root, machine, error);
  if (!error.empty()) return fail(ErrorKind::kUsage, path + ": " + error, "docs/simulator.md has an example");
  if (machine.name.empty()) machine.name = path;
  TIER_TRY(check(machine));
  return machine;
}

}  // namespace tier::sim
