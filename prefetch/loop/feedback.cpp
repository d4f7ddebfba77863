#include "prefetch/loop/feedback.h"

#include <algorithm>

namespace tier {
namespace {

using namespace std::chrono_literals;

// Below these a scope does too little to tell anything.
constexpr double kActiveShare = 0.01;       // of one CPU, in user mode
constexpr double kActiveRead = 256 * 1024;  // bytes a second from a block device
constexpr double kActiveSwap = 100;         // pages a second that programs ask of swap
// Shares of the bytes asked for that went on in a file as those before.
constexpr double kMostOfIt = 0.6, kLittleOfIt = 0.25;

PrefetchFeedback node_feedback(const FeedbackInput& input) {
  PrefetchFeedback feedback;
  feedback.node.time = input.now;
  feedback.node.migrating = input.node.migrating;
  feedback.scopes.resize(input.controls.size());
  return feedback;
}

// Progress is the sum of the scopes'; each scope's weight is its share of it.
void sum_up(PrefetchFeedback& feedback) {
  double sum = 0;
  for (const ScopeFeedback& each : feedback.scopes) sum += each.progress.value_or(0);
  if (!(sum > 0)) return;
  feedback.node.progress = sum;
  for (ScopeFeedback& each : feedback.scopes) each.weight = each.progress.value_or(0) / sum;
}

// Work of one CPU: instructions, or where none can be counted the seconds that it computed, those that it
// waited for memory left out (kUserTime counts them as running).
std::optional<double> work_of(const SignalRates& rates, std::uint32_t cpu, bool instructions) {
  if (instructions) return rates.rate(Signal::kInstructions, cpu);
  const auto ran = rates.rate(Signal::kUserTime, cpu);
  if (!ran) return {};
  // Between two ticks of sampling nothing is known.
  if (rates.meter(Signal::kSampledStall)[0] != '\0' && !rates.rate(Signal::kSampledStall)) return {};
  // A CPU that was never sampled has no such counter: nobody waited there.
  return std::max(*ran - rates.rate(Signal::kSampledStall, cpu).value_or(0), 0.0) / 1e9;
}

void see_cpus(const FeedbackInput& input, const PrefetchControl& control, ScopeFeedback& scope) {
  double stall = 0, slow = 0;
  std::array<double, 4> by_pattern{};
  for (const std::uint32_t cpu : control.cpus) {
    if (cpu >= input.node.cpus.size()) continue;
    const CpuActivity& seen = input.node.cpus[cpu];
    stall += seen.stall, slow += seen.slow_stall;
    by_pattern[static_cast<std::size_t>(seen.pattern)] += seen.stall;
  }
  if (!(stall > 0)) return;
  scope.slow_share = slow / stall;
  const auto most = std::max_element(by_pattern.begin(), by_pattern.end());
  scope.pattern = static_cast<AccessPattern>(most - by_pattern.begin());
}

ActuatorFeedback hardware(const FeedbackInput& input) {
  PrefetchFeedback feedback = node_feedback(input);
  feedback.node.fast_use = input.node.fast_use, feedback.node.slow_use = input.node.slow_use;
  const bool instructions = input.rates.rate(Signal::kInstructions).has_value();
  bool whole = true;
  for (std::size_t i = 0; i < input.controls.size(); ++i) {
    double work = 0, ran = 0;
    for (const std::uint32_t cpu : input.controls[i]->cpus) {
      const auto one = work_of(input.rates, cpu, instructions);
      whole &= one.has_value();
      work += one.value_or(0);
      // Where time is not metered whoever executes anything counts as running.
      ran += input.rates.rate(Signal::kUserTime, cpu).value_or(one.value_or(0) > 0 ? 1e9 : 0) / 1e9;
    }
    if (ran >= kActiveShare) feedback.scopes[i].progress = work;
    see_cpus(input, *input.controls[i], feedback.scopes[i]);
  }
  sum_up(feedback);
  if (!whole) feedback.node.progress.reset();  // of the node as a whole, or none
  return {std::move(feedback), instructions ? "instructions" : "seconds of computing"};
}

AccessPattern file_pattern(const SignalRates& rates, std::uint32_t device, double demand) {
  const auto sequential = rates.rate(Signal::kFileSequential, device);
  if (!sequential) return AccessPattern::kUnknown;
  if (*sequential >= kMostOfIt * demand) return AccessPattern::kSequential;
  const double strided = rates.rate(Signal::kFileStrided, device).value_or(0);
  if (strided >= kMostOfIt * demand) return AccessPattern::kStrided;
  return *sequential + strided <= kLittleOfIt * demand ? AccessPattern::kRandom : AccessPattern::kUnknown;
}

// Bytes of files that programs ask for, by devices that have something to read: of what comes from the page
// cache read-ahead changes nothing.
ActuatorFeedback readahead(const FeedbackInput& input) {
  PrefetchFeedback feedback = node_feedback(input);
  for (std::size_t i = 0; i < input.controls.size(); ++i) {
    const std::uint32_t device = input.controls[i]->settings.front().values.front().knob.knob.unit;
    const auto demand = input.rates.rate(Signal::kFileDemand, device);
    const auto read = input.rates.rate(Signal::kDeviceRead, device);
    if (!demand || !read || *read < kActiveRead || !(*demand > 0)) continue;
    feedback.scopes[i].progress = demand;
    feedback.scopes[i].pattern = file_pattern(input.rates, device, *demand);
  }
  sum_up(feedback);
  return {std::move(feedback), "bytes of files asked for"};
}

// Pages that programs ask of swap: those that were read because one of them faulted, and those that had been
// read ahead when they did.
ActuatorFeedback page_cluster(const FeedbackInput& input) {
  PrefetchFeedback feedback = node_feedback(input);
  const auto read = input.rates.rate(Signal::kSwapIns), ahead = input.rates.rate(Signal::kSwapReadahead),
             hits = input.rates.rate(Signal::kSwapReadaheadHits);
  if (read && ahead && hits)
    if (const double asked = std::max(*read - *ahead, 0.0) + *hits; asked >= kActiveSwap)
      for (ScopeFeedback& each : feedback.scopes) each.progress = asked;
  sum_up(feedback);
  return {std::move(feedback), "pages asked of swap"};
}

}  // namespace

const std::vector<FeedbackEntry>& feedback_table() {
  static const std::vector<FeedbackEntry> table = {
      {"hardware", 0ms, 500ms, 0.01, 3, hardware},
      // A file takes its read-ahead when it is opened (mm/readahead.c, file_ra_state_init): what is open
      // keeps it.
      {"readahead", 500ms, 500ms, 0.05, 1, readahead},
      {"page-cluster", 0ms, 500ms, 0.05, 1, page_cluster}};
  return table;
}

}  // namespace tier
