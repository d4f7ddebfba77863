// How much of each tier the cgroups with a limit hold while a plan grows. Private to the policy.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace tier {

class FastLimits {
 public:
  // `limits`: as PolicySettings::fast_limits. `totals`: bytes of each tier; the slowest has no limit.
  FastLimits(const std::map<std::string, double>& limits, std::vector<double> totals);

  bool empty() const { return groups_.empty(); }
  // The innermost entry that a cgroup falls under, for the calls below; -1: none, they do nothing then.
  int find(const std::string& cgroup) const;
  // So many bytes came (negative: went) to tier `rank`.
  void add(int limit, int rank, double bytes);
  // Bytes above the limit when `more` come; negative or 0: within.
  double above(int limit, int rank, double more) const;

 private:
  struct Group {
    std::string cgroup;
    double share = 1;
    std::vector<double> held;  // bytes, by rank
  };
  std::vector<Group> groups_;
  std::vector<double> totals_;
};

}  // namespace tier
