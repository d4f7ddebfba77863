#include "platform/linux/sampling/stall_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tier {
namespace {

// The header has the reasons.
const double kSettled = std::log(1000.0);
const double kPriorOfMeaning = std::log(99.0);
constexpr double kPriorShareBehind = 0.9;
constexpr double kShareAtPlace = 0.5;        // of calibration samples, where samples follow waiting
constexpr double kShareOfPrevailing = 0.75;  // of live steps, where samples follow waiting
constexpr double kMostLiveForWaiting = 3.0;
constexpr double kMostLiveForPlace = 12.0;
constexpr std::uint64_t kEpoch = 2048;          // live steps
constexpr std::uint64_t kSamplesPerPlace = 16;  // that count as independent
constexpr std::size_t kMostPlaces = kEpoch / kSamplesPerPlace;

}  // namespace

void LiveTransitions::add(Address ip, X86Transition transition) {
  if (!transition.out_of_reading() && !transition.into_reading()) return;
  if (now_.out + now_.into >= kEpoch) before_ = std::exchange(now_, {});
  ++(transition.out_of_reading() ? now_.out : now_.into);
  if (now_.places.size() < kMostPlaces) now_.places.insert(ip);
}

double LiveTransitions::log_odds(std::uint64_t many, std::uint64_t few) const {
  const double total = static_cast<double>(many + few);
  if (total == 0) return 0;
  const auto places = static_cast<double>(now_.places.size() + before_.places.size());
  const double independent = std::min(1.0, places * static_cast<double>(kSamplesPerPlace) / total);
  const double prevailing = static_cast<double>(many) * std::log(kShareOfPrevailing / 0.5) +
                            static_cast<double>(few) * std::log((1 - kShareOfPrevailing) / 0.5);
  return std::max(0.0, prevailing * independent);
}

void StallEvidence::add_calibration(Address ip, bool right) {
  if (ip < loop_.begin || ip >= loop_.end) return;
  ++samples_;
  if (ip == loop_.begin) ++at_begin_;
  if (ip == loop_.load) ++at_load_, right_at_ += right ? 1U : 0U;
  if (ip == loop_.after) ++behind_load_, right_behind_ += right ? 1U : 0U;
}

StallEvidence::Scores StallEvidence::scores() const {
  const double instructions = loop_.instructions;
  const double elsewhere = std::log((1 - kShareAtPlace) / (instructions - 1));
  const auto loop_score = [&](unsigned hits) {
    return hits * std::log(kShareAtPlace) + (samples_ - hits) * elsewhere;
  };
  const double of_waiting = prior_ == WeightMeaning::kStall ? 0 : -kPriorOfMeaning;
  const double of_frequency = prior_ == WeightMeaning::kStall ? -kPriorOfMeaning : 0;
  Scores sum{loop_score(behind_load_) + std::log(kPriorShareBehind) + of_waiting,
             loop_score(at_load_) + std::log(1 - kPriorShareBehind) + of_waiting,
             of_frequency - samples_ * std::log(instructions)};
  const double behind = live_.log_odds_behind(), at = live_.log_odds_at();
  const double waiting = std::min(kMostLiveForWaiting, std::max(behind, at));
  const double less = std::min(kMostLiveForPlace, std::abs(behind - at));
  sum.behind += waiting - (behind < at ? less : 0);
  sum.at += waiting - (at < behind ? less : 0);
  return sum;
}

WeightMeaning StallEvidence::meaning() const {
  const Scores sum = scores();
  return std::max(sum.behind, sum.at) >= sum.frequency ? WeightMeaning::kStall : WeightMeaning::kAccesses;
}

bool StallEvidence::ip_is_behind() const {
  const Scores sum = scores();
  return sum.behind >= sum.at;
}

bool StallEvidence::at_block_starts() const { return samples_ >= 4 && 2 * at_begin_ > samples_; }

bool StallEvidence::settled() const {
  const Scores sum = scores();
  const double waiting = std::max(sum.behind, sum.at);
  if (std::abs(waiting - sum.frequency) < kSettled) return false;
  return waiting < sum.frequency || std::abs(sum.behind - sum.at) >= kSettled;
}

double StallEvidence::concentration() const {
  const unsigned hits = ip_is_behind() ? behind_load_ : at_load_;
  return samples_ == 0 ? 0 : static_cast<double>(hits) / samples_ * loop_.instructions;
}

double StallEvidence::right_share() const {
  const unsigned hits = ip_is_behind() ? behind_load_ : at_load_;
  const unsigned right = ip_is_behind() ? right_behind_ : right_at_;
  return hits == 0 ? 0 : static_cast<double>(right) / hits;
}

std::string StallEvidence::describe() const {
  const bool waiting = meaning() == WeightMeaning::kStall;
  std::string text = waiting ? "samples follow waiting time"
                             : "this machine shows no waiting (an emulator): samples follow access frequency";
  text += samples_ == 0 ? "; no calibration sample yet"
                        : fmt::format(
                              ": the calibration load drew {:.1f} times its share of {} samples, {:.1f} % of "
                              "them decoded to the right address",
                              concentration(), samples_, 100 * right_share());
  if (const std::uint64_t out = live_.out_of_reading(), into = live_.into_reading(); out + into > 0)
    text += fmt::format("; in programs {} samples directly behind a load, {} directly at one", out, into);
  if (!waiting && at_block_starts()) text += "; interrupts come only where a block of code begins";
  text += fmt::format("; the saved pointer is {} the access", ip_is_behind() || !waiting ? "behind" : "at");
  if (settled()) return text;
  const char* prior =
      prior_ == WeightMeaning::kStall ? "no emulator is named by CPUID" : "CPUID names an emulator";
  return text + fmt::format("; not settled yet, so taken from what is likely ({})", prior);
}

}  // namespace tier
