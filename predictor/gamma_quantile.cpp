#include "predictor/gamma_quantile.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "predictor/log_gamma.h"

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
  return std::min(1.0, std::exp(shape * std::log(x) - x - log_gamma(shape)) * sum);
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

// Logarithms of one quantile's ratio, between which a line is as good as a curve.
struct Points {
  explicit Points(double probability) {
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

// The same drawn so finely that the ratios themselves may be interpolated, and the place found without a
// logarithm: every octave in equal steps, as the exponent and the first bits of a double's fraction count
// them. A forecast of every region each tick asks here.
class Table {
 public:
  Table() {
    const Points low(0.1), high(0.9);
    for (std::size_t i = 0; i < kCells; ++i) {
      const double shape = std::bit_cast<double>((kFirst + i) << kFractionBits);
      ratios_[i] = {low.at(shape), high.at(shape)};
    }
  }
  GammaRatios at(double shape) const {
    // Comparisons in this order make a NaN the least shape too, not a place outside the table.
    const double clamped = shape > kLeastShape ? std::min(shape, kMostShape) : kLeastShape;
    const auto bits = std::bit_cast<std::uint64_t>(clamped);
    const GammaRatios& a = ratios_[(bits >> kFractionBits) - kFirst];
    const GammaRatios& b = ratios_[(bits >> kFractionBits) - kFirst + 1];
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << kFractionBits) - 1);
    const double part = static_cast<double>(static_cast<std::int64_t>(fraction)) * 0x1p-46;
    return {a.low + (b.low - a.low) * part, a.high + (b.high - a.high) * part};
  }

 private:
  static constexpr int kFractionBits = 46;  // of the 52, within one of 64 steps per octave
  static constexpr std::uint64_t kFirst = std::bit_cast<std::uint64_t>(kLeastShape) >> kFractionBits;
  static constexpr std::size_t kCells =
      (std::bit_cast<std::uint64_t>(kMostShape) >> kFractionBits) - kFirst + 2;
  std::array<GammaRatios, kCells> ratios_;
};

}  // namespace

GammaRatios gamma_ratios(double shape) {
  static const Table table;
  return table.at(shape);
}

}  // namespace tier
