#include "tierd/control/listener.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tier {
namespace {

constexpr int kBacklog = 64;  // connections waiting while a tick runs

tl::unexpected<Error> refuse(const std::string& what, int error) {
  const bool permission = error == EACCES || error == EPERM || error == EROFS;
  // systemd.exec(5), ProtectSystem=strict.
  const char* const fix =
      error == EROFS
          ? "under systemd tierd may write /run/tierd and /var/lib/tierd alone: set control.socket to a "
            "path there, or add ReadWritePaths=FOLDER with `systemctl edit tierd`"
      : permission ? "run as root, or set control.socket to a path in a folder that you own"
                   : "";
  return fail(permission ? ErrorKind::kPermission : ErrorKind::kFailed,
              fmt::format("control socket: {}: {}", what, std::strerror(error)), fix);
}

std::string read_holder(int lock) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(lock, text.data(), text.size() - 1, 0);
  std::string pid(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

// Its owner's alone: flock(2) asks for no right to write, so whoever may read it could keep tierd from
// starting.
Result<FileDescriptor> take_lock(const std::string& path) {
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return refuse(path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refuse(path, errno);
    return fail(ErrorKind::kFailed,
                fmt::format("another tierd is running (pid {}) and holds {}", read_holder(lock.get()), path),
                "stop it first (systemctl stop tierd); two daemons would move the same pages to and fro");
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
    return refuse(path, errno);
  return lock;
}

Result<FileDescriptor> bind_and_listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return refuse(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return refuse(path, errno);
  struct stat existing {};
  if (::lstat(path.c_str(), &existing) == 0) {
    // A link is one that a tierd which listened elsewhere left here (tierd/daemon/runtime_directory.h).
    if (!S_ISSOCK(existing.st_mode) && !S_ISLNK(existing.st_mode))
      return fail(ErrorKind::kFailed, fmt::format("control socket: {} exists and is not a socket", path),
                  "remove it, or set control.socket to another path");
    ::unlink(path.c_str());  // stale: we hold the lock, so no daemon listens on it
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return refuse(path, errno);
  if (::chmod(path.c_str(), 0666) != 0 || ::listen(socket.get(), kBacklog) != 0) return refuse(path, errno);
  return socket;
}

}  // namespace

Result<Listener> Listener::open(const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  // Passable for everybody, as the socket is, whatever umask the service has.
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms(0755), error);
  if (error) return refuse(folder.string(), error.value());
  auto lock = TIER_TRY(take_lock(path + ".lock"));
  auto socket = TIER_TRY(bind_and_listen(path));
  return Listener(path, std::move(lock), std::move(socket));
}

Listener::~Listener() {
  if (socket_.valid()) ::unlink(path_.c_str());
}

}  // namespace tier
