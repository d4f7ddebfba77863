#include "platform/linux/watching/look_records.h"

#include <algorithm>
#include <cstring>

namespace tier {
namespace {

std::string text_of(const char* text, std::size_t size) { return {text, ::strnlen(text, size)}; }

}  // namespace

std::uint64_t user_part(std::uint64_t user_ticks, std::uint64_t system_ticks, std::uint64_t run) {
  if (system_ticks == 0) return run;
  const double user = static_cast<double>(user_ticks);
  const double share = user / (user + static_cast<double>(system_ticks));
  return static_cast<std::uint64_t>(static_cast<double>(run) * share);
}

std::ptrdiff_t LookRecords::add(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (bytes.size() - taken >= TIER_THREAD_RECORD_BYTES) {
    tier_process_record record{};
    std::memcpy(&record, bytes.data() + taken, TIER_THREAD_RECORD_BYTES);
    if (record.version != TIER_PROCESS_RECORD_VERSION) return -1;
    const std::size_t size = record.leads != 0 ? sizeof(record) : TIER_THREAD_RECORD_BYTES;
    if (bytes.size() - taken < size) break;
    std::memcpy(&record, bytes.data() + taken, size);
    taken += size;
    if (processes_.empty() || processes_.back().pid != record.pid) processes_.emplace_back().pid = record.pid;
    Process& process = processes_.back();
    if (record.leads != 0 && !process.described) describe(record, process);
    process.ended = {record.ended_user, record.ended_system, record.ended_run};
    process.living.user += record.user;
    process.living.system += record.system;
    process.living.run += record.run;
  }
  return static_cast<std::ptrdiff_t>(taken);
}

void LookRecords::describe(const tier_process_record& record, Process& process) const {
  process.described = true;
  SeenProcess& seen = process.seen;
  seen.pid = Pid{static_cast<std::int32_t>(record.pid)};
  seen.start_time = record.start_ticks;
  seen.program = record.exec_id + 1;  // 0 stands for unknown
  seen.properties = record.properties;
  seen.group = record.group;
  seen.resident = {record.pages * page_size_.value};
  seen.comm = text_of(record.comm, sizeof(record.comm));
  // One that fills the space may have been cut off.
  if (const std::string file = text_of(record.file, sizeof(record.file));
      file.size() + 1 < sizeof(record.file))
    seen.file = file;
}

void LookRecords::merge(Process& into, Process& from) {
  if (!into.described && from.described) into.seen = std::move(from.seen);
  into.described |= from.described;
  into.living.user += from.living.user;
  into.living.system += from.living.system;
  into.living.run += from.living.run;
}

std::vector<SeenProcess> LookRecords::take() {
  const auto by_pid = [](const Process& a, const Process& b) { return a.pid < b.pid; };
  if (!std::is_sorted(processes_.begin(), processes_.end(), by_pid))
    std::stable_sort(processes_.begin(), processes_.end(), by_pid);
  std::vector<SeenProcess> out;
  out.reserve(processes_.size());
  for (std::size_t i = 0; i < processes_.size();) {
    Process& process = processes_[i];
    for (++i; i < processes_.size() && processes_[i].pid == process.pid; ++i) merge(process, processes_[i]);
    if (!process.described) continue;
    const std::uint64_t run = process.ended.run + process.living.run;
    process.seen.run_time = Nanoseconds(static_cast<std::int64_t>(run));
    process.seen.user_time = Nanoseconds(static_cast<std::int64_t>(user_part(
        process.ended.user + process.living.user, process.ended.system + process.living.system, run)));
    out.push_back(std::move(process.seen));
  }
  processes_.clear();
  return out;
}

}  // namespace tier
