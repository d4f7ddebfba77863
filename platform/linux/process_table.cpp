#include "platform/linux/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "platform/linux/confinement.h"
#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

class PidfdProcessHandle final : public ProcessHandle {
 public:
  PidfdProcessHandle(UniqueFd pidfd, UniqueFd maps) : pidfd_(std::move(pidfd)), maps_(std::move(maps)) {}

  // The pidfd turns readable when the process ends. The maps file belongs to the address space it was opened
  // on: once exec has replaced that, it reads as empty, whatever the new program has mapped.
  bool alive() const override {
    pollfd entry{pidfd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 0) != 0) return false;
    char byte;
    ssize_t n;
    do n = ::pread(maps_.get(), &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1;
  }

 private:
  UniqueFd pidfd_, maps_;
};

std::string pid_text(Pid pid) { return "process " + std::to_string(pid.value); }

// "/usr/bin/redis-server (deleted)" → "redis-server"; the kernel's own name where there is no executable to
// see (a kernel thread, or one that may not be read).
std::string program_name(const std::string& exe_link, const std::string& comm) {
  std::array<char, 4096> buffer;
  const ssize_t n = ::readlink(exe_link.c_str(), buffer.data(), buffer.size());
  if (n <= 0) return comm;
  std::string path(buffer.data(), static_cast<std::size_t>(n));
  if (path.ends_with(" (deleted)")) path.resize(path.size() - 10);
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

void collect_cgroup(const fs::path& directory, std::vector<Pid>& pids) {
  // A threaded cgroup refuses cgroup.procs (EOPNOTSUPP): its processes are listed in its domain, an ancestor.
  if (const auto text = read_file((directory / "cgroup.procs").string())) {
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const auto pid = parse_number(rest.substr(0, end));
      if (pid && *pid > 0 && *pid <= 0x7fffffff) pids.push_back({static_cast<int>(*pid)});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (it->is_directory(error) && !it->is_symlink(error)) collect_cgroup(it->path(), pids);
}

}  // namespace

LinuxProcessTable::LinuxProcessTable(std::string root, std::unique_ptr<VmaReader> vmas, std::string why)
    : root_(std::move(root)),
      vmas_(std::move(vmas)),
      why_(std::move(why)),
      files_(root_, [this](Pid pid, const char* file) { return proc(pid, file); }) {}

std::string LinuxProcessTable::proc(Pid pid, const char* file) const {
  return under(root_, "/proc/" + std::to_string(pid.value) + "/" + file);
}

Result<std::vector<Pid>> LinuxProcessTable::list() const {
  const std::string path = under(root_, "/proc");
  std::error_code error;
  std::vector<Pid> pids;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const auto pid = parse_number(it->path().filename().string());
    if (pid && *pid > 0 && *pid <= 0x7fffffff) pids.push_back({static_cast<int>(*pid)});
  }
  if (error) return fail(ErrorKind::kFailed, path + ": " + error.message(), "mount proc there");
  std::sort(pids.begin(), pids.end());
  return pids;
}

Result<Target> LinuxProcessTable::describe(Pid pid) const {
  const auto stat_text = read_file(proc(pid, "stat"));
  if (!stat_text)
    return fail(stat_text.error().kind,
                pid_text(pid) + " does not exist or may not be read: " + stat_text.error().message);
  const auto stat = parse_stat(*stat_text);
  if (!stat) return fail(ErrorKind::kFailed, proc(pid, "stat") + " makes no sense");
  const auto status = read_file(proc(pid, "status"));
  if (!status) return tl::make_unexpected(status.error());
  Target target;
  target.pid = pid;
  target.start_time = stat->start_time;
  target.user_time = Nanoseconds(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK) * stat->user_time;
  target.name = program_name(proc(pid, "exe"), stat->comm);
  const auto uids = status_field(*status, "Uid").value_or("");
  const auto uid = parse_number(uids.substr(0, uids.find_first_of(" \t")));
  const auto allowed = parse_id_list(status_field(*status, "Mems_allowed_list").value_or(""));
  if (!uid || !allowed)
    return fail(ErrorKind::kFailed, proc(pid, "status") + " lacks Uid or Mems_allowed_list");
  target.uid = static_cast<std::uint32_t>(*uid);
  target.resident = status_bytes(*status, "VmRSS").value_or(Bytes{});  // none for kernel threads
  const std::vector<NodeId> own = own_nodes();
  for (const int node : *allowed)
    if (own.empty() || std::find(own.begin(), own.end(), NodeId{node}) != own.end())
      target.allowed_nodes.push_back({node});
  if (const auto cgroups = read_file(proc(pid, "cgroup")))
    target.cgroup = parse_cgroup(*cgroups).value_or("/");
  return target;
}

