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

#include "core/cgroup_path.h"
#include "core/printable.h"
#include "platform/linux/confinement.h"
#include "platform/linux/file.h"
#include "platform/linux/living_thread.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

// Processes without their first thread that are remembered.
constexpr std::size_t kMostLeaderless = 4096;

class PidfdProcessHandle final : public ProcessHandle {
 public:
  PidfdProcessHandle(FileDescriptor pidfd, FileDescriptor maps)
      : pidfd_(std::move(pidfd)), maps_(std::move(maps)) {}

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
  FileDescriptor pidfd_, maps_;
};

// Of a process whose first thread has ended. An exec by another thread makes that the first one, alive again,
// so as long as the first one is a zombie the address space is the same.
class LeaderlessProcessHandle final : public ProcessHandle {
 public:
  LeaderlessProcessHandle(FileDescriptor pidfd, FileDescriptor stat)
      : pidfd_(std::move(pidfd)), stat_(std::move(stat)) {}

  bool alive() const override {
    pollfd entry{pidfd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 0) != 0) return false;
    std::array<char, 1024> text;
    ssize_t n;
    do n = ::pread(stat_.get(), text.data(), text.size(), 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) return false;
    const auto stat = parse_stat({text.data(), static_cast<std::size_t>(n)});
    return stat && leader_has_ended(*stat);
  }

 private:
  FileDescriptor pidfd_, stat_;
};

std::string pid_text(Pid pid) { return "process " + std::to_string(pid.value); }

// Base name of the file that a link of /proc names; empty for a kernel thread, or where it may not be read.
std::string linked_file(const std::string& link) {
  std::array<char, 4096> buffer;
  const ssize_t n = ::readlink(link.c_str(), buffer.data(), buffer.size());
  return n <= 0 ? std::string() : file_base_name({buffer.data(), static_cast<std::size_t>(n)});
}

// Only its beginning: a program may make its command line as long as it likes.
std::string started_name(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  const ssize_t n = file.valid() ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
  return n <= 0 ? std::string() : started_as({buffer.data(), static_cast<std::size_t>(n)});
}

Nanoseconds from_ticks(std::uint64_t ticks) {
  return Nanoseconds(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK) * ticks;
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
  std::string folder = "/proc/" + std::to_string(pid.value) + "/";
  std::lock_guard lock(mutex_);
  if (const auto it = living_.find(pid); it != living_.end()) {
    std::string thread = folder + "task/" + std::to_string(it->second.value) + "/";
    if (::access(under(root_, thread).c_str(), F_OK) != 0) {
      const auto other = living_thread(pid, root_);
      if (other) it->second = *other;
      thread = other ? folder + "task/" + std::to_string(other->value) + "/" : folder;
      if (!other) living_.erase(it);
    }
    folder = thread;
  }
  return under(root_, folder + file);
}

void LinuxProcessTable::note_leader(Pid pid, bool ended) const {
  const auto thread = ended ? living_thread(pid, root_) : std::nullopt;
  std::lock_guard lock(mutex_);
  if (living_.size() >= kMostLeaderless) living_.clear();  // most have ended; the others are found again
  if (thread)
    living_[pid] = *thread;
  else
    living_.erase(pid);
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
  const auto seen = TIER_TRY(glance(pid));
  const auto status = TIER_TRY(read_file(proc(pid, "status")));
  Target target;
  target.pid = pid;
  target.start_time = seen.start_time;
  target.program = seen.program;
  target.user_time = seen.user_time;
  const ProcessNames called = names(pid);
  target.name = called.file.empty() ? seen.comm : called.file;
  target.started_as = called.started_as;
  const auto uids = status_field(status, "Uid").value_or("");
  const auto uid = parse_number(uids.substr(0, uids.find_first_of(" \t")));
  const auto allowed = parse_id_list(status_field(status, "Mems_allowed_list").value_or(""));
  if (!uid || !allowed)
    return fail(ErrorKind::kFailed, proc(pid, "status") + " lacks Uid or Mems_allowed_list");
  target.uid = static_cast<std::uint32_t>(*uid);
  target.resident = status_bytes(status, "VmRSS").value_or(Bytes{});  // none for kernel threads
  const std::vector<NodeId> own = own_nodes();
  for (const int node : *allowed)
    if (own.empty() || std::find(own.begin(), own.end(), NodeId{node}) != own.end())
      target.allowed_nodes.push_back({node});
  if (const auto cgroups = read_file(proc(pid, "cgroup")))
    target.cgroup = parse_cgroup(*cgroups).value_or("/");
  return target;
}

