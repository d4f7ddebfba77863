#include "predictor/network/signature.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace tier {
namespace {

constexpr int kBits = 4, kMostLevel = 15;
static_assert(kWorkloadNumbers * kBits == 64);

// Width of a level, of the number's own unit: shares and cosines lie between 0 and 1, and vary by a tenth
// with the samples drawn. What tells of the sampling rate more than of the program (samples, touched,
// top-share) has wider ones.
constexpr std::array<float, kWorkloadNumbers> kLevel = {
    0.5F,    // samples
    0.2F,    // touched
    0.125F,  // change
    0.125F,  // back-1
    0.125F,  // back-4
    0.125F,  // back-16
    0.125F,  // steady
    0.125F,  // neighbours
    0.125F,  // going-up
    0.125F,  // going-down
    0.125F,  // spread
    0.2F,    // top-share
    0.125F,  // writes
    0.125F,  // arrivals
    0.2F,    // regions
    0.25F,   // tick
};

}  // namespace

std::optional<std::uint64_t> workload_signature(const WorkloadWindows& windows) {
  if (windows.ticks() < kWindows * kWindowTicks) return std::nullopt;
  const auto known = windows.windows();
  std::uint64_t signature = 0;
  for (std::size_t n = 0; n < kWorkloadNumbers; ++n) {
    float sum = 0;
    for (const WorkloadNumbers& window : known) sum += window[n];
    const float level = std::round(sum / static_cast<float>(known.size()) / kLevel[n]);
    // A number that is none is level 0.
    const auto bounded =
        level > 0 ? static_cast<std::uint64_t>(std::min(level, static_cast<float>(kMostLevel))) : 0;
    signature |= bounded << (kBits * n);
  }
  return signature;
}

int signature_distance(std::uint64_t a, std::uint64_t b) {
  int distance = 0;
  for (std::size_t n = 0; n < kWorkloadNumbers; ++n)
    distance += std::abs(static_cast<int>((a >> (kBits * n)) & kMostLevel) -
                         static_cast<int>((b >> (kBits * n)) & kMostLevel));
  return distance;
}

const SignatureEntry* nearest_entry(std::span<const SignatureEntry> entries, std::uint64_t signature) {
  const SignatureEntry* nearest = nullptr;
  int least = kSameWorkload;
  for (const SignatureEntry& entry : entries) {  // the one used last comes last
    const int distance = signature_distance(entry.signature, signature);
    if (distance <= least) nearest = &entry, least = distance;
  }
  return nearest;
}

}  // namespace tier
