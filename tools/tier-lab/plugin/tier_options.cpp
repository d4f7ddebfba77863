#include "tools/tier-lab/plugin/tier_options.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tools/tier-lab/plugin/region_table.h"

namespace tier::lab {
namespace {

constexpr std::size_t kMostVcpus = 64;

std::string decimal(std::uint64_t value) { return std::to_string(value); }

std::string hexadecimal(std::uint64_t value) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  return {text, end};
}

std::optional<std::uint64_t> number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Numbers between dashes, the first `hexadecimal` of them in base 16; empty when one is none.
std::vector<std::uint64_t> numbers(std::string_view text, std::size_t hexadecimal = 0) {
  std::vector<std::uint64_t> values;
  for (bool more = true; more;) {
    const std::size_t dash = text.find('-');
    more = dash != std::string_view::npos;
    const auto value = number(text.substr(0, dash), values.size() < hexadecimal ? 16 : 10);
    if (!value) return {};
    values.push_back(*value);
    if (more) text.remove_prefix(dash + 1);
  }
  return values;
}

bool parse_map(std::string_view value, PluginOptions& options) {
  const std::vector<std::uint64_t> part = numbers(value, 2);
  if (part.size() != 3 || part[1] <= part[0] || part[2] >= kMaxNodes) return false;
  options.ranges.push_back({part[0], part[1], part[2]});
  return true;
}

bool parse_tier(std::string_view value, PluginOptions& options) {
  const std::vector<std::uint64_t> part = numbers(value);
  if (part.size() != 3 || options.tiers.size() >= kMaxNodes) return false;
  options.tiers.push_back({part[0], part[1], part[2]});
  return true;
}

// VCPU, then read and write latency of each node.
bool parse_latency(std::string_view value, PluginOptions& options) {
  const std::vector<std::uint64_t> part = numbers(value);
  if (part.size() < 3 || part.size() % 2 == 0 || part[0] != options.latencies.size() ||
      options.latencies.size() >= kMostVcpus)
    return false;
  std::vector<Latency> row;
  for (std::size_t i = 1; i < part.size(); i += 2) row.push_back({part[i], part[i + 1]});
  options.latencies.push_back(std::move(row));
  return true;
}

bool parse_core(std::string_view value, PluginOptions& options) {
  const std::vector<std::uint64_t> part = numbers(value);
  if (part.size() != 4) return false;
  for (const std::uint64_t one : part)
    if (one == 0 || one > 1 << 20) return false;
  options.core = {static_cast<std::uint32_t>(part[0]), static_cast<std::uint32_t>(part[1]),
                  static_cast<std::uint32_t>(part[2]), static_cast<std::uint32_t>(part[3])};
  return true;
}

bool parse_cache(std::string_view value, PluginOptions& options) {
  const std::vector<std::uint64_t> part = numbers(value);
  if (part.size() != 3 || part[1] > 1024 || part[2] > 1 << 20) return false;
  options.llc = {part[0], static_cast<std::uint32_t>(part[1]), static_cast<std::uint32_t>(part[2])};
  return true;
}

bool parse_flag(std::string_view value, bool& into) {
  into = value == "on";
  return into || value == "off";
}

}  // namespace

std::string plugin_arguments(const PluginOptions& options) {
  std::string text = ",out=" + options.out + ",count=" + (options.count ? "on" : "off") +
                     ",charge=" + (options.charge ? "on" : "off") + ",shift=" + decimal(options.shift) +
                     ",own=" + (options.own_clocks ? "on" : "off") +
                     ",llc=" + decimal(options.llc.size_bytes) + '-' + decimal(options.llc.ways) + '-' +
                     decimal(options.llc.line_bytes);
  for (const PhysicalRange& range : options.ranges)
    text += ",map=" + hexadecimal(range.start) + '-' + hexadecimal(range.end) + '-' + decimal(range.node);
  if (!options.charge) return text;
  const CoreSpec& core = options.core;
  text += ",core=" + decimal(core.fill_buffers) + '-' + decimal(core.prefetches) + '-' +
          decimal(core.window) + '-' + decimal(core.store_buffer);
  for (const TierSpec& tier : options.tiers)
    text += ",tier=" + decimal(tier.read_line_ps) + '-' + decimal(tier.write_line_ps) + '-' +
            decimal(tier.bank_ps);
  for (std::size_t vcpu = 0; vcpu < options.latencies.size(); ++vcpu) {
    text += ",latency=" + decimal(vcpu);
    for (const Latency& latency : options.latencies[vcpu])
      text += '-' + decimal(latency.read_ps) + '-' + decimal(latency.write_ps);
  }
  return text;
}

bool parse_plugin_argument(std::string_view argument, PluginOptions& options) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = argument.substr(0, equals);
  const std::string_view value = argument.substr(equals + 1);
  if (key == "out") return options.out = value, !value.empty();
  if (key == "count") return parse_flag(value, options.count);
  if (key == "charge") return parse_flag(value, options.charge);
  if (key == "own") return parse_flag(value, options.own_clocks);
  if (key == "llc") return parse_cache(value, options);
  if (key == "map") return parse_map(value, options);
  if (key == "core") return parse_core(value, options);
  if (key == "tier") return parse_tier(value, options);
  if (key == "latency") return parse_latency(value, options);
  if (key != "shift") return false;
  const auto shift = number(value, 10);
  if (shift && *shift <= 10) options.shift = *shift;
  return shift && *shift <= 10;
}

std::string plugin_options_problem(const PluginOptions& options, std::size_t vcpus) {
  if (options.out.empty()) return "out=FILE is missing";
  if (!options.llc.valid()) return "llc gives a cache whose sets are no power of two";
  if (!options.charge) return {};
  std::size_t nodes = 0;
  for (const PhysicalRange& range : options.ranges) nodes = std::max(nodes, range.node + 1);
  if (options.tiers.size() != nodes) return "there must be one tier for each node of the map";
  if (options.latencies.size() != vcpus) return "there must be latencies for each vCPU";
  for (const auto& row : options.latencies)
    if (row.size() != nodes) return "each vCPU must have a latency for each node";
  return {};
}

}  // namespace tier::lab
