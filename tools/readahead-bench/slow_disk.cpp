#include "tools/readahead-bench/slow_disk.h"

#define FUSE_USE_VERSION 312
#include <fuse.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>

namespace tier {
namespace {

constexpr unsigned kThreads = 32;  // requests that wait at once, as many as one queue of SATA takes

struct Server {
  int image = -1;
  off_t size = 0;
  DiskModel model;
  std::mutex mutex;
  Nanoseconds busy{};
};

Server& server() { return *static_cast<Server*>(fuse_get_context()->private_data); }

void* begin(fuse_conn_info* connection, fuse_config* config) {
  connection->max_background = kThreads;
  config->direct_io = 1;  // no page cache of its own before the disk's
  return &server();
}

int attributes(const char* path, struct stat* out, fuse_file_info*) {
  *out = {};
  const bool folder = std::strcmp(path, "/") == 0;
  if (!folder && std::strcmp(path, "/disk") != 0) return -ENOENT;
  out->st_mode = folder ? S_IFDIR | 0500U : S_IFREG | 0400U;
  out->st_nlink = 1;
  out->st_size = folder ? 0 : server().size;
  return 0;
}

int read_disk(const char*, char* into, std::size_t bytes, off_t at, fuse_file_info*) {
  Server& disk = server();
  const ssize_t got = pread(disk.image, into, bytes, at);
  if (got < 0) return -errno;
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  Nanoseconds end = std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
  {
    const std::lock_guard<std::mutex> lock(disk.mutex);
    end = request_end(disk.model, end, disk.busy, static_cast<std::size_t>(got));
  }
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(end);
  time = {whole.count(), (end - whole).count()};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
  return static_cast<int>(got);
}

// Serves until the file system is taken off. What it says goes to `ready`: a line when it is mounted.
int serve(Server& disk, const std::string& folder, int ready) {
  fuse_operations operations{};
  operations.init = begin;
  operations.getattr = attributes;
  operations.read = read_disk;
  std::array<char*, 4> words = {const_cast<char*>("slow-disk"), const_cast<char*>("-o"),
                                const_cast<char*>("fsname=slow-disk"), nullptr};
  fuse_args arguments = FUSE_ARGS_INIT(3, words.data());
  fuse* session = fuse_new(&arguments, &operations, sizeof(operations), &disk);
  if (session == nullptr || fuse_mount(session, folder.c_str()) != 0) return 1;
  if (write(ready, "r", 1) != 1) return 1;
  close(ready);
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(config, kThreads);
  const int code = fuse_loop_mt(session, config);
  fuse_loop_cfg_destroy(config);
  fuse_destroy(session);
  return code == 0 ? 0 : 1;
}

[[noreturn]] void run_server(Server& disk, const std::string& folder, int ready) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Inherited by its threads: a busy machine is not a slower disk. Without the right to it, it may be one.
  prctl(PR_SET_TIMERSLACK, 1);
  sched_param priority{};
  priority.sched_priority = 1;
  sched_setscheduler(0, SCHED_RR, &priority);
  _exit(serve(disk, folder, ready));
}

}  // namespace

Nanoseconds request_end(const DiskModel& model, Nanoseconds now, Nanoseconds& busy, std::size_t bytes) {
  const double transfer = static_cast<double>(bytes) / model.bytes_per_second * 1e9;
  busy = std::max(now + model.latency, busy) + Nanoseconds(static_cast<std::int64_t>(transfer));
  return busy;
}

Result<SlowDisk> SlowDisk::mount(FileDescriptor image, const std::string& folder, const DiskModel& model) {
  if (access("/dev/fuse", R_OK | W_OK) != 0)
    return fail_errno("/dev/fuse cannot be used", errno, "modprobe fuse; run as root");
  struct stat status {};
  if (fstat(image.get(), &status) != 0) return fail_errno("the disk's image", errno);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("a pipe", errno);
  const FileDescriptor said(ends[0]);
  FileDescriptor say(ends[1]);
  const pid_t child = fork();
  if (child < 0) return fail_errno("the process of the slow disk", errno);
  if (child == 0) {
    Server disk;
    disk.image = image.get();
    disk.size = status.st_size;
    disk.model = model;
    run_server(disk, folder, say.get());
  }
  SlowDisk disk(folder, child);
  say.reset();
  char word = 0;
  if (read(said.get(), &word, 1) != 1)
    return fail(ErrorKind::kFailed, "the slow disk cannot be mounted on " + folder, "run as root, with FUSE");
  return disk;
}

SlowDisk::~SlowDisk() {
  if (server_ < 0) return;
  umount2(folder_.c_str(), MNT_DETACH);
  kill(server_, SIGTERM);  // it ends by itself once nobody uses the file
  waitpid(server_, nullptr, 0);
}

}  // namespace tier
