#include <fmt/format.h>
#include <zstd.h>

#include <cerrno>
#include <system_error>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk.h"
#include "sim/trace/chunk_layout.h"

namespace tier::sim {
namespace {

constexpr int kLevel = 3;  // zstd's default; higher levels gain little on float columns

std::string errno_text() { return std::generic_category().message(errno); }

Result<std::string> compress(std::string_view payload) {
  std::string stored(ZSTD_compressBound(payload.size()), '\0');
  const std::size_t size =
      ZSTD_compress(stored.data(), stored.size(), payload.data(), payload.size(), kLevel);
  if (ZSTD_isError(size) != 0)
    return fail(ErrorKind::kFailed, fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(size)));
  stored.resize(size);
  return stored;
}

}  // namespace

Result<std::unique_ptr<ChunkWriter>> ChunkWriter::create(const std::filesystem::path& path) {
  std::filesystem::path part = path;
  part += ".part";
  // Exclusive: two writers of one part file would leave a name that promises a whole file on a broken one.
  std::FILE* file = std::fopen(part.c_str(), "wbxe");
  if (file == nullptr && errno == EEXIST)
    return fail(ErrorKind::kFailed,
                fmt::format("{} exists: a trace that is being written, or was cut short", part.string()),
                "remove it if nothing writes it any more, or choose another name");
  if (file == nullptr)
    return fail(ErrorKind::kFailed, fmt::format("cannot create {}: {}", part.string(), errno_text()),
                "choose a folder that exists and may be written to");
  auto writer = std::make_unique<ChunkWriter>(path, part, file);
  TIER_TRY(writer->put(preamble()));
  return writer;
}

ChunkWriter::ChunkWriter(std::filesystem::path path, std::filesystem::path part, std::FILE* file)
    : path_(std::move(path)), part_(std::move(part)), file_(file) {}

ChunkWriter::~ChunkWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::error_code ignored;  // nobody is left to be told
  if (!failed_) std::filesystem::remove(part_, ignored);
}

tl::unexpected<Error> ChunkWriter::failed(const char* verb) {
  failed_ = true;
  return fail(ErrorKind::kFailed, fmt::format("cannot {} {}: {}", verb, part_.string(), errno_text()),
              "make room and record again; that file can be read as far as it goes");
}

Result<void> ChunkWriter::usable() const {
  if (!failed_ && file_ != nullptr) return {};
  return fail(ErrorKind::kFailed,
              fmt::format("{} takes no more: writing failed, or it was finished", path_.string()));
}

Result<void> ChunkWriter::put(std::string_view bytes) {
  TIER_TRY(usable());
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) return failed("write");
  return {};
}

Result<void> ChunkWriter::write(ChunkType type, std::string_view payload) {
  auto stored = TIER_TRY(compress(payload));
  ChunkFrame frame;
  frame.type = type;
  frame.number = number_++;
  frame.stored = static_cast<std::uint32_t>(stored.size());
  frame.raw = static_cast<std::uint32_t>(payload.size());
  frame.checksum = crc32(stored);
  TIER_TRY(put(encode_frame(frame)));
  TIER_TRY(put(stored));
  // A chunk is written when it is worth a chunk: from here on a killed writer does not lose it.
  if (std::fflush(file_) != 0) return failed("write");
  return {};
}

Result<void> ChunkWriter::finish() {
  TIER_TRY(usable());
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (!closed) return failed("write");
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (!error) return {};
  return fail(ErrorKind::kFailed,
              fmt::format("cannot rename {} to {}: {}", part_.string(), path_.string(), error.message()),
              "rename it by hand: it is whole");
}

}  // namespace tier::sim
