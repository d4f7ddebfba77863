// One way to fail. `Result<T>` carries a value or an `Error` that names the thing, the reason and the fix.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tier {

// The kinds map one to one to tierctl's exit codes (docs/operations.md).
enum class ErrorKind {
  kFailed = 1,       // the operation was tried and failed
  kUsage = 2,        // the request itself is wrong: bad flag, bad key, bad value
  kNotRunning = 3,   // the daemon does not answer
  kPermission = 4,   // not allowed to this caller
  kUnsupported = 5,  // this machine or kernel lacks something
  kDiffers = 6,      // a verification found a difference
};

struct Error {
  ErrorKind kind = ErrorKind::kFailed;
  std::string message;  // what failed, naming the thing
  std::string fix;      // what the reader can do about it; empty when nothing

  std::string text() const { return fix.empty() ? message : message + " (fix: " + fix + ")"; }
};

template <typename T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string fix = {}) {
  return tl::make_unexpected(Error{kind, std::move(message), std::move(fix)});
}

}  // namespace tier
