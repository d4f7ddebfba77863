#include "tierd/daemon/locating.h"

#include <algorithm>
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
  out.reserve(asked);
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
  std::uint64_t present = 0;
  std::ptrdiff_t most = 0;  // pages on one node; of nodes with as many the first counts
  for (const int status : answer.status) {
    if (status >= 0 || status == kStatusMarked) ++present;
    if (status < 0) continue;
    const auto here = std::count(answer.status.begin(), answer.status.end(), status);
    if (here < most || (here == most && status > residency.node.value)) continue;
    most = here;
    residency.node = NodeId{status};
  }
  residency.resident = Bytes{request.range.size().value * present / pages.size()};
  return residency;
}

}  // namespace tier
