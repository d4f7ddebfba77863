// The container of a trace file: a preamble, then chunks that are framed, numbered, compressed and
// checksummed, whatever is in them (docs/trace-format.md). Private to the trace.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tier::sim {

enum class ChunkType : std::uint32_t { kHeader = 1, kWorkload = 2, kIntervals = 3, kEnd = 4 };

// A reader never holds more than this of a file at once, whatever the file claims.
inline constexpr std::uint32_t kMostChunkBytes = 64U << 20;

struct ChunkFrame {
  ChunkType type{};
  std::uint32_t number = 0;  // of the chunk in its file, from 0
  std::uint32_t stored = 0;  // bytes of the compressed payload
  std::uint32_t raw = 0;     // bytes of the payload
  std::uint32_t checksum = 0;
  std::uint64_t offset = 0;  // of the frame in the file
};

// To PATH.part; the first failed write makes all that follow fail. Without finish() the part file is removed,
// unless writing failed: what came before may be worth reading.
class ChunkWriter {
 public:
  static Result<std::unique_ptr<ChunkWriter>> create(const std::filesystem::path& path);
  ChunkWriter(std::filesystem::path path, std::filesystem::path part, std::FILE* file);
  ~ChunkWriter();
  ChunkWriter(const ChunkWriter&) = delete;
  ChunkWriter& operator=(const ChunkWriter&) = delete;
  Result<void> write(ChunkType type, std::string_view payload);  // at most kMostChunkBytes
  Result<void> finish();                                         // the file gets its name

 private:
  Result<void> usable() const;
  Result<void> put(std::string_view bytes);
  tl::unexpected<Error> failed(const char* verb);

  std::filesystem::path path_, part_;
  std::FILE* file_;  // owned; null once closed
  std::uint32_t number_ = 0;
  bool failed_ = false;
};

// Errors name the file, the chunk and its offset. After one, only rewind() makes sense.
class ChunkReader {
 public:
  static Result<std::unique_ptr<ChunkReader>> open(const std::filesystem::path& path);
  // The next frame, checked. Follow it with payload() or skip().
  Result<ChunkFrame> frame();
  Result<std::string> payload(const ChunkFrame& frame);
  Result<void> skip(const ChunkFrame& frame);
  void rewind();  // to the first chunk
  std::uint64_t bytes_left() const { return size_ - offset_; }
  // "trace FILE: chunk 3 at byte 2048 <what>", with what to do about it.
  tl::unexpected<Error> damaged(const ChunkFrame& frame, std::string_view what) const;

 private:
  Result<void> check_preamble();
  Result<std::string> bytes(std::size_t count);

  std::filesystem::path path_;
  std::ifstream file_;
  std::uint64_t size_ = 0, offset_ = 0;
  std::uint32_t number_ = 0;
};

}  // namespace tier::sim