Result<SeenProcess> LinuxProcessTable::glance(Pid pid) const {
  const std::string path = under(root_, "/proc/" + std::to_string(pid.value) + "/stat");
  auto text = read_file(path);
  if (!text)
    return fail(text.error().kind,
                pid_text(pid) + " does not exist or may not be read: " + text.error().message);
  auto stat = parse_stat(*text);
  if (!stat) return fail(ErrorKind::kFailed, path + " makes no sense");
  SeenProcess seen;
  seen.pid = pid;
  seen.start_time = stat->start_time;
  seen.comm = stat->comm;
  seen.user_time = from_ticks(stat->user_time);  // of all threads
  note_leader(pid, leader_has_ended(*stat));
  if ((stat->state == 'Z' || stat->state == 'X') && !leader_has_ended(*stat))
    return fail(ErrorKind::kFailed, pid_text(pid) + " has ended");
  if (leader_has_ended(*stat)) {
    text = read_file(proc(pid, "stat"));
    const auto living = text ? parse_stat(*text) : std::nullopt;
    if (living) stat = living;
  }
  seen.program = stat->program;
  seen.resident = {stat->resident_pages * base_page_size().value};
  return seen;
}

ProcessNames LinuxProcessTable::names(Pid pid) const {
  return {linked_file(proc(pid, "exe")), started_name(proc(pid, "cmdline"))};
}

std::vector<std::string> LinuxProcessTable::cgroups_of(Pid pid) const {
  const auto text = read_file(proc(pid, "cgroup"));
  return text ? parse_cgroups(*text) : std::vector<std::string>{};
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
  const auto below = TIER_TRY(cgroup_path(path));
  bool exists = false;
  std::vector<Pid> pids;
  // The second version alone, the memory controller of the first, and the second beside the first: in a
  // hybrid set-up a group may be in either of the last two.
  for (const char* base : {"/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"}) {
    const fs::path directory = under(root_, base + below);
    std::error_code error;
    if (!fs::exists(directory / "cgroup.procs", error)) continue;
    exists = true;
    collect_cgroup(directory, pids);
  }
  if (!exists)
    return fail(ErrorKind::kFailed, "cgroup " + escaped(below) + " does not exist",
                "look below " + under(root_, "/sys/fs/cgroup"));
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<std::vector<Mapping>> LinuxProcessTable::read_mappings(Pid pid, std::uint64_t start_time) const {
  if (vmas_) {
    auto mappings = vmas_->read(pid, start_time);
    if (mappings) return mappings;
    // Linux 6.1 does not show a process whose first thread has ended: the text files of its threads do.
    auto text = read_files(pid, start_time);
    return text && !text->empty() ? text : mappings;
  }
  return read_files(pid, start_time);
}

// Empty where the first thread has ended, which is then found out.
Result<std::vector<Mapping>> LinuxProcessTable::read_files(Pid pid, std::uint64_t start_time) const {
  auto mappings = files_.read(pid, start_time);
  if (mappings && mappings->empty() && glance(pid).has_value()) mappings = files_.read(pid, start_time);
  return mappings;
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
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
  if (!pidfd.valid()) return fail_errno(pid_text(pid), errno, errno == ENOSYS ? "Linux 5.3 or later" : "");
  const std::string folder = "/proc/" + std::to_string(pid.value);
  FileDescriptor maps(::open(under(root_, folder + "/maps").c_str(), O_RDONLY | O_CLOEXEC));
  const int maps_error = errno;
  FileDescriptor stat_file(::open(under(root_, folder + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  const auto text = read_file(under(root_, folder + "/stat"));
  const auto stat = text ? parse_stat(*text) : std::nullopt;
  if (!stat || !stat_file.valid())
    return fail(ErrorKind::kFailed, pid_text(pid) + " does not exist any more");
  if (stat->start_time != start_time)
    return fail(ErrorKind::kFailed, pid_text(pid) + " is another one: the number was reused");
  std::unique_ptr<ProcessHandle> handle;
  if (leader_has_ended(*stat))
    handle = std::make_unique<LeaderlessProcessHandle>(std::move(pidfd), std::move(stat_file));
  else if (!maps.valid())
    return fail_errno(under(root_, folder + "/maps"), maps_error);
  else
    handle = std::make_unique<PidfdProcessHandle>(std::move(pidfd), std::move(maps));
  if (!handle->alive())
    return fail(ErrorKind::kFailed, pid_text(pid) + " has no memory: a kernel thread, or gone");
  return handle;
}

Bytes LinuxProcessTable::base_page_size() const {
  return {static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace tier
