#include "platform/linux/sampling/lasting_code.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace tier {
namespace {

constexpr std::string_view kUnlinked = " (deleted)";  // proc(5), of a file without a name

bool lasting(const Mapping& mapping) {
  return mapping.executable && !mapping.writable && !mapping.shared && mapping.object &&
         mapping.name.starts_with('/') && !mapping.name.starts_with("/memfd:") &&
         !mapping.name.ends_with(kUnlinked);
}

}  // namespace

std::vector<AddressRange> LastingCode::replace(std::uint32_t tgid, std::span<const Mapping> mappings) {
  std::vector<Part> now;
  for (const Mapping& mapping : mappings)
    if (lasting(mapping)) now.push_back({mapping.range, *mapping.object, mapping.offset});
  std::sort(now.begin(), now.end());
  std::vector<Part>& before = of_process_[tgid];
  std::vector<Part> lost;
  std::set_difference(before.begin(), before.end(), now.begin(), now.end(), std::back_inserter(lost));
  before = std::move(now);
  std::vector<AddressRange> gone(lost.size());
  std::transform(lost.begin(), lost.end(), gone.begin(), [](const Part& part) { return part.range; });
  return gone;
}

bool LastingCode::holds(std::uint32_t tgid, Address ip) const {
  const auto found = of_process_.find(tgid);
  if (found == of_process_.end()) return false;
  const std::vector<Part>& parts = found->second;
  const auto after = std::upper_bound(parts.begin(), parts.end(), ip,
                                      [](Address at, const Part& part) { return at < part.range.start; });
  return after != parts.begin() && std::prev(after)->range.contains(ip);
}

}  // namespace tier
