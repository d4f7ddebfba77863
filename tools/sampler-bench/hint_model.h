// What the registers beside the decoded address are worth: how much better waits are predicted with them.
// Pure.
//
// The rate at which a program waits in region i is predicted as n_i + w * r_i + alpha: decoded samples there,
// hits of other registers there, and the same for every region. Normalised it is a mixture of distributions,
// so weights are fitted by expectation maximisation on parts of the training samples that were held out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/sampler-bench/register_recording.h"

namespace tier {

// What counts as a hit of a region by a register. Only regions other than the decoded one are hit.
enum class HintForm {
  kNone,             // decoded samples alone: what the others are held against
  kNeighbours,       // decoded samples of the two regions beside; no register. A yardstick
  kConstant,         // each region once a sample
  kPerRegister,      // a weight for each register number
  kRoles,            // weights for: part of the decoded address, base or index nearby, neither
  kDereferenced,     // only base or index nearby
  kUnseen,           // only where no decoded sample lies
  kPresent,          // once a region, however often; apart where decoded samples lie
  kLines,            // different cache lines of a region; apart where decoded samples lie
  kComputing,        // as kConstant, of samples without a decoded address too
  kComputingLines,   // as kLines, of those too
  kNeighboursLines,  // kNeighbours and kLines together
  kShuffled          // as kConstant with the regions exchanged at random: what chance earns
};
inline constexpr std::size_t kHintForms = 13;
const char* name_of(HintForm form);

// A recording with its regions numbered.
struct HintData {
  struct Sample {
    std::int64_t second = 0;
    int region = -1;                           // of the decoded address; -1: none
    std::array<int, kGeneralRegisters> hit{};  // regions that registers point into, -1: none, or as `region`
    std::array<std::uint64_t, kGeneralRegisters> line{};
    std::uint16_t own = 0, dereferenced = 0;
  };
  std::vector<Sample> samples;
  std::vector<Address> regions;  // resident or sampled, sorted
  double length_s = 0;
  double others = 0;      // regions beside the decoded one that a decoded sample's registers point into
  double into_stack = 0;  // registers of a decoded sample that point into the stack, sp apart
  double delivered_per_s = 0;
};
HintData indexed(const RegisterRecording& recording);

// Which seconds train.
enum class HintSplit { kAlternate, kFirstHalf };

// How well one prediction does on the test part.
struct HintScore {
  double log_likelihood = 0;       // nats a test sample
  double eighth = 0, quarter = 0;  // share of test samples in that part of the regions, best first
};

inline constexpr std::size_t kThinnings = 6;  // all, 1/2 … 1/32
struct HintResult {
  std::array<std::array<HintScore, kThinnings>, kHintForms> scores{};  // by form and thinning
  HintScore oracle;  // ranked by the test samples themselves
  // Regions without a decoded sample in training, and the share of them with one in the test part.
  std::uint64_t hit_regions = 0, other_regions = 0;
  double hit_later = 0, other_later = 0;
  double unseen_share = 0;  // of test samples, in regions without a decoded sample in training

  const HintScore& score(HintForm form, std::size_t thinning) const {
    return scores[static_cast<std::size_t>(form)][thinning];
  }
  // How many times as many samples `base` needs to predict as well as `form` does, by log-likelihood, where
  // the training samples are thinned to 2^-thinning. 1: what the form adds is worth nothing. No value where
  // `base` does not get better with more samples, as where the program does something else in the test part.
  std::optional<double> factor(HintForm form, HintForm base, std::size_t thinning) const;
};

// `kept`: share of the training samples that thinning begins from. Deterministic.
HintResult judge(const HintData& data, HintSplit split, double kept);

}  // namespace tier
