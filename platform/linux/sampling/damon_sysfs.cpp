#include "platform/linux/sampling/damon_sysfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "platform/linux/file.h"

namespace tier {
namespace {

constexpr std::size_t kMinimumRegions = 3;  // DAMON refuses fewer

Result<void> write_text(const std::string& path, const std::string& text) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!file.valid()) return fail_errno("opening " + path, errno);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno("writing \"" + text + "\" to " + path, errno);
  return {};
}

// All of them, or the first error.
Result<void> write_all(const std::vector<std::pair<std::string, std::string>>& writes) {
  for (const auto& [path, text] : writes) TIER_TRY(write_text(path, text));
  return {};
}

std::string microseconds(Nanoseconds time) {
  return std::to_string(
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
}

// The target's maps are ours to watch, so DAMON's own update of them is put far away; nobody else is likely
// to choose the same, so that it is part of what our context is known by.
constexpr Nanoseconds kUpdateInterval = std::chrono::hours(1);
constexpr const char* kOperations = "fvaddr";

constexpr const char* kFirstContext = "/kdamonds/0/contexts/0/";

bool holds(const std::string& path, const std::string& expected) {
  const Result<std::string> text = read_file(path);
  return text && text->substr(0, text->find('\n')) == expected;
}

// The only kdamond's only context is as tierd makes it.
bool is_as_tierd_makes_it(const std::string& admin) {
  return holds(admin + "/kdamonds/0/contexts/nr_contexts", "1") &&
         holds(admin + kFirstContext + "operations", kOperations) &&
         holds(admin + kFirstContext + "monitoring_attrs/intervals/update_us", microseconds(kUpdateInterval));
}

constexpr const char* kKernelUsers[] = {"damon_stat", "damon_reclaim", "damon_lru_sort"};

}  // namespace

std::string kernel_damon_user(const std::string& modules) {
  for (const char* user : kKernelUsers) {
    const Result<std::string> enabled = read_file(modules + "/" + user + "/parameters/enabled");
    if (enabled && enabled->starts_with("Y")) return user;
  }
  return {};
}

DamonOwner damon_owner(const std::string& admin, int count, const DamonRecord& record) {
  if (count == 0) return DamonOwner::kNobody;
  switch (record.holder()) {
    case DamonRecord::Holder::kThisProcess:
      return DamonOwner::kThisProcess;
    case DamonRecord::Holder::kLiving:
      return DamonOwner::kLivingTierd;
    case DamonRecord::Holder::kDead:
      return count == 1 && is_as_tierd_makes_it(admin) ? DamonOwner::kKilledTierd : DamonOwner::kStranger;
    case DamonRecord::Holder::kNone:
      break;
  }
  return DamonOwner::kStranger;
}

Error damon_refusal(DamonOwner owner, int count, const std::string& admin, const DamonRecord& record) {
  if (owner == DamonOwner::kLivingTierd)
    return {ErrorKind::kFailed, "another tierd that runs uses DAMON (it holds " + record.path() + ")",
            "stop the other tierd, or take \"damon\" out of the sources of one of them"};
  if (owner != DamonOwner::kStranger) return {};
  const std::string count_path = admin + "/kdamonds/nr_kdamonds";
  return {ErrorKind::kFailed,
          "somebody else runs DAMON: " + count_path + " is " + std::to_string(count) +
              ", and DAMON has one owner",
          "stop the other user (damo stop; echo 0 > " + count_path +
              " if it is gone and left this behind), or take \"damon\" out of the sources"};
}

DamonSysfs::~DamonSysfs() { release(); }

Result<void> DamonSysfs::claim() {
  const std::string count_path = admin_ + "/kdamonds/nr_kdamonds";
  const Result<std::string> count = read_file(count_path);
  if (!count)
    return fail(
        count.error().kind == ErrorKind::kPermission ? ErrorKind::kPermission : ErrorKind::kUnsupported,
        "DAMON cannot be used: " + count.error().message,
        "CONFIG_DAMON_SYSFS=y and CONFIG_DAMON_VADDR=y (Linux 5.19 or later), and root");
  const int kdamonds = std::atoi(count->c_str());
  const DamonOwner owner = damon_owner(admin_, kdamonds, record_);
  if (Error refusal = damon_refusal(owner, kdamonds, admin_, record_); !refusal.message.empty())
    return tl::make_unexpected(std::move(refusal));
  if (const std::string user = kernel_damon_user(modules_); !user.empty())
    return fail(ErrorKind::kFailed, "somebody else runs DAMON: the kernel's own " + user,
                "echo N > " + modules_ + "/" + user + "/parameters/enabled");
  Result<void> recorded = record_.hold();
  unrecorded_ = recorded ? "" : recorded.error().message;
  // Between the look above and the lock another tierd may have come.
  if (record_.holder() == DamonRecord::Holder::kLiving) return recorded;
  if (Result<void> made = make_context(); !made) {
    if (!claimed_) record_.let_go();
    return made;
  }
  return {};
}

