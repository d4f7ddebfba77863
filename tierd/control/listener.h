// The listening socket and the lock that keeps a second daemon away from it.
#pragma once

#include <string>

#include "core/result.h"
#include "platform/api/file_descriptor.h"

namespace tier {

class Listener {
 public:
  // Takes PATH.lock (flock: released by the kernel when we die), removes a stale socket, binds and listens;
  // anybody may connect (0666), rights are decided per caller. Creates the folder when missing. kFailed
  // naming the other daemon's pid when the lock is held; kPermission when the folder is not ours to write.
  static Result<Listener> open(const std::string& path);

  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();  // removes the socket; the lock file stays, as removing it would race with the next daemon

  int descriptor() const { return socket_.get(); }
  const std::string& path() const { return path_; }

 private:
  Listener(std::string path, FileDescriptor lock, FileDescriptor socket)
      : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}

  std::string path_;
  FileDescriptor lock_;
  FileDescriptor socket_;
};

}  // namespace tier
