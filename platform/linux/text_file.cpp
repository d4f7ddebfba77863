#include "platform/api/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/printable.h"
#include "platform/linux/file.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder, not a file";
  if (S_ISFIFO(mode)) return "a named pipe, not a file";
  if (S_ISSOCK(mode)) return "a socket, not a file";
  return "a device, not a file";
}

tl::unexpected<Error> usage(const std::string& name, const std::string& problem, std::string fix = {}) {
  return fail(ErrorKind::kUsage, name + ": " + problem, fix.empty() ? "name a regular file" : std::move(fix));
}

tl::unexpected<Error> cannot_open(const fs::path& path, int error_number) {
  const std::string name = escaped(path.string());
  std::error_code ignored;
  switch (error_number) {
    case ENOENT:
      return fs::is_symlink(path, ignored) ? usage(name, "a link to a file that does not exist",
                                                   "put the file there, or remove the link")
                                           : usage(name, "no such file", "check the path");
    case ELOOP:
      return usage(name, "a loop of symbolic links", "make it a file, or a link that leads to one");
    case ENOTDIR:
      return usage(name, "a part of its path is not a folder", "check the path");
    case ENAMETOOLONG:
      return usage(name, "the path is too long", "check the path");
    case EACCES:
    case EPERM:
      return fail(ErrorKind::kPermission, name + ": " + errno_text(error_number),
                  "run as root, or chmod a+r the file");
    default:
      return fail(ErrorKind::kFailed, name + ": " + errno_text(error_number));
  }
}

// More than anybody needs between a program and its prefix: PREFIX/lib/ARCHITECTURE/tierd/program.
constexpr int kFoldersUp = 4;

std::optional<std::string> who_may_change(const fs::path& path, bool sticky_protects) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  const std::string name = escaped(path.string());
  if (found.st_uid != 0 && found.st_uid != ::geteuid())
    return name + " belongs to uid " + std::to_string(found.st_uid);
  if (sticky_protects && (found.st_mode & S_ISVTX) != 0) return std::nullopt;
  if ((found.st_mode & S_IWOTH) != 0) return "everybody may write " + name;
  // Members of group 0 have root's rights on most systems anyway.
  if ((found.st_mode & S_IWGRP) != 0 && found.st_gid != 0)
    return "the group " + std::to_string(found.st_gid) + " may write " + name;
  return std::nullopt;
}

}  // namespace

Result<std::string> read_regular_file(const fs::path& path, std::size_t most) {
  const std::string name = escaped(path.string());
  struct stat found {};
  // Asked before it is opened: opening some devices does something (a watchdog starts, a tape rewinds).
  if (::stat(path.c_str(), &found) != 0) return cannot_open(path, errno);
  if (!S_ISREG(found.st_mode)) return usage(name, kind_of(found.st_mode));
  // Without waiting, should it have become a pipe meanwhile.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid() || ::fstat(fd.get(), &found) != 0) return cannot_open(path, errno);
  if (!S_ISREG(found.st_mode)) return usage(name, kind_of(found.st_mode));
  const std::string too_large = "larger than " + (most % (1U << 20) == 0 ? std::to_string(most >> 20) + " MiB"
                                                                         : std::to_string(most) + " bytes");
  if (static_cast<std::size_t>(found.st_size) > most) return usage(name, too_large);
  std::string text;
  for (;;) {
    char part[65536];
    const ssize_t n = ::read(fd.get(), part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot_open(path, errno);
    if (n == 0) return text;
    text.append(part, static_cast<std::size_t>(n));
    if (text.size() > most) return usage(name, too_large);
  }
}

bool name_exists(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

std::optional<std::string> changeable_by_others(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return std::nullopt;
  if (auto who = who_may_change(real, false)) return who;
  // The folder of the name, and that of the file it leads to.
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (auto who = who_may_change(folder, true)) return who;
  return real.parent_path() == folder ? std::nullopt : who_may_change(real.parent_path(), true);
}

fs::path shared_file(const std::string& name, const fs::path& installed) {
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (int up = 0; !error && up < kFoldersUp && folder.has_relative_path(); ++up) {
    fs::path file = folder / "share/tierd" / name;
    if (name_exists(file)) return file;
    folder = folder.parent_path();
  }
  return installed;
}

}  // namespace tier