// From whatever a killed predecessor left: its kdamond may still run.
Result<void> DamonSysfs::make_context() {
  const std::string count_path = admin_ + "/kdamonds/nr_kdamonds";
  if (!holds(count_path, "0")) {
    running_ = true;
    TIER_TRY(pause());
    TIER_TRY(write_text(count_path, "0"));
  }
  TIER_TRY(write_text(count_path, "1"));
  claimed_ = true;
  return write_all({{kdamond("contexts/nr_contexts"), "1"},
                    {context("monitoring_attrs/intervals/update_us"), microseconds(kUpdateInterval)},
                    {context("operations"), kOperations}});
}

Result<void> DamonSysfs::write_intervals(DamonIntervals intervals) const {
  return write_all({{context("monitoring_attrs/intervals/sample_us"), microseconds(intervals.sampling)},
                    {context("monitoring_attrs/intervals/aggr_us"), microseconds(intervals.aggregation)},
                    {context("monitoring_attrs/intervals/update_us"), microseconds(kUpdateInterval)}});
}

Result<void> DamonSysfs::write_target(std::size_t index, const DamonTarget& target) const {
  const std::string folder = context("targets/" + std::to_string(index) + "/");
  if (Result<void> written =
          write_all({{folder + "pid_target", std::to_string(target.pid.value)},
                     {folder + "regions/nr_regions", std::to_string(target.spans.size())}});
      !written)
    return written;
  for (std::size_t i = 0; i < target.spans.size(); ++i) {
    const std::string region = folder + "regions/" + std::to_string(i) + "/";
    if (Result<void> written = write_all({{region + "start", std::to_string(target.spans[i].start)},
                                          {region + "end", std::to_string(target.spans[i].end)}});
        !written)
      return written;
  }
  return {};
}

Result<void> DamonSysfs::run(const std::vector<DamonTarget>& targets, DamonIntervals intervals) {
  if (!claimed_) return fail(ErrorKind::kFailed, "DAMON was not claimed");
  TIER_TRY(pause());
  std::size_t regions = 0;
  for (const DamonTarget& target : targets) regions += target.spans.size();
  const std::string limit = std::to_string(std::max(regions, kMinimumRegions));
  // As many regions at least as spans: DAMON merges none beyond a span. Not more: it splits none either.
  if (Result<void> written =
          write_all({{context("targets/nr_targets"), std::to_string(targets.size())},
                     {context("monitoring_attrs/nr_regions/min"), std::to_string(kMinimumRegions)},
                     {context("monitoring_attrs/nr_regions/max"), limit},
                     {context("monitoring_attrs/nr_regions/min"), limit}});
      !written)
    return written;
  for (std::size_t index = 0; index < targets.size(); ++index) TIER_TRY(write_target(index, targets[index]));
  TIER_TRY(write_intervals(intervals));
  return switch_on();
}

Result<void> DamonSysfs::switch_on() {
  TIER_TRY(write_text(kdamond("state"), "on"));
  running_ = true;
  return {};
}

Result<void> DamonSysfs::restart(DamonIntervals intervals) {
  TIER_TRY(pause());
  TIER_TRY(write_intervals(intervals));
  return switch_on();
}

Result<Pid> DamonSysfs::kdamond_pid() const {
  const auto text = TIER_TRY(read_file(kdamond("pid")));
  const int pid = std::atoi(text.c_str());
  if (pid <= 0) return fail(ErrorKind::kFailed, "the kdamond does not run");
  return Pid{pid};
}

Result<void> DamonSysfs::pause() {
  if (!running_) return {};
  running_ = false;
  const Result<std::string> state = read_file(kdamond("state"));
  if (state && state->starts_with("off")) return {};  // ended by itself: its targets are gone
  return write_text(kdamond("state"), "off");
}

void DamonSysfs::release() {
  if (!claimed_) return;
  static_cast<void>(pause());  // when it cannot be stopped, the next line says so by failing too
  // Where it cannot be given back, the record stays too: it is ours, for the next tierd to take over.
  if (write_text(admin_ + "/kdamonds/nr_kdamonds", "0").has_value()) record_.let_go();
  claimed_ = false;
}

}  // namespace tier
