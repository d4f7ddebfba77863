// Boost.Math takes seconds to compile, so this is the only source that includes it. A failed assertion of
// Boost would end the daemon over an estimate; the ranges below are those it was tried in.
#define BOOST_DISABLE_ASSERTS
#include "core/quantiles.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

namespace tier {
namespace {

namespace policies = boost::math::policies;

// By default Boost throws. Here an error is a value that is NaN or infinite.
using NoThrow = policies::policy<
    policies::domain_error<policies::ignore_error>, policies::pole_error<policies::ignore_error>,
    policies::overflow_error<policies::ignore_error>, policies::evaluation_error<policies::ignore_error>,
    policies::rounding_error<policies::ignore_error>, policies::promote_double<false>>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastShape = 1e-3, kLeastDegrees = 1, kMost = 1e8;
constexpr double kFarthestNormal = 8;  // a tail of 6e-16, near the resolution of a double beside 1

}  // namespace

double gamma_quantile(double shape, double probability) {
  if (std::isnan(shape) || !(probability > 0 && probability < 1)) return kNaN;
  return boost::math::gamma_p_inv(std::clamp(shape, kLeastShape, kMost), probability, NoThrow());
}

double student_quantile(double normal_quantile, double degrees) {
  if (std::isnan(degrees) || !(std::abs(normal_quantile) <= kFarthestNormal)) return kNaN;
  const boost::math::students_t_distribution<double, NoThrow> student(
      std::clamp(degrees, kLeastDegrees, kMost));
  // The upper tail, since a probability near 1 would lose digits.
  const double tail = std::erfc(normal_quantile / std::sqrt(2.0)) / 2;
  return boost::math::quantile(boost::math::complement(student, tail));
}

}  // namespace tier