std::vector<NodeId> LinuxProcessTable::own_nodes() const {
  const Nanoseconds now = MonotonicClock().now();
  {
    std::lock_guard lock(mutex_);
    if (own_nodes_read_ && now - *own_nodes_read_ < kOwnNodesKept) return own_nodes_;
  }
  auto nodes = own_memory_nodes(root_);
  std::lock_guard lock(mutex_);
  own_nodes_ = nodes, own_nodes_read_ = now;
  return nodes;
}

Result<std::vector<Pid>> LinuxProcessTable::in_cgroup(const std::string& path) const {
  if (path.empty() || path[0] != '/' || (path + "/").find("/../") != std::string::npos)
    return fail(ErrorKind::kUsage, "cgroup path \"" + path + "\" is not absolute below the cgroup root",
                "write it as /system.slice/NAME.service");
  for (const char* base : {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"}) {
    const fs::path directory = under(root_, base + path);
    std::error_code error;
    if (!fs::exists(directory / "cgroup.procs", error)) continue;
    std::vector<Pid> pids;
    collect_cgroup(directory, pids);
    std::sort(pids.begin(), pids.end());
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    return pids;
  }
  return fail(ErrorKind::kFailed, "cgroup " + path + " does not exist",
              "look below " + under(root_, "/sys/fs/cgroup"));
}

Result<std::vector<Mapping>> LinuxProcessTable::read_mappings(Pid pid, std::uint64_t start_time) const {
  if (!vmas_) return files_.read(pid, start_time);
  auto mappings = vmas_->read(pid, start_time);
  if (mappings) return mappings;
  // Linux 6.1 does not show a process whose first thread has ended: the text files of its threads do.
  auto text = files_.read(pid, start_time);
  return text && !text->empty() ? text : mappings;
}

Result<std::vector<Mapping>> LinuxProcessTable::mappings(Pid pid) const { return read_mappings(pid, 0); }

Result<std::vector<Mapping>> LinuxProcessTable::mappings_of(const Target& target) const {
  return read_mappings(target.pid, target.start_time);
}

std::uint64_t LinuxProcessTable::mappings_version(Pid pid) const {
  return vmas_ ? vmas_->version(pid) : files_.version(pid);
}

MappingsAccount LinuxProcessTable::mappings_account() const {
  if (vmas_) return {"BPF iterators over the kernel's own list of mappings", "", 0, ""};
  MappingsAccount account = files_.account();
  account.why = why_;
  return account;
}

Result<std::unique_ptr<ProcessHandle>> LinuxProcessTable::open(Pid pid, std::uint64_t start_time) const {
  // First the pidfd, then the identity: if the number is reused in between, the pidfd is of the dead one and
  // alive() says so below.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
  if (!pidfd.valid()) return fail_errno(pid_text(pid), errno, errno == ENOSYS ? "Linux 5.3 or later" : "");
  UniqueFd maps(::open(proc(pid, "maps").c_str(), O_RDONLY | O_CLOEXEC));
  if (!maps.valid()) return fail_errno(proc(pid, "maps"), errno);
  const auto text = read_file(proc(pid, "stat"));
  const auto stat = text ? parse_stat(*text) : std::nullopt;
  if (!stat) return fail(ErrorKind::kFailed, pid_text(pid) + " does not exist any more");
  if (stat->start_time != start_time)
    return fail(ErrorKind::kFailed, pid_text(pid) + " is another one: the number was reused");
  auto handle = std::make_unique<PidfdProcessHandle>(std::move(pidfd), std::move(maps));
  if (!handle->alive())
    return fail(ErrorKind::kFailed, pid_text(pid) + " has no memory: a kernel thread, or gone");
  return handle;
}

Bytes LinuxProcessTable::base_page_size() const {
  return {static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace tier
