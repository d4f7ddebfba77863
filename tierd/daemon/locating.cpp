#include "tierd/daemon/locating.h"

#include <algorithm>
#include <map>
#include <vector>

#include "migrator/shared_pages.h"

namespace tier {
namespace {

// A huge page answers for all its parts; eight tell a mixed region's majority well enough to plan with, and
// the migrator asks for every page before it moves one.
constexpr std::size_t kPagesAsked = 8;

std::vector<Address> spread_pages(AddressRange range, Bytes page_size) {
  const std::uint64_t pages = range.size().value / page_size.value;
  const std::uint64_t asked = std::min<std::uint64_t>(pages, kPagesAsked);
  std::vector<Address> out;
  for (std::uint64_t i = 0; i < asked; ++i) {
    out.push_back(range.start + (pages * i / asked) * page_size.value);
  }
  return out;
}

}  // namespace

Residency locate_region(const LocateRequest& request, const PageLocator& locator, Bytes page_size) {
  Residency residency;
  const auto pages = spread_pages(request.range, page_size);
  if (pages.empty()) return residency;
  const PageCall answer = locate_through(locator, request.pid, pages, request.range.start, request.also);
  residency.answered = answer.value >= 0;
  if (!residency.answered) return residency;
  std::map<int, std::uint64_t> by_node;
  std::uint64_t present = 0;
  for (const int status : answer.status) {
    if (status >= 0) ++by_node[status];
    if (status >= 0 || status == kStatusMarked) ++present;
  }
  const auto most = std::max_element(by_node.begin(), by_node.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != by_node.end()) residency.node = NodeId{most->first};
  residency.resident = Bytes{request.range.size().value * present / pages.size()};
  return residency;
}

}  // namespace tier
