#include "platform/linux/sampling/live_calibration.h"

#include <algorithm>

namespace tier {
namespace {

constexpr Nanoseconds kFirstPause = std::chrono::seconds(40);
constexpr Nanoseconds kLongestPause = std::chrono::hours(1);

}  // namespace

LiveCalibration::LiveCalibration(const SamplingSettings& settings, const Clock& clock, WeightMeaning prior,
                                 bool with_child)
    : settings_(settings),
      clock_(clock),
      with_child_(with_child),
      evidence_(calibration_loop(), prior),
      next_run_(clock.now() + settings.calibration_delay),
      pause_(kFirstPause),
      instruction_seconds_(cached_instruction_seconds()) {}

std::optional<Pid> LiveCalibration::child() const {
  return child_ ? std::optional(child_->pid()) : std::nullopt;
}

bool LiveCalibration::end_child() {
  child_.reset();
  next_run_ = clock_.now() + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  return true;
}

bool LiveCalibration::advance() {
  if (child_) {
    if (const double measured = child_->instruction_seconds(); measured > 0) instruction_seconds_ = measured;
    return (evidence_.settled() || !child_->running()) && end_child();
  }
  if (!with_child_ || evidence_.settled() || clock_.now() < next_run_) return false;
  Result<std::unique_ptr<CalibrationChild>> started = CalibrationChild::start(settings_);
  trouble_ = started ? "" : started.error().message;
  if (!started) {
    end_child();
    return false;
  }
  child_ = std::move(*started);
  return true;
}

void LiveCalibration::add_calibration(Address ip, std::optional<Address> picked) {
  evidence_.add_calibration(ip, child_ && picked && child_->in_buffer(*picked));
}

StallCalibration LiveCalibration::verdict() const {
  StallCalibration verdict;
  verdict.samples = evidence_.calibration_samples();
  verdict.ip_is_behind = evidence_.ip_is_behind();
  verdict.concentration = evidence_.concentration();
  verdict.right_share = evidence_.right_share();
  verdict.settled = evidence_.settled();
  verdict.instruction_seconds = instruction_seconds_;
  verdict.meaning = evidence_.meaning();
  verdict.at_block_starts = evidence_.at_block_starts();
  return verdict;
}

std::string LiveCalibration::describe() const {
  return evidence_.describe() + (trouble_.empty() ? "" : " (" + trouble_ + ")");
}

}  // namespace tier
