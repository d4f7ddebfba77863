#include "prefetch/advice/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace tier {
namespace {

// Pages in the table of no process at their address; see PageLocator::locate.
bool absent(int status) { return status == -ENOENT || status == -EFAULT; }

}  // namespace

std::vector<Address> AdviceExecutor::pages_of(AddressRange range) const {
  std::vector<Address> pages;
  for (Address at = range.start; at < range.end; at += page_.value) pages.push_back(at);
  return pages;
}

Result<Advised> AdviceExecutor::advise(const Target& target, const AdviceWish& wish) {
  const std::vector<Address> pages = pages_of(wish.range);
  const PageCall call = locator_.locate(target.pid, pages);
  if (call.value < 0)
    return fail(ErrorKind::kFailed,
                fmt::format("where the pages of process {} are cannot be asked (error {})", target.pid.value,
                            call.error_number));
  Advised out{wish.key, {}, {}};
  for (std::size_t i = 0; i < pages.size() && i < call.status.size(); ++i) {
    if (!absent(call.status[i])) continue;
    const AddressRange page{pages[i], std::min(pages[i] + page_.value, wish.range.end)};
    if (!out.ranges.empty() && out.ranges.back().end == page.start)
      out.ranges.back().end = page.end;
    else
      out.ranges.push_back(page);
  }
  if (out.ranges.empty()) return out;
  const auto taken = TIER_TRY(advisor_.will_need(target.pid, target.start_time, out.ranges));
  out.bytes = taken;
  return out;
}

std::optional<Bytes> AdviceExecutor::used(const Target& target, const Advised& advised) const {
  Bytes sum;
  for (const AddressRange& range : advised.ranges) {
    const PageCall call = locator_.locate(target.pid, pages_of(range));
    if (call.value < 0) return std::nullopt;
    for (const int status : call.status)
      if (status >= 0) sum += page_;
  }
  return std::min(sum, advised.bytes);
}

}  // namespace tier
