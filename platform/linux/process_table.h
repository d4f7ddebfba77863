// Processes as /proc shows them.
#pragma once

#include <string>

#include "platform/api/process_table.h"

namespace tier {

class LinuxProcessTable final : public ProcessTable {
 public:
  // `root` holds proc/ and sys/: "/" or a tree made by a test. open() always speaks of the real kernel.
  explicit LinuxProcessTable(std::string root = "/");

  Result<std::vector<Pid>> list() const override;
  Result<Target> describe(Pid pid) const override;
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override;
  Result<std::vector<Mapping>> mappings(Pid pid) const override;

  // From /proc/PID/statm and the page-table size, not from the maps, whose reading costs as much as using
  // them: a change that keeps the total size, the data size and the page-table size all the same goes
  // unnoticed until the next one, so re-read now and then anyway. 0 when the process is gone.
  std::uint64_t mappings_version(Pid pid) const override;

  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override;
  Bytes base_page_size() const override;

 private:
  std::string proc(Pid pid, const char* file) const;

  std::string root_;
};

}  // namespace tier
