#include "sim/prefetch/course.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier::sim {
namespace {

constexpr int kDraws = 200;
// Of the scopes, how many change places with others at a phase's end.
constexpr double kMoving = 0.25;
// The load's drift: an autoregression whose standard deviation is 2 %, with one step in ten intervals [A].
constexpr std::size_t kDriftStep = 10;
constexpr double kDrift = 0.02, kDriftMemory = 0.9;

double draw_normal(std::mt19937_64& random) {  // Box and Muller
  const double radius = std::sqrt(draw_exponential(random, 2));
  return radius * std::cos(2 * M_PI * draw_uniform(random));
}

std::vector<double> draw_intensity(std::mt19937_64& random, std::size_t intervals) {
  std::vector<double> intensity(intervals);
  double drift = 0;
  for (std::size_t i = 0; i < intervals; ++i) {
    if (i % kDriftStep == 0)
      drift =
          kDriftMemory * drift + kDrift * std::sqrt(1 - kDriftMemory * kDriftMemory) * draw_normal(random);
    intensity[i] = 1 + drift;
  }
  return intensity;
}

void change_places(std::mt19937_64& random, std::vector<std::uint32_t>& places) {
  const auto count = static_cast<std::uint32_t>(places.size());
  for (std::uint32_t i = 0; i < count; ++i)
    if (draw_uniform(random) < kMoving) std::swap(places[i], places[draw_below(random, count)]);
}

}  // namespace

Result<PrefetchCourse> draw_course(const char* scenario, std::uint64_t seed, std::size_t intervals,
                                   std::size_t scopes, Range length, const DrawModel& draw,
                                   const Promise& promise) {
  std::mt19937_64 random(seed);
  PrefetchCourse course;
  course.scopes = scopes;
  course.intensity = draw_intensity(random, intervals);
  std::vector<std::uint32_t> places = draw_order(random, static_cast<std::uint32_t>(scopes));
  for (std::size_t begin = 0; begin < intervals;) {
    PrefetchPhase phase{begin, static_cast<std::size_t>(length.draw(random)), {}};
    phase.intervals = std::min(phase.intervals, intervals - begin);
    const std::size_t number = course.phases.size();
    for (int i = 0; i < kDraws && !phase.model; ++i) {
      auto model = draw(random, number, places);
      if (promise(*model, number)) phase.model = std::move(model);
    }
    if (!phase.model)
      return fail(ErrorKind::kFailed,
                  fmt::format("scenario {}: none of {} draws of phase {} keeps what it promises (seed {})",
                              scenario, kDraws, number, seed),
                  "another --seed, and widen the scenario's ranges in sim/prefetch");
    course.settings = phase.model->settings();
    begin += phase.intervals;
    course.phases.push_back(std::move(phase));
    change_places(random, places);
  }
  return course;
}

}  // namespace tier::sim
