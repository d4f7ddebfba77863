// One way to fail. `Result<T>` carries a value or an `Error` that names the thing, the reason and the fix.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
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

// A value or an Error. Ignoring one is a compiler warning: cast to void, with the reason, where that is
// meant.
template <typename T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result() = default;
  Result(Base base) : Base(std::move(base)) {}  // of map() and the like

  explicit operator bool() const& noexcept { return this->has_value(); }
  // `if (f())` would lose the reason why f failed. Name the result and use its error, or say has_value()
  // where only success matters.
  explicit operator bool() const&& = delete;
};

inline tl::unexpected<Error> fail(ErrorKind kind, std::string message, std::string fix = {}) {
  return tl::make_unexpected(Error{kind, std::move(message), std::move(fix)});
}

// Of one that holds a value; nothing where T is void.
template <typename T>
T value_of(tl::expected<T, Error>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace tier

// The value of an expression that gives a Result; where it gives an Error, the function returns that:
//   const auto text = TIER_TRY(read_file(path));
// A statement expression, which GCC and Clang have (GCC manual, section 6.1).
#define TIER_TRY(...) TIER_TRY_NAMED(TIER_JOINED(tier_tried_, __COUNTER__), __VA_ARGS__)
#define TIER_TRY_NAMED(name, ...)                                               \
  __extension__({                                                               \
    auto name = (__VA_ARGS__);                                                  \
    if (!name.has_value()) return tl::make_unexpected(std::move(name).error()); \
    tier::value_of(std::move(name));                                            \
  })
#define TIER_JOINED(a, b) TIER_JOINED_AGAIN(a, b)
#define TIER_JOINED_AGAIN(a, b) a##b
