// Processes as /proc shows them.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/process_table.h"

namespace tier {

// Thread-safe.
class LinuxProcessTable final : public ProcessTable {
 public:
  // `root` holds proc/ and sys/: "/" or a tree made by a test. open() always speaks of the real kernel.
  explicit LinuxProcessTable(std::string root = "/");

  Result<std::vector<Pid>> list() const override;
  // Nodes that this daemon's own cpuset lacks are left out of allowed_nodes: the kernel allocates in the name
  // of the caller of move_pages(2), and its ENOMEM would look like a full node.
  // A process whose first thread has ended while others go on is described, mapped and held by one of these.
  Result<Target> describe(Pid pid) const override;
  Result<SeenProcess> glance(Pid pid) const override;  // one file
  ProcessNames names(Pid pid) const override;
  std::vector<std::string> cgroups_of(Pid pid) const override;
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override;

  // own_policy comes from numa_maps, for which the kernel walks every page: it is re-read at most 1 % of the
  // time, so a new policy of the program's own may show late (by 100 times what the walk takes). mlocked
  // comes from smaps, read only when the process has locked memory at all.
  Result<std::vector<Mapping>> mappings(Pid pid) const override;

  // From the sizes in /proc/PID/status, not from the maps, whose reading costs as much as using them. A
  // change that leaves every size the same goes unnoticed until the next one, so re-read now and then anyway;
  // growth of the page tables counts as a change though the map is the same. 0 for a process without memory.
  std::uint64_t mappings_version(Pid pid) const override;

  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override;
  Bytes base_page_size() const override;

 private:
  // The path of one of a process's files; below its living thread where the first one has ended, as far as
  // note_leader() was told of that.
  std::string proc(Pid pid, const char* file) const;
  void note_leader(Pid pid, bool ended) const;

  std::vector<Address> own_policies(Pid pid) const;
  std::vector<NodeId> own_nodes() const;

  struct PolicyRead {
    std::uint64_t start_time = 0;  // of the process
    Nanoseconds read_again{};      // monotonic; until then this is good enough
    std::vector<Address> starts;
  };
  static constexpr Nanoseconds kForgetAfter = std::chrono::minutes(10);
  static constexpr Nanoseconds kOwnNodesKept =
      std::chrono::seconds(5);  // they change with the cgroup's settings

  std::string root_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, which is not held while reading.
  mutable std::map<Pid, PolicyRead> policies_;
  mutable std::vector<NodeId> own_nodes_;
  mutable std::optional<Nanoseconds> own_nodes_read_;
  mutable std::map<Pid, Pid> living_;  // processes whose first thread has ended -> a thread that lives
};

}  // namespace tier
