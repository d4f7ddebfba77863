#include "platform/linux/sampling/waiting_share.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

namespace tier {
namespace {

// Steps taken for waiting before any is seen: a program that waits is not to be taken for one that computes
// by its first samples.
constexpr double kPrior = 16;
// Samples of a place that weigh as much as what is known of its program.
constexpr double kPlacePrior = 4;
// Steps at which the older ones count half: a program's next phase is known within a thousand.
constexpr double kMostSteps = 1024;

}  // namespace

void WaitingShare::add(const X86Transition& step) {
  if (step.behind_accesses == step.at_accesses) return;
  if (out_ + into_ >= kMostSteps) out_ /= 2, into_ /= 2;
  ++(step.behind_accesses ? out_ : into_);
}

double WaitingShare::of_program(bool ip_is_behind) const {
  const double waiting = ip_is_behind ? out_ : into_, other = ip_is_behind ? into_ : out_;
  return std::clamp((waiting - other + kPrior) / (waiting + kPrior), 0.0, 1.0);
}

double WaitingShare::of(const X86Transition& step, bool ip_is_behind,
                        const std::optional<SampledPlace>& place) const {
  if (!(ip_is_behind ? step.behind_accesses : step.at_accesses)) return 0;
  const double share = of_program(ip_is_behind);
  if (!ip_is_behind || !place) return share;
  const auto here = static_cast<double>(place->here), in_front = static_cast<double>(place->in_front);
  return std::clamp((here - in_front + kPlacePrior * share) / (here + kPlacePrior), 0.0, 1.0);
}

bool drawn(double share, std::uint64_t time_ns, std::uint64_t address) {
  const std::array<std::uint64_t, 2> words = {time_ns, address};
  return static_cast<double>(XXH3_64bits(words.data(), sizeof words) >> 11U) * 0x1p-53 < share;
}

}  // namespace tier
