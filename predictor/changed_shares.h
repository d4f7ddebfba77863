// Which share of each group of regions changed its behaviour in this tick: a phase change is seen in the
// population before it can be seen in one region.
#pragma once

#include <array>
#include <cstddef>

namespace tier {

class ChangedShares {
 public:
  static constexpr std::size_t kGroups = 3;
  using Shares = std::array<double, kGroups>;

  ChangedShares();
  // One region's evidence: `fresh` = probability that it changed, were both as likely beforehand.
  void add(std::size_t group, double fresh);
  void add_alike(std::size_t group, double fresh, double regions);
  // Posterior means, when most ticks are quiet and a few begin a new phase, in which any share is as likely
  // as any other.
  Shares estimate();

 private:
  static constexpr std::size_t kSteps = 11;
  struct Group {
    std::array<double, kSteps> log_fit{};
    std::array<double, kSteps> product;  // likelihoods not yet in log_fit
    std::size_t pending = 0;
  };
  static std::array<double, kSteps> likelihoods(double fresh);
  static void flush(Group& group);

  std::array<Group, kGroups> groups_;
};

}  // namespace tier
