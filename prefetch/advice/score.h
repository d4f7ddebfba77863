// Whether advice earns its keep, and how much of it may be given.
#pragma once

#include <optional>
#include <string>

#include "core/units.h"

namespace tier {

struct AdviceScoreSettings {
  double least_useful = 0.5;  // share of the judged bytes that must have been used
  Bytes evidence = 8_MiB;     // judged, that a verdict needs; so much is given to try
  Nanoseconds first_rest = std::chrono::seconds(10), longest_rest = std::chrono::minutes(10);
};

// Begins by trying a little. What proves useful may go on; what does not rests, twice as long every time in a
// row, and is tried again.
class AdviceScore {
 public:
  explicit AdviceScore(AdviceScoreSettings settings = {}) : settings_(settings) {}

  // Bytes that may be advised at `now` as far as it is up to this; the whole range of the type while leading.
  Bytes allowance(Nanoseconds now);
  void given(Bytes advised) { given_ += advised; }
  void judged(Bytes advised, Bytes used, Nanoseconds now);
  void dropped(Bytes advised);  // given, and cannot be judged: the process has gone
  // Nothing can be given now, for another reason than what came of it.
  void rest(Nanoseconds now);

  std::optional<double> useful_share() const;  // of what was judged lately; none: nothing was
  std::string text(Nanoseconds now) const;     // one sentence

 private:
  enum class Stage { kTrying, kLeading, kResting };
  void begin_try();

  AdviceScoreSettings settings_;
  Stage stage_ = Stage::kTrying;
  Bytes given_;                   // in this try
  double used_ = 0, judged_ = 0;  // bytes; the older the less they count
  std::optional<double> share_;
  Nanoseconds rested_until_{}, next_rest_{};
};

}  // namespace tier
