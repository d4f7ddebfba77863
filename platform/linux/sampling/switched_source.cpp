#include "platform/linux/sampling/switched_source.h"

#include <fmt/format.h>

namespace tier {

Result<void> SwitchedSource::start() {
  run_ = new_run();
  Result<void> started = run_->start();
  if (!started) run_.reset();
  return started;
}

Result<void> SwitchedSource::set_targets(std::span<const Target> targets) {
  return run_ ? run_->set_targets(targets) : tl::make_unexpected(not_running());
}

Result<void> SwitchedSource::set_ranges(TargetId target, std::span<const Mapping> mappings) {
  return run_ ? run_->set_ranges(target, mappings) : tl::make_unexpected(not_running());
}

Result<SampleBatch> SwitchedSource::collect() {
  if (!run_) return tl::make_unexpected(not_running());
  return run_->collect();
}

SourceStatus SwitchedSource::status() const {
  if (run_) return run_->status();
  SourceStatus status;
  status.name = name_;
  status.fidelity = "not running";
  return status;
}

Error SwitchedSource::not_running() const {
  return {ErrorKind::kFailed, fmt::format("{} sampling is not running", name_), ""};
}

}  // namespace tier
