// Descriptors and small kernel files.
#pragma once

#include <string>
#include <utility>

#include "core/result.h"

namespace tier {

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The root directory joined with a path below it: ("/tmp/t", "/proc/1/stat") →
// "/tmp/t/proc/1/stat".
std::string under(const std::string& root, const std::string& path);

// The whole file. Kernel files report no size, so it reads to the end; more than `limit` bytes is an error
// rather than an ever-growing buffer. kPermission for EACCES and EPERM, else kFailed.
Result<std::string> read_file(const std::string& path, std::size_t limit = 64U << 20);

// "No such file or directory" and so on, without the locale's or threads' surprises.
std::string errno_text(int error_number);

// An error about `what` with the errno's text; kPermission for EACCES and EPERM, kUnsupported for ENOSYS.
tl::unexpected<Error> fail_errno(const std::string& what, int error_number, std::string fix = {});

}  // namespace tier
