#include "platform/linux/sampling/reader_view.h"

#include <charconv>
#include <filesystem>
#include <sstream>

#include "platform/linux/file.h"

namespace tier {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string link_of(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}

}  // namespace

std::uint32_t namespace_number(std::string_view link) {
  const std::size_t begin = link.find('['), end = link.find(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return 0;
  std::uint32_t number = 0;
  const char *first = link.data() + begin + 1, *last = link.data() + end;
  const auto [rest, error] = std::from_chars(first, last, number);
  return error == std::errc{} && rest == last ? number : 0;
}

void parse_time_offsets(std::string_view text, ReaderView& view) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string clock;
    std::int64_t whole = 0, part = 0;
    if (!(fields >> clock >> whole >> part)) continue;
    std::int64_t offset = 0;
    if (__builtin_mul_overflow(whole, kNanosecondsPerSecond, &offset) ||
        __builtin_add_overflow(offset, part, &offset))
      continue;
    if (clock == "monotonic") view.monotonic_offset_ns = offset;
    if (clock == "boottime") view.boottime_offset_ns = offset;
  }
}

ReaderView read_reader_view(const std::string& root) {
  const std::string folder = under(root, "/proc/self/");
  ReaderView view;
  if (const std::uint32_t number = namespace_number(link_of(folder + "ns/pid")); number != 0)
    view.pid_namespace = number;
  // The file shows the namespace of children to come (time_namespaces(7)); a process that has unshared it,
  // and not yet executed, is in another one itself.
  const bool own = link_of(folder + "ns/time") == link_of(folder + "ns/time_for_children");
  if (const auto offsets = read_file(folder + "timens_offsets"); offsets && own)
    parse_time_offsets(*offsets, view);
  return view;
}

}  // namespace tier
