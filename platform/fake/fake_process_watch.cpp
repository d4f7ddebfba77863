#include "platform/fake/fake_process_watch.h"

#include <algorithm>
#include <functional>

namespace tier {

std::map<Pid, FakeProcessWatch::Known> FakeProcessWatch::known_now() const {
  std::map<Pid, Known> known;
  for (const Pid pid : table_.list().value_or(std::vector<Pid>{}))
    if (const auto target = table_.describe(pid))
      known[pid] = {target->start_time, target->program, target->name, target->cgroup};
  return known;
}

Result<ProcessLook> FakeProcessWatch::look(const ProcessQuestion& question, bool renew) {
  ProcessLook look;
  if (fail_) return fail(ErrorKind::kFailed, "the list of tasks cannot be read");
  if (!due_) return look;
  look.looked = true;
  ++looks_;
  seen_.clear();
  const auto all = TIER_TRY(table_.list());
  for (const Pid pid : all) {
    const auto target = table_.describe(pid);
    if (!target) continue;
    const bool asked = std::find(question.asked.begin(), question.asked.end(), pid) != question.asked.end();
    const Known known{target->start_time, target->program, target->name, target->cgroup};
    seen_[pid] = known;
    bool tell = asked;
    if (!asked && question.others && question.minimum.value > 0)
      tell = renew && target->resident >= question.minimum;
    else if (!asked && question.others)
      tell = std::exchange(told_[pid], known) != known;
    if (!tell) continue;
    SeenProcess seen;
    seen.pid = pid;
    seen.start_time = target->start_time;
    seen.program = target->program;
    seen.file = target->name;
    seen.comm = target->name;
    seen.group = std::hash<std::string>()(target->cgroup) | 1;
    seen.properties = seen.group ^ target->uid ^ (target->allowed_nodes.size() << 32);
    seen.resident = target->resident;
    seen.user_time = target->user_time;
    seen.run_time = target->user_time;
    look.processes.push_back(std::move(seen));
  }
  return look;
}

}  // namespace tier
