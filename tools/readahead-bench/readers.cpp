#include "tools/readahead-bench/readers.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <random>

#include "platform/linux/file.h"

namespace tier {
namespace {

constexpr std::size_t kReadPiece = 16U << 10;
constexpr std::size_t kStride = 8;         // pieces
constexpr std::size_t kRandomPieces = 16;  // between two opens

std::uint64_t sum_of(const void* bytes, std::size_t size) {
  std::uint64_t sum = 0, word = 0;
  for (std::size_t at = 0; at + sizeof(word) <= size; at += sizeof(word)) {
    std::memcpy(&word, static_cast<const char*>(bytes) + at, sizeof(word));
    sum += word;
  }
  return sum;
}

// Numbers of the pieces of a file in the order in which they are read.
std::vector<std::size_t> pieces_of(std::size_t count, ReadOrder order, std::uint64_t seed, std::size_t part) {
  std::vector<std::size_t> pieces;
  if (order == ReadOrder::kSequential && part > 0 && part < count) {
    const std::size_t first = seed % (count / part) * part;
    for (std::size_t i = 0; i < part; ++i) pieces.push_back(first + i);
    return pieces;
  }
  if (order == ReadOrder::kRandom) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < kRandomPieces; ++i) pieces.push_back(random() % count);
    return pieces;
  }
  for (std::size_t i = 0; i < count; i += order == ReadOrder::kStrided ? kStride : 1) pieces.push_back(i);
  return pieces;
}

class Mapping {
 public:
  Mapping(int fd, std::size_t size)
      : memory_(mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0)), size_(size) {}
  ~Mapping() {
    if (valid()) munmap(memory_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  bool valid() const { return memory_ != MAP_FAILED; }
  const char* at(std::size_t offset) const { return static_cast<const char*>(memory_) + offset; }

 private:
  void* memory_;
  std::size_t size_;
};

}  // namespace

std::string to_string(const ReadPattern& pattern) {
  constexpr const char* kOrders[] = {"sequential", "strided", "random"};
  return std::string(kOrders[static_cast<int>(pattern.order)]) +
         (pattern.call == ReadCall::kRead ? "-read" : "-mmap");
}

std::vector<ReadPattern> all_patterns() {
  std::vector<ReadPattern> all;
  for (const ReadCall call : {ReadCall::kRead, ReadCall::kMmap})
    for (const ReadOrder order : {ReadOrder::kSequential, ReadOrder::kStrided, ReadOrder::kRandom})
      all.push_back({order, call});
  return all;
}

Result<ReadPattern> parse_pattern(const std::string& text) {
  for (const ReadPattern& each : all_patterns())
    if (to_string(each) == text) return each;
  return fail(ErrorKind::kUsage, "no such pattern: " + text,
              "one of sequential, strided or random, then -read or -mmap");
}

Result<std::uint64_t> read_pass(const std::string& file, const ReadPattern& pattern, std::uint64_t seed,
                                const std::function<bool(std::size_t bytes)>& asked) {
  const FileDescriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) return fail_errno(file, errno);
  if (const int error = posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0)
    return fail_errno("dropping what memory has of " + file, error);
  const bool mapped = pattern.call == ReadCall::kMmap;
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::size_t piece = mapped ? static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : kReadPiece;
  std::optional<Mapping> mapping;
  if (mapped && !mapping.emplace(fd.get(), size).valid()) return fail_errno("mapping " + file, errno);
  std::vector<char> buffer(piece);
  std::uint64_t sum = 0;
  for (const std::size_t number : pieces_of(size / piece, pattern.order, seed, pattern.pass_bytes / piece)) {
    if (!mapped && pread(fd.get(), buffer.data(), piece, static_cast<off_t>(number * piece)) !=
                       static_cast<ssize_t>(piece))
      return fail_errno("reading " + file, errno);
    sum += sum_of(mapped ? mapping->at(number * piece) : buffer.data(), piece);
    if (!asked(piece)) break;
  }
  return sum;
}

}  // namespace tier
