// Processes as /proc shows them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/process_table.h"
#include "platform/linux/mapping_files.h"
#include "platform/linux/vma_reader.h"

namespace tier {

// Thread-safe.
class LinuxProcessTable final : public ProcessTable {
 public:
  // `root` holds proc/ and sys/: "/" or a tree made by a test. open() always speaks of the real kernel.
  // `vmas` may be null; `why` says then why there is none.
  explicit LinuxProcessTable(std::string root = "/", std::unique_ptr<VmaReader> vmas = nullptr,
                             std::string why = {});

  Result<std::vector<Pid>> list() const override;
  // Nodes that this daemon's own cpuset lacks are left out of allowed_nodes: the kernel allocates in the name
  // of the caller of move_pages(2), and its ENOMEM would look like a full node.
  // A process whose first thread has ended while others go on is described, mapped and held by one of these.
  Result<Target> describe(Pid pid) const override;
  Result<SeenProcess> glance(Pid pid) const override;  // one file
  ProcessNames names(Pid pid) const override;
  std::vector<std::string> cgroups_of(Pid pid) const override;
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override;

  // From the kernel's list of mappings where a VmaReader was given, else from text files (mapping_files.h).
  Result<std::vector<Mapping>> mappings(Pid pid) const override;
  Result<std::vector<Mapping>> mappings_of(const Target& target) const override;
  MappingsAccount mappings_account() const override;

  // 0 for a process without memory, and while something about its mappings waits to be read.
  std::uint64_t mappings_version(Pid pid) const override;

  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override;
  Bytes base_page_size() const override;

 private:
  // The path of one of a process's files; below its living thread where the first one has ended, as far as
  // note_leader() was told of that.
  std::string proc(Pid pid, const char* file) const;
  void note_leader(Pid pid, bool ended) const;

  Result<std::vector<Mapping>> read_mappings(Pid pid, std::uint64_t start_time) const;
  Result<std::vector<Mapping>> read_files(Pid pid, std::uint64_t start_time) const;
  std::vector<NodeId> own_nodes() const;

  static constexpr Nanoseconds kOwnNodesKept =
      std::chrono::seconds(5);  // they change with the cgroup's settings

  std::string root_;
  std::unique_ptr<VmaReader> vmas_;
  std::string why_;
  MappingFiles files_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, which is not held while reading.
  mutable std::vector<NodeId> own_nodes_;
  mutable std::optional<Nanoseconds> own_nodes_read_;
  mutable std::map<Pid, Pid> living_;  // processes whose first thread has ended -> a thread that lives
};

}  // namespace tier
