#include "tierd/daemon/signature_file.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "platform/api/durable_file.h"

namespace tier {
namespace {

// 256 entries of 64 numbers are 70 KB with their header.
constexpr std::uintmax_t kMostBytes = 1U << 20;

Result<std::string> read(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed) && !failed) return std::string();
  const std::uintmax_t size = failed ? 0 : std::filesystem::file_size(path, failed);
  if (failed)
    return fail(ErrorKind::kFailed, fmt::format("{}: {}", path.string(), failed.message()),
                "check its owner and permissions");
  if (size > kMostBytes)
    return fail(ErrorKind::kFailed,
                fmt::format("{} has {} bytes, no store of signatures", path.string(), size),
                "remove it: what it held is learnt again");
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (in.bad() || !in.is_open())
    return fail(ErrorKind::kFailed, fmt::format("{} cannot be read", path.string()),
                "check its owner and permissions");
  return bytes;
}

}  // namespace

SignatureStorage signature_file(std::filesystem::path path) {
  return {[path] { return read(path); },
          [path](const std::string& bytes) { return replace_file(path, bytes); },
          [] {
            return std::int64_t{std::chrono::duration_cast<std::chrono::seconds>(
                                    std::chrono::system_clock::now().time_since_epoch())
                                    .count()};
          }};
}

}  // namespace tier
