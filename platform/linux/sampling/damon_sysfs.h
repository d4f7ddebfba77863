// One kdamond of our own through DAMON's sysfs. DAMON has one owner: with any kdamond in use by another, we
// refuse; one that a tierd left behind when it was killed is taken over.
#pragma once

#include <string>
#include <vector>

#include "core/address_range.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/damon_record.h"

namespace tier {

struct DamonIntervals {
  Nanoseconds sampling{}, aggregation{};
};

struct DamonTarget {
  Pid pid;
  std::vector<AddressRange> spans;  // sorted
};

// The kernel's own user of DAMON that is switched on (damon_stat, damon_reclaim, damon_lru_sort), which keeps
// others out; empty when none. `modules`: /sys/module or a tree like it.
std::string kernel_damon_user(const std::string& modules);

// Whose kdamonds there are.
enum class DamonOwner {
  kNobody,
  kThisProcess,
  kKilledTierd,  // the record says so, and the context is still as tierd makes it
  kLivingTierd,
  kStranger,
};
// `count`: of kdamonds, as nr_kdamonds has it.
DamonOwner damon_owner(const std::string& admin, int count, const DamonRecord& record);

// Why DAMON cannot be had from this owner, and what would help; an empty message where it can.
Error damon_refusal(DamonOwner owner, int count, const std::string& admin, const DamonRecord& record);

class DamonSysfs {
 public:
  // `admin`: /sys/kernel/mm/damon/admin, or a tree like it; `modules`: /sys/module, likewise.
  explicit DamonSysfs(std::string admin, std::string modules = "/sys/module",
                      DamonRecord record = DamonRecord())
      : admin_(std::move(admin)), modules_(std::move(modules)), record_(std::move(record)) {}
  DamonSysfs(const DamonSysfs&) = delete;
  DamonSysfs& operator=(const DamonSysfs&) = delete;
  ~DamonSysfs();  // releases

  // kUnsupported without DAMON's sysfs, kPermission when it may not be written, kFailed when another has a
  // kdamond. Takes over, and stops, the kdamond of a tierd that was killed.
  Result<void> claim();
  // Stops the kdamond if it runs, replaces targets and intervals, and starts it. After claim().
  Result<void> run(const std::vector<DamonTarget>& targets, DamonIntervals intervals);
  // The same targets at other intervals: stops and starts, so that every count begins at zero (a committed
  // change would carry half an aggregation over).
  Result<void> restart(DamonIntervals intervals);
  Result<Pid> kdamond_pid() const;
  Result<void> pause();  // stops the kdamond, keeps the claim
  // Stops and gives DAMON back as it was found (no kdamond). Idempotent.
  void release();
  // Why a later tierd would not know this one's kdamond for its predecessor's; empty when it would.
  const std::string& unrecorded() const { return unrecorded_; }

 private:
  std::string kdamond(const std::string& file) const { return admin_ + "/kdamonds/0/" + file; }
  std::string context(const std::string& file) const { return kdamond("contexts/0/" + file); }
  Result<void> make_context();
  Result<void> switch_on();
  Result<void> write_intervals(DamonIntervals intervals) const;
  Result<void> write_target(std::size_t index, const DamonTarget& target) const;

  std::string admin_, modules_, unrecorded_;
  DamonRecord record_;
  bool claimed_ = false, running_ = false;
};

}  // namespace tier
