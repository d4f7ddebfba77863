// The keys of [tiers], but for the choice of where latencies come from.
#include <charconv>
#include <optional>
#include <set>

#include "core/quantity.h"
#include "tierd/config/values.h"

namespace tier {
namespace {

constexpr std::int64_t kMaxNode = 1023;  // MAX_NUMNODES with the largest NODES_SHIFT

// The node number of a key like tiers.latencies.2: all that follows the second dot.
Result<int> node_of(const std::string& key, const std::string& example) {
  const std::string text = key.substr(key.find('.', key.find('.') + 1) + 1);
  const bool digits =
      !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && std::stoi(text) <= kMaxNode) return std::stoi(text);
  return refuse(fmt::format("\"{}\" is not a node number", text),
                fmt::format("write it like `0 = \"{}\"`, nodes as `tierctl nodes` prints them", example));
}

Result<void> apply_node_latency(const Setting& setting, Config& config) {
  const auto node = TIER_TRY(node_of(setting.key, "90ns"));
  const auto value = TIER_TRY(parse_duration(TIER_TRY(text_of(setting, "90ns"))));
  config.tiers.latencies[node] = value;
  return within(value, Nanoseconds{1}, Nanoseconds{1'000'000}, show_duration(value), "1ns", "1ms");
}

Result<void> apply_node_bandwidth(const Setting& setting, Config& config) {
  const auto node = TIER_TRY(node_of(setting.key, "60GB/s"));
  return size([&](Config& c) -> Bytes& { return c.tiers.bandwidths[node]; }, 100_MiB, Bytes{1ULL << 44},
              true)(setting, config);
}

// "0-7,16" -> 0 to 7, and 16: as the kernel writes lists of nodes. None: it is no such list.
std::optional<std::vector<int>> parse_nodes(std::string_view text) {
  std::vector<int> nodes;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    const std::size_t dash = part.find('-');
    const std::string_view low = part.substr(0, dash);
    const std::string_view high = dash == std::string_view::npos ? low : part.substr(dash + 1);
    int first = 0, last = 0;
    const auto whole = [](std::string_view digits, int& number) {
      const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      return failed == std::errc{} && end == digits.data() + digits.size();
    };
    if (!whole(low, first) || !whole(high, last) || first < 0 || first > last || last > kMaxNode)
      return std::nullopt;
    for (int node = first; node <= last; ++node) nodes.push_back(node);
    if (part.size() == text.size()) return nodes;
    text.remove_prefix(part.size() + 1);
  }
}

Result<void> apply_order(const Setting& setting, Config& config) {
  const auto* list = std::get_if<std::vector<std::string>>(&setting.value);
  if (!list)
    return refuse("must be a list of texts, one for each tier",
                  "write it like [\"8-15\", \"0-7\"], fastest first");
  std::vector<std::vector<int>> order;
  std::set<int> named;
  for (const std::string& text : *list) {
    auto nodes = parse_nodes(text);
    if (!nodes)
      return refuse(fmt::format("\"{}\" is not a list of node numbers from 0 to {}", text, kMaxNode),
                    "write it like \"8-15\" or \"0,2\", nodes as `tierctl nodes` prints them");
    for (const int node : *nodes)
      if (!named.insert(node).second)
        return refuse(fmt::format("node {} is named twice", node), "name each node in one tier");
    order.push_back(*std::move(nodes));
  }
  config.tiers.order = std::move(order);
  return {};
}

std::string show_order(const Config& config) {
  std::vector<std::string> tiers;
  for (const auto& nodes : config.tiers.order) tiers.push_back(fmt::format("{}", fmt::join(nodes, ",")));
  return show_list(tiers);
}

std::string show_node_latencies(const Config& config) {
  std::vector<std::string> parts;
  for (const auto& [node, latency] : config.tiers.latencies)
    parts.push_back(fmt::format("{} = \"{}\"", node, show_duration(latency)));
  return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
}

std::string show_node_bandwidths(const Config& config) {
  std::vector<std::string> parts;
  for (const auto& [node, bandwidth] : config.tiers.bandwidths)
    parts.push_back(fmt::format("{} = \"{}/s\"", node, show_size(bandwidth)));
  return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
}

}  // namespace

void add_tier_keys(std::vector<ConfigKey>& keys) {
  keys.push_back({"tiers.latencies.*", apply_node_latency, show_node_latencies});
  keys.push_back({"tiers.bandwidths.*", apply_node_bandwidth, show_node_bandwidths});
  keys.push_back({"tiers.order", apply_order, show_order});
  keys.push_back({"tiers.same_tier", real(TIER_MEMBER(tiers.same_tier), 1, 10),
                  TIER_SHOW(show_real(c.tiers.same_tier))});
  keys.push_back({"tiers.exclude_nodes", numbers(TIER_MEMBER(tiers.exclude_nodes), 0, kMaxNode),
                  TIER_SHOW(show_list(c.tiers.exclude_nodes))});
}

}  // namespace tier
