// Processes of any table as the kernel's own list would tell of them, for tests.
#pragma once

#include <map>
#include <tuple>

#include "platform/api/process_table.h"
#include "platform/api/process_watch.h"

namespace tier {

class FakeProcessWatch final : public ProcessWatch {
 public:
  // `table` must outlive it.
  explicit FakeProcessWatch(const ProcessTable& table) : table_(table) {}

  Result<ProcessLook> look(const ProcessQuestion& question, bool renew) override;
  bool news() const override { return looks_ == 0 || seen_ != known_now(); }
  void forget() override { told_.clear(); }
  ProcessWatchState state() const override { return {"events", "", "", looks_, {}}; }

  void set_due(bool due) { due_ = due; }        // whether the next looks are made
  void fail_looks(bool fail) { fail_ = fail; }  // kFailed

 private:
  using Known = std::tuple<std::uint64_t, std::uint64_t, std::string, std::string>;
  const ProcessTable& table_;
  std::map<Pid, Known> known_now() const;
  std::map<Pid, Known> told_;  // what a process was when it was told of
  std::map<Pid, Known> seen_;  // what all were at the last look
  bool due_ = true, fail_ = false;
  std::uint64_t looks_ = 0;
};

}  // namespace tier
