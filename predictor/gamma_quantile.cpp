#include "predictor/gamma_quantile.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tier {
namespace {

constexpr double kLeastShape = 0.01, kMostShape = 1e5;
constexpr int kPerOctave = 8;
constexpr int kPoints = 188;  // log2(1e5 / 0.01) * 8 + 2

// Regularised lower incomplete gamma function by its series; converges for every x, in about x terms.
double lower_gamma(double shape, double x) {
  if (x <= 0) return 0;
  double term = 1 / shape, sum = term;
  for (int n = 1; n < 10'000; ++n) {
    term *= x / (shape + n);
    sum += term;
    if (term < sum * 1e-13) break;
  }
  return std::min(1.0, std::exp(shape * std::log(x) - x - std::lgamma(shape)) * sum);
}

double exact_quantile(double shape, double probability) {
  if (shape > 200) {  // Wilson-Hilferty, better than 1e-4 here
    const double z = probability < 0.5 ? -1.2815515655 : 1.2815515655;
    const double c = 1 - 1 / (9 * shape) + z / (3 * std::sqrt(shape));
    return shape * c * c * c;
  }
  double low = -700, high = std::log(shape + 10 * std::sqrt(shape) + 10);  // of log x
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (lower_gamma(shape, std::exp(middle)) < probability ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

struct Table {
  explicit Table(double probability) {
    for (int i = 0; i < kPoints; ++i) {
      const double shape = kLeastShape * std::exp2(static_cast<double>(i) / kPerOctave);
      log_ratio[i] = std::log(exact_quantile(shape, probability) / shape);
    }
  }
  double at(double shape) const {
    const double clamped = std::clamp(shape, kLeastShape, kMostShape);
    const double position = std::log2(clamped / kLeastShape) * kPerOctave;
    const int i = std::min(static_cast<int>(position), kPoints - 2);
    const double part = position - i;
    return std::exp(log_ratio[i] * (1 - part) + log_ratio[i + 1] * part);
  }
  std::array<double, kPoints> log_ratio{};
};

}  // namespace

double gamma_low_ratio(double shape) {
  static const Table table(0.1);
  return table.at(shape);
}

double gamma_high_ratio(double shape) {
  static const Table table(0.9);
  return table.at(shape);
}

}  // namespace tier
