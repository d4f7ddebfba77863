#include "platform/fake/fake_access_source.h"

#include <algorithm>
#include <utility>

namespace tier {

Result<void> FakeAccessSource::start() {
  if (start_error_) return tl::make_unexpected(*start_error_);
  running_ = true;
  return {};
}

Result<void> FakeAccessSource::set_targets(std::span<const Target> targets) {
  if (!running_) return fail(ErrorKind::kFailed, status_.name + " is not running");
  targets_.assign(targets.begin(), targets.end());
  return {};
}

Result<void> FakeAccessSource::set_ranges(TargetId target, std::span<const Mapping> mappings) {
  if (!running_) return fail(ErrorKind::kFailed, status_.name + " is not running");
  ranges_[target].assign(mappings.begin(), mappings.end());
  return {};
}

bool FakeAccessSource::watched(TargetId target) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const Target& one) { return one.id == target; });
}

Result<SampleBatch> FakeAccessSource::collect() {
  if (!running_) return fail(ErrorKind::kFailed, status_.name + " is not running");
  if (collect_error_) return tl::make_unexpected(*std::exchange(collect_error_, std::nullopt));
  SampleBatch batch;
  for (const AccessSample& sample : std::exchange(waiting_, {}))
    watched(sample.target) ? batch.samples.push_back(sample) : static_cast<void>(++batch.counters.foreign);
  batch.counters.delivered = batch.samples.size();
  batch.counters.undecoded = std::exchange(undecoded_, 0);
  batch.counters.lost = std::exchange(lost_, 0);
  batch.counters.taken = batch.counters.delivered + batch.counters.undecoded + batch.counters.foreign;
  status_.totals += batch.counters;
  return batch;
}

}  // namespace tier
