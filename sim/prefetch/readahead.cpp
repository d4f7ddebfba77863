#include "sim/prefetch/readahead.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/prefetch/bracketed_root.h"

namespace tier::sim {
namespace {

constexpr double kPage = 4096;
// Share of a request's latency that queues: media and controller, without the software above [A].
constexpr double kQueueing = 0.5;
// How much more misses there are when all that is fetched is useless: it evicts what was of use [A].
constexpr double kPollution = 0.3;

// A fetch of one window: the pages that come, and how many of them are used.
struct Window {
  double pages = 1, used = 1;
};

// Sequential readers use all of a window but what lies beyond the end of their run, on average half a window
// once in a run. Random ones fault a page, and the kernel reads the window around it (filemap.c,
// do_sync_mmap_readahead), of which they use what belongs to the same run.
Window window_of(const FileReaders& of, std::size_t setting) {
  const double pages = std::max(1.0, kReadaheadKib[setting] * 1024 / kPage);
  if (of.pattern != AccessPattern::kSequential) return {pages, std::min(pages, of.run)};
  return {pages, pages * of.run / (of.run + 0.5 * (pages - 1))};
}

double useless_share(const Window& window) { return 1 - window.used / window.pages; }

// Seconds for each page that a thread gets to work on, at a latency of requests. Windows after the first of a
// run are asked for while the one before is worked on, so a sequential reader waits for what is left.
double time_per_page(const FileReaders& of, const Window& window, double missing, double latency) {
  const double fetch = latency + window.pages * kPage / of.bandwidth;
  const double work = of.compute * window.used;
  const bool ahead = of.pattern == AccessPattern::kSequential && window.pages > 1;
  const double wait = ahead ? std::max(0.0, fetch - work) : fetch;
  return of.compute + missing * wait / window.used;
}

}  // namespace

ReadaheadModel::ReadaheadModel(std::vector<FileReaders> devices, std::vector<std::size_t> kinds)
    : devices_(std::move(devices)), kinds_(std::move(kinds)) {}

PrefetchState ReadaheadModel::solve(std::span<const std::size_t> settings, double intensity) const {
  double crowding = 0;  // of the page cache, which all devices share
  for (std::size_t i = 0; i < devices_.size(); ++i)
    crowding += devices_[i].weight * useless_share(window_of(devices_[i], settings[i]));
  PrefetchState state;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const FileReaders& of = devices_[i];
    PrefetchScopeState scope;
    if (of.weight > 0) {
      const Window window = window_of(of, settings[i]);
      const double missing = std::min(1.0, of.missing * intensity * (1 + kPollution * crowding));
      const double bytes = missing * kPage * window.pages / window.used;  // per page that is worked on
      const PrefetchTier device{of.latency, of.bandwidth, kQueueing};
      const auto time = [&](double use) {
        return time_per_page(of, window, missing, loaded_latency(device, use));
      };
      const double use = bracketed_root(
          [&](double trial) { return of.readers * bytes / time(trial) / of.bandwidth - trial; }, 0, kMostUse,
          1e-7);
      scope.pattern = of.pattern;
      scope.weight = of.weight;
      scope.progress = of.readers * of.compute / time(use);
    }
    state.progress += scope.progress;
    state.scopes.push_back(scope);
  }
  return state;
}

}  // namespace tier::sim
