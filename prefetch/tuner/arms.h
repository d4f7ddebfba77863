// What is known of the settings in one context: an estimate of each one's worth that fades.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tier {

// The worth of a setting against the default: the natural logarithm of the node's progress under it over
// that under the default, for a group that is all of the node's activity. Normal, of unknown variance growing
// as its evidence fades (a discounted bandit: Kocsis and Szepesvári, 2006).
struct Arm {
  double gain = 0, precision = 0;  // precision: one over the variance; 0: never tried
  std::uint64_t due = 0;           // interval from which it may be tried (again)
  unsigned failures = 0;           // tries in a row that did not win

  bool tried() const { return precision > 0; }
  double deviation() const;  // of the gain; infinite where it was not tried
  void observe(double gain, double variance);
};

// The settings of one context.
struct Arms {
  std::vector<Arm> arms;         // by setting; the default's gain is 0 by definition
  std::size_t incumbent = 0;     // in force in this context
  std::uint64_t seen = 0;        // intervals that the context was live
  std::uint64_t check_at = 0;    // of `seen`: the default is given a slice of time then
  unsigned checks = 0;           // slices that the incumbent has won
  std::uint64_t rest_until = 0;  // interval
  double noise = 0;              // standard deviation of one interval's log progress; 0: not known yet
  unsigned noise_seen = 0;       // differences that it was learnt from

  // Evidence counts for less by `discount` each interval.
  void fade(double discount);
};

// The setting to try next, of those in `order` (from the least prefetching to the most): one beside the
// incumbent, or beyond it where what lies between is not clearly worse. `down`: less prefetching is looked at
// first. None: nothing is due.
std::optional<std::size_t> next_candidate(const Arms& arms, const std::vector<std::size_t>& order, bool down,
                                          std::uint64_t interval, double promise);

}  // namespace tier
