// Feeds the trace reader. The first byte of an input says what the rest is:
//   h  a header as JSON        w  a workload as JSON        i  intervals as bytes
//   f  a whole file            c  chunks that are framed here, so that mutations get past the checksums:
//                                 each a type, two bytes of length, little-endian, and a payload
#include <cmath>

#include "sim/trace/chunk_layout.h"
#include "sim/trace/interval_codec.h"
#include "sim/trace/trace.h"
#include "sim/trace/trace_check.h"
#include "sim/trace/trace_json.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace tier::sim;
using tier::fuzz::require;

const tier::fuzz::Folder& folder() {
  static const tier::fuzz::Folder made;
  return made;
}

// What is read is sound, and stays the same when it is written and read again.
template <typename Parse>
void check_text(std::string_view text, const std::string& what, Parse parse) {
  const auto read = parse(text);
  if (!read) return tier::fuzz::require_told(read.error());
  require(check(*read).has_value(), what + " that is read is sound");
  const std::string again = to_json_text(*read);
  const auto read_again = parse(again);
  require(read_again.has_value(), what + " that is written can be read", again);
  require(to_json_text(*read_again) == again, what + " stays the same", again);
}

bool same(const Interval& a, const Interval& b) {
  return a.duration == b.duration && a.compute == b.compute && a.events == b.events && *a.demand == *b.demand;
}

bool sound(const WorkloadInfo& info, bool has_stall, const Interval& interval) {
  return check_work(info, interval).has_value() &&
         check_demand(info, has_stall, *interval.demand).has_value();
}

void check_intervals(std::string_view bytes) {
  WorkloadInfo info;
  info.regions = 8;
  info.targets = {{"server", 4}, {"batch", 1.5}};
  info.streams = {{"hot set", 0, 1, 0}, {"sequential", 0, 8, 0.5}, {"chase", 1, 1, 0}};
  ByteReader reader(bytes);
  std::shared_ptr<const Demand> last;
  while (reader.left() > 0) {
    const std::size_t before = reader.left();
    const auto interval = decode_interval(reader, info, last);
    if (!interval) return;
    require(reader.left() < before, "an interval has bytes");
    require(interval->demand->streams.size() == info.streams.size(), "there is a demand for each stream");
    require(interval->compute.size() == info.targets.size(), "there is a computation for each target");
    last = interval->demand;
    if (!sound(info, true, *interval)) continue;
    std::string again;
    encode_interval(*interval, false, again);
    ByteReader written(again);
    const auto read_again = decode_interval(written, info, nullptr);
    require(read_again && same(*read_again, *interval), "an interval that is written stays the same");
  }
}

struct Content {
  TraceHeader header;
  std::vector<Interval> intervals;
  bool whole = false;
};

std::optional<Content> read(const std::filesystem::path& path) {
  auto reader = open_trace(path);
  if (!reader) {
    tier::fuzz::require_told(reader.error());
    return std::nullopt;
  }
  Content content{(*reader)->header(), {}, false};
  require(check(content.header).has_value(), "a header that is read is sound");
  for (;;) {
    auto interval = (*reader)->next();
    if (!interval) {
      tier::fuzz::require_told(interval.error());
      const auto again = (*reader)->next();
      require(!again && again.error().text() == interval.error().text(), "an error stays");
      return content;
    }
    if (!*interval) break;
    content.intervals.push_back(std::move(**interval));
    require(sound(content.header.workload, content.header.has_stall, content.intervals.back()),
            "an interval that is read is sound");
  }
  content.whole = true;
  return content;
}

void check_file(const std::filesystem::path& path) {
  const auto content = read(path);
  if (!content || !content->whole) return;
  const std::filesystem::path copy = folder().file("copy.trace");
  auto writer = create_trace(copy, content->header);
  require(writer.has_value(), "a header that was read can be written", writer ? "" : writer.error().text());
  for (const Interval& interval : content->intervals) {
    const auto done = (*writer)->append(interval);
    require(done.has_value(), "an interval that was read can be written", done ? "" : done.error().text());
  }
  require((*writer)->finish().has_value(), "a trace can be written");
  const auto again = read(copy);
  require(again && again->whole, "a trace that was written is whole");
  require(to_json_text(again->header) == to_json_text(content->header), "the header stays the same");
  require(std::equal(again->intervals.begin(), again->intervals.end(), content->intervals.begin(),
                     content->intervals.end(), same),
          "the intervals stay the same");
}

// A zstd frame of one block that is not compressed (RFC 8878, sections 3.1.1.1 and 3.1.1.2): made in a
// moment, while a compressor's tables take a millisecond. At most 64 KiB.
std::string stored(std::string_view payload) {
  std::string bytes;
  put_u32(bytes, 0xFD2FB528);  // magic number
  bytes += '\x80';             // four bytes of content size, a window descriptor
  bytes += '\x38';             // 128 KiB
  put_u32(bytes, static_cast<std::uint32_t>(payload.size()));
  std::string block;
  put_u32(block, static_cast<std::uint32_t>(payload.size() << 3 | 1));  // raw, the last
  return bytes + block.substr(0, 3) + std::string(payload);
}

void check_chunks(std::string_view bytes) {
  std::string file = preamble();
  ChunkFrame frame;
  for (; bytes.size() >= 3; ++frame.number) {
    const auto at = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(bytes[i])}; };
    frame.type = static_cast<ChunkType>(at(0) & 0xF);
    const std::string_view payload = bytes.substr(3, at(1) | at(2) << 8);
    bytes.remove_prefix(3 + payload.size());
    const std::string packed = stored(payload);
    frame.stored = static_cast<std::uint32_t>(packed.size());
    frame.raw = static_cast<std::uint32_t>(payload.size());
    frame.checksum = crc32(packed);
    file += encode_frame(frame) + packed;
  }
  check_file(folder().write("chunks.trace", file));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input = tier::fuzz::text_of(data, size);
  if (input.empty()) return 0;
  const std::string_view rest = std::string_view(input).substr(1);
  switch (input.front()) {
    case 'h':
      check_text(rest, "a header", parse_header);
      break;
    case 'w':
      check_text(rest, "a workload", parse_workload);
      break;
    case 'i':
      check_intervals(rest);
      break;
    case 'f':
      check_file(folder().write("whole.trace", rest));
      break;
    case 'c':
      check_chunks(rest);
      break;
    default:
      break;
  }
  return 0;
}
