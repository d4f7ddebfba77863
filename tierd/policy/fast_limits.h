// How much of each tier the cgroups with a limit hold while a plan grows. Private to the policy.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/target.h"

namespace tier {

class FastLimits {
 public:
  // `totals`: bytes of each tier; the slowest has no limit. `limits`: as PolicySettings::fast_limits.
  void reset(const std::map<std::string, double>& limits, std::vector<double> totals);
  // The target moved so many bytes (negative: away) to tier `rank`.
  void add(const Target& target, int rank, double bytes);
  // Bytes by which the target's cgroup is above its limit when `more` come; negative or 0: within.
  double above(const Target& target, int rank, double more) const;
  // Whether both count towards the same limit.
  bool together(const Target& a, const Target& b) const;

 private:
  struct Group {
    std::string cgroup;
    double share = 1;
    std::vector<double> held;  // bytes, by rank
  };
  const Group* group_of(const Target& target) const;

  std::vector<Group> groups_;
  std::vector<double> totals_;
};

}  // namespace tier
