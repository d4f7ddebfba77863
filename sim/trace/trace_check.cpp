#include "sim/trace/trace_check.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

namespace tier::sim {
namespace {

template <typename... Args>
tl::unexpected<Error> wrong(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorKind::kUsage, fmt::format(format, std::forward<Args>(args)...));
}

bool amount(double value) { return std::isfinite(value) && value >= 0; }

Result<void> check_stream(const WorkloadInfo& info, std::size_t index) {
  const Stream& stream = info.streams[index];
  if (stream.name.size() > kLongestName) return wrong("the name of stream {} is too long", index);
  if (stream.target >= info.targets.size())
    return wrong("stream {} is of target {}, there are {}", index, stream.target, info.targets.size());
  if (!std::isfinite(stream.parallelism) || stream.parallelism < 1)
    return wrong("stream {} has a parallelism of {}, less than 1", index, stream.parallelism);
  if (!amount(stream.prefetchable) || stream.prefetchable > 1)
    return wrong("stream {} is prefetchable by {}, outside 0 to 1", index, stream.prefetchable);
  return {};
}

Result<void> check_event(const WorkloadInfo& info, const RegionEvent& event) {
  if (event.change != RegionChange::kAllocate && event.change != RegionChange::kRelease)
    return wrong("an event is neither allocation nor release");
  if (event.pages != PageKind::kUnknown && event.pages != PageKind::kSmall && event.pages != PageKind::kHuge)
    return wrong("an event has an unknown kind of pages");
  if (event.target >= info.targets.size())
    return wrong("an event is of target {}, there are {}", event.target, info.targets.size());
  if (event.count == 0 || std::uint64_t{event.first} + event.count > info.regions)
    return wrong("an event is of {} regions from {} on, there are {}", event.count, event.first,
                 info.regions);
  const std::uint64_t size = info.region_size.value;
  if (event.address % size != 0) return wrong("an event's address {:#x} is within a region", event.address);
  if (event.count > (std::numeric_limits<Address>::max() - event.address) / size)
    return wrong("an event's regions go beyond the last address");
  return {};
}

Result<void> check_region(const WorkloadInfo& info, bool has_stall, std::size_t stream,
                          const RegionDemand& demand) {
  if (demand.region >= info.regions)
    return wrong("stream {} asks for region {}, there are {}", stream, demand.region, info.regions);
  if (!amount(demand.loads) || !amount(demand.stores) || !amount(demand.stall))
    return wrong("the demand of stream {} in region {} is negative or not finite", stream, demand.region);
  if (!has_stall && demand.stall != 0)
    return wrong("region {} has stall, the header says that none was measured", demand.region);
  return {};
}

}  // namespace

Result<void> check(const WorkloadInfo& info) {
  if (info.name.size() > kLongestName) return wrong("the workload's name is too long");
  if (!std::has_single_bit(info.region_size.value))
    return wrong("the region size {} is not a power of two", info.region_size.value);
  if (info.interval <= Nanoseconds::zero()) return wrong("the interval is not positive");
  if (info.regions > kMostRegions) return wrong("{} regions are more than {}", info.regions, kMostRegions);
  if (info.targets.size() > kMostTargets)
    return wrong("{} targets are more than {}", info.targets.size(), kMostTargets);
  if (info.streams.size() > kMostStreams)
    return wrong("{} streams are more than {}", info.streams.size(), kMostStreams);
  for (const WorkloadTarget& target : info.targets) {
    if (target.name.size() > kLongestName) return wrong("a target's name is too long");
    if (!std::isfinite(target.threads) || target.threads <= 0)
      return wrong("target {} has {} threads", target.name, target.threads);
  }
  for (std::size_t i = 0; i < info.streams.size(); ++i) TIER_TRY(check_stream(info, i));
  return {};
}

Result<void> check(const TraceHeader& header) {
  if (!header.machine.is_object()) return wrong("the machine's description is not a JSON object");
  if (header.provenance.size() > kMostProvenance) return wrong("there are too many notes of provenance");
  for (const auto& [key, value] : header.provenance)
    if (key.size() > kLongestName || value.size() > kLongestProvenance)
      return wrong("the note of provenance \"{}\" is too long", key.substr(0, kLongestName));
  return check(header.workload);
}

Result<void> check_growth(const WorkloadInfo& now, const WorkloadInfo& later) {
  if (later.region_size != now.region_size) return wrong("the region size may not change");
  if (later.regions < now.regions || later.targets.size() < now.targets.size() ||
      later.streams.size() < now.streams.size())
    return wrong("regions, targets and streams may only grow");
  for (std::size_t i = 0; i < now.streams.size(); ++i)
    if (later.streams[i].target != now.streams[i].target) return wrong("stream {} changes its target", i);
  return {};
}

Result<void> check_work(const WorkloadInfo& info, const Interval& interval) {
  if (interval.duration <= Nanoseconds::zero()) return wrong("its duration is not positive");
  if (interval.compute.size() != info.targets.size())
    return wrong("it has the computation of {} targets, there are {}", interval.compute.size(),
                 info.targets.size());
  for (const double compute : interval.compute)
    if (!amount(compute)) return wrong("a target's computation is negative or not finite");
  for (const RegionEvent& event : interval.events) TIER_TRY(check_event(info, event));
  return {};
}

Result<void> check_demand(const WorkloadInfo& info, bool has_stall, const Demand& demand) {
  if (demand.streams.size() != info.streams.size())
    return wrong("it has the demand of {} streams, there are {}", demand.streams.size(), info.streams.size());
  for (std::size_t stream = 0; stream < demand.streams.size(); ++stream) {
    std::int64_t before = -1;
    for (const RegionDemand& region : demand.streams[stream]) {
      TIER_TRY(check_region(info, has_stall, stream, region));
      if (region.region <= before) return wrong("the regions of stream {} are not in order", stream);
      before = region.region;
    }
  }
  return {};
}

}  // namespace tier::sim
