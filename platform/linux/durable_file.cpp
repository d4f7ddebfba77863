#include "platform/api/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "platform/linux/file.h"

namespace tier {
namespace {

constexpr char kFix[] = "choose a folder that exists, may be written to and has room";

// A file that is gone again when it was not moved to its place.
class Temporary {
 public:
  explicit Temporary(std::string name) : name_(std::move(name)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  const std::string& name() const { return name_; }
  Result<void> move_to(const std::string& place) {
    if (::rename(name_.c_str(), place.c_str()) != 0)
      return fail_errno("cannot rename " + name_ + " to " + place, errno, kFix);
    name_.clear();
    return {};
  }

 private:
  std::string name_;
};

Result<void> write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + name, errno, kFix);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Written and on disk before it gets its name: a rename may reach the disk ahead of what it names.
Result<void> fill(int fd, std::string_view bytes, mode_t mode, const std::string& name) {
  TIER_TRY(write_all(fd, bytes, name));
  if (::fchmod(fd, mode) != 0) return fail_errno("cannot set the permissions of " + name, errno, kFix);
  if (::fsync(fd) != 0) return fail_errno("cannot bring " + name + " to disk", errno, kFix);
  return {};
}

// A second name for the old file, so that there is no moment at which `path` is missing.
Result<void> keep_previous(const std::string& path, const std::string& unique) {
  const std::string link = unique + ".previous";
  if (::link(path.c_str(), link.c_str()) != 0)
    return fail_errno("cannot keep " + path + " as " + path + ".previous", errno, kFix);
  return Temporary(link).move_to(path + ".previous");
}

Result<void> sync_folder(const std::filesystem::path& path) {
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0)
    return fail_errno("cannot bring the names in " + folder + " to disk", errno,
                      "check the disk; the new file is in its place, but a power cut may undo that");
  return {};
}

}  // namespace

Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::string name = path.string();
  struct stat old {};
  const bool exists = ::stat(name.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode))
    return fail(ErrorKind::kFailed, "cannot replace " + name + ": it is not a regular file",
                "name a file, not a folder or a device");
  std::string unique = name + ".new.XXXXXX";
  const FileDescriptor fd(::mkostemp(unique.data(), O_CLOEXEC));
  if (!fd.valid()) return fail_errno("cannot create a file beside " + name, errno, kFix);
  Temporary fresh(unique);
  const mode_t mode = exists ? old.st_mode & 0777U : 0644U;
  TIER_TRY(fill(fd.get(), bytes, mode, unique));
  if (exists) TIER_TRY(keep_previous(name, unique));
  TIER_TRY(fresh.move_to(name));
  return sync_folder(path);
}

}  // namespace tier
