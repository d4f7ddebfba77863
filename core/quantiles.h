// Quantiles of the distributions that forecasts and their comparison use, computed by Boost.Math.
#pragma once

namespace tier {

// The value below which Gamma(shape, 1) lies with this probability. Shapes are clamped to [0.001, 1e8]. NaN
// if the shape is NaN or the probability is not between 0 and 1.
double gamma_quantile(double shape, double probability);

// Student's t at the probability at which the normal distribution has `normal_quantile`, with so many degrees
// of freedom. Degrees are clamped to [1, 1e8]. NaN if either is NaN or |normal_quantile| is above 8.
double student_quantile(double normal_quantile, double degrees);

}  // namespace tier
