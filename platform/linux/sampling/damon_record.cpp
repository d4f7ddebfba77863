#include "platform/linux/sampling/damon_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <sstream>
#include <thread>

namespace tier {
namespace {

constexpr std::size_t kLargestRecord = 4096;
constexpr int kLockAttempts = 5;
constexpr std::chrono::milliseconds kLockPause{10};

// "BOOT-ID PID"; both empty when the text is none.
struct Text {
  std::string boot_id;
  pid_t pid = 0;
};

Text parse(const std::string& text) {
  Text parsed;
  std::istringstream fields(text);
  if (!(fields >> parsed.boot_id >> parsed.pid) || parsed.pid <= 0) return {};
  return parsed;
}

std::string word_of(const std::string& path) {
  const Result<std::string> text = read_file(path, kLargestRecord);
  std::istringstream fields(text ? *text : "");
  std::string word;
  fields >> word;
  return word;
}

}  // namespace

DamonRecord::Holder DamonRecord::holder() const {
  if (file_.valid()) return Holder::kThisProcess;
  if (directory_.empty()) return Holder::kNone;
  const FileDescriptor file(open(path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) return Holder::kNone;
  const bool locked = flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const Result<std::string> text = read_file(path(), kLargestRecord);
  const Text last = parse(text ? *text : "");
  const std::string boot_id = word_of(boot_id_path_);
  if (boot_id.empty() || last.boot_id != boot_id) return locked ? Holder::kLiving : Holder::kNone;
  if (!locked) return Holder::kDead;
  return last.pid == getpid() ? Holder::kThisProcess : Holder::kLiving;
}

Result<void> DamonRecord::hold() {
  if (file_.valid()) return {};
  if (mkdir(directory_.c_str(), 0755) != 0 && errno != EEXIST)
    return fail_errno("making " + directory_, errno);
  FileDescriptor file(open(path().c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno("opening " + path(), errno);
  // A look by another process (holder() above, in `tierctl doctor`) holds the lock for microseconds.
  int refused = flock(file.get(), LOCK_EX | LOCK_NB);
  for (int attempt = 0; refused != 0 && errno == EWOULDBLOCK && attempt < kLockAttempts; ++attempt) {
    std::this_thread::sleep_for(kLockPause);
    refused = flock(file.get(), LOCK_EX | LOCK_NB);
  }
  if (refused != 0) {
    if (errno == EWOULDBLOCK)
      return fail(ErrorKind::kFailed, "another tierd that runs uses DAMON (it holds " + path() + ")",
                  "stop the other tierd, or take \"damon\" out of the sources of one of them");
    return fail_errno("locking " + path(), errno);
  }
  const std::string text = word_of(boot_id_path_) + " " + std::to_string(getpid()) + "\n";
  if (ftruncate(file.get(), 0) != 0 ||
      pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail_errno("writing " + path(), errno);
  file_ = std::move(file);
  return {};
}

void DamonRecord::let_go() {
  if (!file_.valid()) return;
  // A text that stays harms nothing: there is no context of ours any more that could be taken over.
  static_cast<void>(ftruncate(file_.get(), 0) == 0);
  file_.reset();
}

}  // namespace tier
