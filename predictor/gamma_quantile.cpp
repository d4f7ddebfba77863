#include "predictor/gamma_quantile.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/quantiles.h"

namespace tier {
namespace {

constexpr double kLeastShape = 0.01, kMostShape = 1e5;

// The place in the table is found without a logarithm: every octave is divided in equal steps, as the
// exponent and the first bits of a double's fraction count them, and between them lies a line. The forecast
// of every region asks here each tick.
class Table {
 public:
  Table() {
    for (std::size_t i = 0; i < kCells; ++i) {
      const double shape = std::bit_cast<double>((kFirst + i) << kFractionBits);
      ratios_[i] = {gamma_quantile(shape, 0.1) / shape, gamma_quantile(shape, 0.9) / shape};
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
