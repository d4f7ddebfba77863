#include "tools/tier-lab/agent/rival.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "tools/tier-lab/agent/facts.h"

namespace tier::lab {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kDamon = "/sys/kernel/mm/damon/admin/kdamonds";

// Collects writes and remembers the first that the kernel refused.
class Setter {
 public:
  void set(const std::string& path, const std::string& value) {
    if (!error_.empty() || write_text(path, value)) return;
    error_ = "cannot write '" + value + "' to " + path + ": " + std::strerror(errno);
  }
  void set(const std::string& path, long long value) { set(path, std::to_string(value)); }
  const std::string& error() const { return error_; }

 private:
  std::string error_;
};

// One kdamond that watches the physical memory of `ranges` and applies one migration scheme to it.
struct Scheme {
  std::string action;
  int target_node = 0;
  long long min_accesses = 0, max_accesses = 0;
  json ranges;               // [[start, end], …] physical bytes
  bool young = false;        // of a region, only the pages accessed lately; otherwise only the others
  std::string goal;          // metric that the quota is tuned by, where goals are used
  long long goal_value = 0;  // ten-thousandths of the fast node
};

void set_range(Setter& to, const std::string& folder, long long low, const std::string& high) {
  to.set(folder + "/min", low);
  to.set(folder + "/max", high);
}

// What damo's script for two tiers asks for (scripts/mem_tier.sh): quotas tuned to how full the fast node is,
// intervals tuned to 4 % of all checks finding an access, and pages looked at one by one before they move.
void follow_goals(Setter& to, const std::string& context, const Scheme& scheme, int fast_node) {
  const std::string intervals = context + "/monitoring_attrs/intervals/intervals_goal";
  to.set(intervals + "/access_bp", 400);
  to.set(intervals + "/aggrs", 3);
  to.set(intervals + "/min_sample_us", 5'000);
  to.set(intervals + "/max_sample_us", 10'000'000);
  const std::string folder = context + "/schemes/0", goal = folder + "/quotas/goals/0";
  to.set(folder + "/apply_interval_us", 1'000'000);
  to.set(folder + "/quotas/goals/nr_goals", 1);
  to.set(goal + "/target_metric", scheme.goal);
  to.set(goal + "/target_value", scheme.goal_value);
  to.set(goal + "/nid", fast_node);
  // The first tuner begins at one byte and doubles it each second; since Linux 7.1 there is one that uses
  // the whole quota until the goal is reached.
  const std::string tuner = folder + "/quotas/goal_tuner";
  if (fs::exists(tuner)) to.set(tuner, "temporal");
  to.set(folder + "/filters/nr_filters", 1);
  to.set(folder + "/filters/0/type", "young");
  to.set(folder + "/filters/0/matching", "Y");
  to.set(folder + "/filters/0/allow", scheme.young ? "Y" : "N");
}

void start_kdamond(Setter& to, int index, const Scheme& scheme, int fast_node, const json& damos) {
  const std::string kdamond = std::string(kDamon) + "/" + std::to_string(index);
  to.set(kdamond + "/contexts/nr_contexts", 1);
  const std::string context = kdamond + "/contexts/0";
  to.set(context + "/operations", "paddr");
  const std::string attributes = context + "/monitoring_attrs";
  to.set(attributes + "/intervals/sample_us", damos.at("sample_us").get<long long>());
  to.set(attributes + "/intervals/aggr_us", damos.at("aggr_us").get<long long>());
  to.set(attributes + "/intervals/update_us", damos.at("aggr_us").get<long long>() * 10);
  to.set(attributes + "/nr_regions/max", damos.at("max_regions").get<long long>());
  to.set(attributes + "/nr_regions/min", damos.at("min_regions").get<long long>());
  to.set(context + "/targets/nr_targets", 1);
  const std::string regions = context + "/targets/0/regions";
  to.set(regions + "/nr_regions", static_cast<long long>(scheme.ranges.size()));
  for (std::size_t i = 0; i < scheme.ranges.size(); ++i) {
    to.set(regions + "/" + std::to_string(i) + "/start", scheme.ranges[i][0].get<long long>());
    to.set(regions + "/" + std::to_string(i) + "/end", scheme.ranges[i][1].get<long long>());
  }
  to.set(context + "/schemes/nr_schemes", 1);
  const std::string folder = context + "/schemes/0";
  to.set(folder + "/action", scheme.action);
  to.set(folder + "/target_nid", scheme.target_node);
  const std::string no_limit = "18446744073709551615";
  set_range(to, folder + "/access_pattern/sz", 0, no_limit);
  set_range(to, folder + "/access_pattern/nr_accesses", scheme.min_accesses,
            std::to_string(scheme.max_accesses));
  set_range(to, folder + "/access_pattern/age", damos.at("min_age").get<long long>(), "4294967295");
  to.set(folder + "/quotas/bytes", damos.at("quota_mib_per_s").get<long long>() << 20);
  to.set(folder + "/quotas/ms", damos.at("quota_ms_per_s").get<long long>());
  to.set(folder + "/quotas/reset_interval_ms", 1000);
  if (damos.at("goals").get<bool>()) follow_goals(to, context, scheme, fast_node);
  to.set(folder + "/quotas/weights/nr_accesses_permil", 1000);
  to.set(folder + "/quotas/weights/age_permil", 0);
  to.set(folder + "/quotas/weights/sz_permil", 0);
  to.set(kdamond + "/state", "on");
}

// A pair as DAMON's documentation lays self-tiering out: one kdamond for each tier, each with its own scheme.
void apply_damos(Setter& to, const json& plan) {
  const json& damos = plan.at("damos");
  const long long samples =
      std::max(1LL, damos.at("aggr_us").get<long long>() / damos.at("sample_us").get<long long>());
  const auto share = [&](const char* key) { return samples * damos.at(key).get<long long>() / 100; };
  to.set(std::string(kDamon) + "/nr_kdamonds", 2);
  const int fast = plan.at("fast_node").get<int>();
  start_kdamond(to, 0,
                {"migrate_hot", fast, share("hot_min_percent"), samples, plan.at("slow_ranges"), true,
                 "node_mem_used_bp", 9970},
                fast, damos);
  start_kdamond(to, 1,
                {"migrate_cold", plan.at("slow_nodes").at(0).get<int>(), 0, share("cold_max_percent"),
                 plan.at("fast_ranges"), false, "node_mem_free_bp", 50},
                fast, damos);
}

void apply_numab(Setter& to, const json& plan) {
  const json& numab = plan.at("numab");
  to.set("/sys/kernel/mm/numa/demotion_enabled", "true");
  to.set("/proc/sys/kernel/numa_balancing_promote_rate_limit_MBps",
         numab.at("rate_limit_mb_per_s").get<long long>());
  const std::string tuning = "/sys/kernel/debug/sched/numa_balancing/";
  to.set(tuning + "scan_delay_ms", numab.at("scan_delay_ms").get<long long>());
  to.set(tuning + "scan_period_min_ms", numab.at("scan_period_min_ms").get<long long>());
  to.set(tuning + "hot_threshold_ms", numab.at("hot_threshold_ms").get<long long>());
  to.set("/proc/sys/kernel/numa_balancing", 2);
}

}  // namespace

std::string apply_rival(const json& plan) {
  Setter to;
  to.set("/sys/kernel/mm/transparent_hugepage/enabled", plan.at("thp").get<std::string>());
  const std::string tool = plan.at("tool").get<std::string>();
  if (tool == "numab") {
    apply_numab(to, plan);
    return to.error();
  }
  // Nothing but the tool under test may move pages: Debian's kernels balance between nodes by default.
  if (plan.at("numa_balancing") == "off" && fs::exists("/proc/sys/kernel/numa_balancing"))
    to.set("/proc/sys/kernel/numa_balancing", 0LL);
  if (fs::exists("/sys/kernel/mm/numa/demotion_enabled"))
    to.set("/sys/kernel/mm/numa/demotion_enabled", "false");
  // Weights follow the bandwidths that firmware tells of, where the kernel does that (Linux 6.16).
  const std::string weights = "/sys/kernel/mm/mempolicy/weighted_interleave/auto";
  if (tool == "interleave" && fs::exists(weights)) to.set(weights, "true");
  if (tool == "damos") {
    if (!fs::exists(kDamon))
      return std::string(kDamon) + " is missing: this kernel has no DAMON; use --kernel 6.12 or 7.2";
    // Linux 6.17 and later may watch the whole machine from boot on, and nobody else then (DAMON_STAT).
    const std::string statistics = "/sys/module/damon_stat/parameters/enabled";
    if (fs::exists(statistics)) to.set(statistics, "N");
    apply_damos(to, plan);
  }
  return to.error();
}

json damos_moved() {
  if (read_text(std::string(kDamon) + "/nr_kdamonds").substr(0, 1) != "2") return json::object();
  const auto applied = [](int index) {
    const std::string kdamond = std::string(kDamon) + "/" + std::to_string(index);
    write_text(kdamond + "/state", "update_schemes_stats");
    return std::atoll(read_text(kdamond + "/contexts/0/schemes/0/stats/sz_applied").c_str());
  };
  return {{"hot_bytes", applied(0)}, {"cold_bytes", applied(1)}};
}

}  // namespace tier::lab
