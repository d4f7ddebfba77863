// Where pages are, those included that NUMA balancing has marked.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "core/clock.h"
#include "migrator/token_bucket.h"
#include "platform/api/pages.h"

namespace tier {

struct PageFinderSettings {
  // A transparent huge page: a read of one of its pages shows all of them.
  Bytes huge_page = 2_MiB;
  // Pages read per second, to make them visible. A read costs 34 µs in an emulator, below 2 µs natively: at
  // most 4 % of one CPU.
  std::uint64_t reads_per_second = 16384;
  // Most pages read in one call of locate(); 0 = no limit. A few tell the node of a region.
  std::size_t reads_per_call = 0;
};

// Since the start. found = made visible + left.
struct MarkedTotals {
  std::uint64_t found = 0;    // marked pages met, each as often as it was met
  std::uint64_t visible = 0;  // of these, made visible
  std::uint64_t left = 0;     // of these, left as they were: budget, limit of a call, or refused
  std::uint64_t read = 0;     // pages read
  std::uint64_t refused = 0;  // calls without the right to it, pagemap's and reads
  int error_number = 0;       // of the last refusal; 0: none
  Nanoseconds spent{};        // in finding and reading

  MarkedTotals& operator+=(const MarkedTotals& other);
};

// A locator that sees marked pages, as long as its budget lasts. Pages that stay hidden get kStatusMarked.
// Thread-safe.
class PageFinder final : public PageLocator {
 public:
  // Without `marked` it is `locator`. All references must outlive it.
  PageFinder(const PageLocator& locator, MarkedPages* marked, const Clock& clock,
             PageFinderSettings settings = {});

  PageCall locate(Pid pid, std::span<const Address> pages) const override;

  // How long until pages are read again; zero = now.
  Nanoseconds wait(Nanoseconds now) const;
  MarkedTotals totals() const;

 private:
  std::vector<std::size_t> find_marked(Pid pid, std::span<const Address> pages, const PageCall& call,
                                       MarkedTotals& sum) const;
  void read(Pid pid, std::span<const Address> pages, MarkedTotals& sum) const;
  void look_again(Pid pid, std::span<const Address> pages, std::vector<std::size_t>& marked,
                  PageCall& call) const;
  std::vector<Address> heads(std::span<const Address> pages, std::span<const std::size_t> marked) const;
  bool may_read() const;

  const PageLocator& locator_;
  MarkedPages* const marked_;
  const Clock& clock_;
  const PageFinderSettings settings_;
  mutable std::mutex mutex_;     // never held over a system call
  mutable TokenBucket bucket_;   // guarded by mutex_; one byte is one page
  mutable MarkedTotals totals_;  // guarded by mutex_
};

}  // namespace tier
