#include <fmt/format.h>
#include <zstd.h>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk.h"
#include "sim/trace/chunk_layout.h"

namespace tier::sim {
namespace {

constexpr const char* kRecordAgain = "record it again; what lies before that byte is whole and can be used";

tl::unexpected<Error> unusable(const std::filesystem::path& path, std::string_view what, const char* fix) {
  return fail(ErrorKind::kFailed, fmt::format("trace {}: {}", path.string(), what), fix);
}

}  // namespace

Result<std::unique_ptr<ChunkReader>> ChunkReader::open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return unusable(path, error ? error.message() : "is not a regular file", "name a trace file");
  auto reader = std::make_unique<ChunkReader>();
  reader->path_ = path;
  reader->file_.open(path, std::ios::binary);
  reader->size_ = std::filesystem::file_size(path, error);
  if (!reader->file_ || error) return unusable(path, "cannot be opened", "check that you may read it");
  TIER_TRY(reader->check_preamble());
  return reader;
}

Result<void> ChunkReader::check_preamble() {
  const auto read = bytes(kPreambleBytes);
  if (!read || std::string_view(*read).substr(0, kMagic.size()) != kMagic)
    return unusable(path_, "is not a trace file: it does not begin as one", "name a trace file");
  ByteReader fields(std::string_view(*read).substr(kMagic.size()));
  const std::uint32_t version = fields.u32();
  if (fields.u32() != crc32(std::string_view(*read).substr(0, kPreambleBytes - 4)))
    return unusable(path_, "the version is damaged", "record it again");
  if (version == kTraceVersion) return {};
  return fail(ErrorKind::kUnsupported,
              fmt::format("trace {}: it has format version {}, this program reads version {}", path_.string(),
                          version, kTraceVersion),
              version > kTraceVersion ? "read it with a newer tierd" : "record it again");
}

void ChunkReader::rewind() {
  file_.clear();
  file_.seekg(kPreambleBytes);
  offset_ = kPreambleBytes;
  number_ = 0;
}

Result<std::string> ChunkReader::bytes(std::size_t count) {
  std::string read(count, '\0');
  file_.read(read.data(), static_cast<std::streamsize>(count));
  if (static_cast<std::size_t>(file_.gcount()) != count)
    return unusable(path_, fmt::format("cannot be read at byte {}", offset_), "check the file system");
  offset_ += count;
  return read;
}

tl::unexpected<Error> ChunkReader::damaged(const ChunkFrame& frame, std::string_view what) const {
  return unusable(path_, fmt::format("chunk {} at byte {} {}", frame.number, frame.offset, what),
                  kRecordAgain);
}

Result<ChunkFrame> ChunkReader::frame() {
  ChunkFrame frame;
  frame.number = number_;
  frame.offset = offset_;
  if (bytes_left() < kFrameBytes) return damaged(frame, "is cut short: the file ends there");
  const auto read = TIER_TRY(bytes(kFrameBytes));
  ByteReader fields(read);
  const std::uint32_t type = fields.u32(), number = fields.u32();
  frame.stored = fields.u32();
  frame.raw = fields.u32();
  frame.checksum = fields.u32();
  if (fields.u32() != crc32(std::string_view(read).substr(0, kFrameBytes - 4)))
    return damaged(frame, "is damaged: its frame does not match its checksum");
  if (number != number_)
    return damaged(frame, fmt::format("is misplaced: it says that it is chunk {}", number));
  if (type < 1 || type > static_cast<std::uint32_t>(ChunkType::kEnd))
    return damaged(frame, fmt::format("has the unknown type {}", type));
  frame.type = static_cast<ChunkType>(type);
  if (frame.raw > kMostChunkBytes || frame.stored > ZSTD_compressBound(frame.raw))
    return damaged(frame, "is larger than chunks are");
  if (frame.stored > bytes_left()) return damaged(frame, "is cut short: the file ends in it");
  ++number_;
  return frame;
}

Result<std::string> ChunkReader::payload(const ChunkFrame& frame) {
  auto stored = TIER_TRY(bytes(frame.stored));
  if (crc32(stored) != frame.checksum) return damaged(frame, "is damaged: it does not match its checksum");
  std::string raw(frame.raw, '\0');
  const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != raw.size())
    return damaged(frame, "does not decompress to its length");
  return raw;
}

Result<void> ChunkReader::skip(const ChunkFrame& frame) {
  offset_ += frame.stored;
  file_.seekg(static_cast<std::streamoff>(offset_));
  if (!file_) return damaged(frame, "cannot be passed over");
  return {};
}

}  // namespace tier::sim
