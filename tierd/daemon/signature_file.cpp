#include "tierd/daemon/signature_file.h"

#include <fmt/format.h>

#include <chrono>

#include "platform/api/durable_file.h"
#include "platform/api/text_file.h"

namespace tier {
namespace {

// 256 entries of 64 numbers are 70 KB with their header.
constexpr std::uintmax_t kMostBytes = 1U << 20;

Result<std::string> read(const std::filesystem::path& path) {
  if (!name_exists(path)) return std::string();
  auto bytes = read_regular_file(path, kMostBytes);
  if (!bytes)
    return fail(bytes.error().kind, "no store of signatures: " + bytes.error().message,
                "remove it: what it held is learnt again");
  return bytes;
}

}  // namespace

SignatureStorage signature_file(std::filesystem::path path) {
  return {[path] { return read(path); },
          [path = std::move(path)](const std::string& bytes) { return replace_file(path, bytes); },
          [] {
            return std::int64_t{std::chrono::duration_cast<std::chrono::seconds>(
                                    std::chrono::system_clock::now().time_since_epoch())
                                    .count()};
          }};
}

}  // namespace tier
