// Quantiles of the Gamma distribution by table: the uncertainty of a rate known from counts.
#pragma once

namespace tier {

// Quantiles 0.1 and 0.9 of Gamma(shape, 1) divided by its mean, which is `shape`. Shapes from 0.01 to 1e5;
// others are clamped. Within 1 % of the exact value where that exceeds 1e-6.
struct GammaRatios {
  double low = 0, high = 0;
};
GammaRatios gamma_ratios(double shape);

}  // namespace tier
