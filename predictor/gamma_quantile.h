// Quantiles of the Gamma distribution by table: the uncertainty of a rate known from counts.
#pragma once

namespace tier {

// Quantile 0.1 (or 0.9) of Gamma(shape, 1) divided by its mean, which is `shape`. Shapes from 0.01 to 1e5;
// others are clamped. Within 1 % of the exact value where that exceeds 1e-6.
double gamma_low_ratio(double shape);   // 0.1 quantile
double gamma_high_ratio(double shape);  // 0.9 quantile

}  // namespace tier
