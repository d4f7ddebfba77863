#include "platform/linux/watermarks.h"

#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// "Node 1, zone   Normal" → 1; -1 for any other line.
int node_of_header(std::string_view line) {
  if (!line.starts_with("Node ")) return -1;
  line.remove_prefix(5);
  const auto number = parse_number(line.substr(0, line.find(',')));
  return number && *number < 4096 ? static_cast<int>(*number) : -1;
}

}  // namespace

std::map<int, std::uint64_t> parse_high_watermarks(std::string_view zoneinfo) {
  std::map<int, std::uint64_t> pages;
  int node = -1;
  while (!zoneinfo.empty()) {
    const std::size_t end = zoneinfo.find('\n');
    const std::string_view line = trimmed(zoneinfo.substr(0, end));
    zoneinfo = end == std::string_view::npos ? std::string_view{} : zoneinfo.substr(end + 1);
    if (line.starts_with("Node ")) node = node_of_header(line);
    // "high     6446" is the zone's; "high:  13", with a colon, is a per-CPU list's.
    if (node < 0 || !line.starts_with("high ")) continue;
    if (const auto count = parse_number(trimmed(line.substr(5))); count && *count < (1ULL << 40))
      pages[node] += *count;
  }
  return pages;
}

}  // namespace tier
