// Files that were cut short, damaged, or made by somebody who means harm.
#include <gmock/gmock.h>

#include <random>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk_layout.h"
#include "sim/trace/interval_codec.h"
#include "sim/trace/trace_check.h"
#include "sim/trace/trace_fixture.h"
#include "sim/trace/trace_json.h"

namespace tier::sim {
namespace {

using testing::HasSubstr;

// Where each chunk of a whole file ends, and how many intervals lie before that.
struct Landmark {
  std::uint64_t end = 0;
  std::size_t intervals = 0;
  ChunkType type{};
};

std::vector<Landmark> landmarks(const std::filesystem::path& path, const WorkloadInfo& info) {
  auto file = ChunkReader::open(path);
  EXPECT_TRUE(file);
  (*file)->rewind();
  std::vector<Landmark> found;
  std::shared_ptr<const Demand> last;
  std::size_t intervals = 0;
  while ((*file)->bytes_left() > 0) {
    const auto frame = (*file)->frame();
    EXPECT_TRUE(frame);
    const std::string payload = (*file)->payload(*frame).value();
    ByteReader bytes(frame->type == ChunkType::kIntervals ? payload : std::string_view{});
    for (; bytes.left() > 0; ++intervals) last = decode_interval(bytes, info, last)->demand;
    found.push_back({frame->offset + kFrameBytes + frame->stored, intervals, frame->type});
  }
  return found;
}

// Three chunks of intervals, the workload growing before the second.
std::string write_growing(const std::filesystem::path& path) {
  auto writer = create_trace(path, sample_header());
  auto intervals = sample_intervals(150);
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (i == 64) {
      WorkloadInfo grown = sample_header().workload;
      grown.regions = 9;
      EXPECT_TRUE((*writer)->update(grown));
    }
    EXPECT_TRUE((*writer)->append(intervals[i]));
  }
  EXPECT_TRUE((*writer)->finish());
  return slurp(path);
}

TEST_F(TraceTest, WhereverAFileIsCutItsWholeChunksAreRead) {
  const std::string bytes = write_growing(file());
  const auto marks = landmarks(file(), sample_header().workload);
  const Content whole = read_trace(file());
  ASSERT_EQ(whole.intervals.size(), 150U);
  ASSERT_EQ(marks.size(), 6U) << "header, intervals, workload, intervals, intervals, end";
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    spill(file("cut"), bytes.substr(0, length));
    const Content cut = read_trace(file("cut"));
    ASSERT_TRUE(cut.error) << length;
    ASSERT_THAT(cut.error->message, HasSubstr(file("cut").string()));
    ASSERT_FALSE(cut.error->fix.empty());
    Landmark last;
    for (const Landmark& mark : marks)
      if (mark.end <= length) last = mark;
    ASSERT_EQ(cut.header.has_value(), length >= marks[0].end) << length;
    ASSERT_EQ(cut.intervals.size(), last.intervals) << length;
    ASSERT_TRUE(is_prefix(cut.intervals, whole.intervals));
    if (cut.header) {
      ASSERT_EQ(cut.header->workload.regions, length >= marks[2].end ? 9U : 8U) << length;
    }
  }
}

TEST_F(TraceTest, EveryDamagedByteIsFound) {
  const std::string bytes = write_growing(file());
  const Content whole = read_trace(file());
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      spill(file("damaged"), damaged);
      const Content content = read_trace(file("damaged"));
      ASSERT_TRUE(content.error) << "byte " << at;
      ASSERT_TRUE(is_prefix(content.intervals, whole.intervals)) << "byte " << at;
    }
}

TEST_F(TraceTest, AnErrorNamesFileChunkAndByteAndStays) {
  std::string bytes = write_growing(file());
  const auto marks = landmarks(file(), sample_header().workload);
  bytes[marks[2].end + kFrameBytes] ^= 1;
  spill(file(), bytes);
  const auto reader = open_trace(file());
  ASSERT_TRUE(reader);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE((*reader)->next().value());
  const std::string expected = "trace " + file().string() + ": chunk 3 at byte " +
                               std::to_string(marks[2].end) +
                               " is damaged: it does not match its checksum (fix: record it again; what lies "
                               "before that byte is whole and can be used)";
  EXPECT_EQ((*reader)->next().error().text(), expected);
  EXPECT_EQ((*reader)->next().error().text(), expected);
}

TEST_F(TraceTest, ChunksThatAreMissingDoubledOrSwappedAreFound) {
  const std::string bytes = write_growing(file());
  const auto marks = landmarks(file(), sample_header().workload);
  const auto chunk = [&](std::size_t i) {
    return bytes.substr(marks[i - 1].end, marks[i].end - marks[i - 1].end);
  };
  const std::string head = bytes.substr(0, marks[2].end);
  for (const std::string& body :
       {chunk(3) + chunk(5), chunk(3) + chunk(3) + chunk(4) + chunk(5), chunk(4) + chunk(3) + chunk(5)}) {
    spill(file(), head + body);
    const Content content = read_trace(file());
    ASSERT_TRUE(content.error);
    EXPECT_THAT(content.error->message, HasSubstr("is misplaced"));
  }
  spill(file(), bytes + "x");
  EXPECT_THAT(read_trace(file()).error->message, HasSubstr("more follows"));
}

TEST_F(TraceTest, AnotherVersionIsNamed) {
  const std::string bytes = write_sample(file(), 1);
  spill(file(), preamble(7) + bytes.substr(kPreambleBytes));
  const auto reader = open_trace(file());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(reader.error().text(),
            "trace " + file().string() +
                ": it has format version 7, this program reads version 1 (fix: read it "
                "with a newer tierd)");
}

TEST_F(TraceTest, WhatIsNoTraceIsToldApart) {
  spill(file(), "#!/bin/sh\nexit 0 # no trace, and long enough\n");
  EXPECT_THAT(open_trace(file()).error().text(), HasSubstr("is not a trace file"));
  EXPECT_THAT(open_trace(file("absent")).error().text(), HasSubstr("No such file"));
  EXPECT_THAT(open_trace(file().parent_path()).error().text(), HasSubstr("is not a regular file"));
}

TEST_F(TraceTest, LengthsThatLieAreRefusedBeforeAnythingIsAllocated) {
  struct Case {
    const char* because;
    std::uint32_t type, stored, raw;
  };
  const Case cases[] = {{"larger than chunks are", 3, 100, kMostChunkBytes + 1},
                        {"larger than chunks are", 3, 0xFFFFFFFF, 10},
                        {"file ends in it", 3, 1U << 20, kMostChunkBytes},
                        {"unknown type 0", 0, 1, 1},
                        {"unknown type 5", 5, 1, 1}};
  const std::string bytes = write_sample(file(), 1);
  const auto marks = landmarks(file(), sample_header().workload);
  for (const Case& c : cases) {
    const ChunkFrame frame{static_cast<ChunkType>(c.type), 1, c.stored, c.raw, 0, 0};
    spill(file(), bytes.substr(0, marks[0].end) + encode_frame(frame) + "some bytes");
    const Content content = read_trace(file());
    ASSERT_TRUE(content.error);
    EXPECT_THAT(content.error->message, HasSubstr(c.because));
  }
}

TEST_F(TraceTest, AChunkThatDecompressesToMoreThanItSaysIsRefused) {
  craft(file(), {{ChunkType::kHeader, to_json_text(sample_header())},
                 {ChunkType::kIntervals, std::string(1U << 20, '\0')}});
  const std::string bytes = slurp(file());
  auto reader = ChunkReader::open(file());
  (*reader)->rewind();
  const ChunkFrame header = (*reader)->frame().value();
  ASSERT_TRUE((*reader)->skip(header));
  ChunkFrame bomb = (*reader)->frame().value();
  for (const std::uint32_t claimed : {1000U, (1U << 20) + 1}) {
    bomb.raw = claimed;
    spill(file(),
          bytes.substr(0, bomb.offset) + encode_frame(bomb) + bytes.substr(bomb.offset + kFrameBytes));
    const Content content = read_trace(file());
    ASSERT_TRUE(content.error);
    EXPECT_THAT(content.error->message, HasSubstr("does not decompress to its length"));
  }
}

std::string encoded(const Interval& interval) {
  std::string bytes;
  encode_interval(interval, false, bytes);
  return bytes;
}

TEST_F(TraceTest, RightChecksumsDoNotMakeWrongContentGood) {
  const std::string header = to_json_text(sample_header());
  const Interval good{Nanoseconds(1), {0, 0}, {}, sample_demand(1)};
  Interval still = good;
  std::string repeat;
  encode_interval(still, true, repeat);
  auto far = std::make_shared<Demand>(*sample_demand(1));
  far->streams[1] = {{8, 1, 0, 0}};
  auto negative = std::make_shared<Demand>(*sample_demand(1));
  negative->streams[1] = {{1, -1, 0, 0}};
  std::string one(8, '\0');
  one[0] = 1;
  constexpr auto kHeader = ChunkType::kHeader, kIntervals = ChunkType::kIntervals, kEnd = ChunkType::kEnd;
  const std::pair<const char*, Payloads> cases[] = {
      {"is not a header", {{kIntervals, encoded(good)}}},
      {"is a second header", {{kHeader, header}, {kHeader, header}}},
      {"is empty", {{kHeader, header}, {kIntervals, ""}}},
      {"does not hold interval 0", {{kHeader, header}, {kIntervals, repeat}}},
      {"does not hold interval 1", {{kHeader, header}, {kIntervals, encoded(good) + "x"}}},
      {"asks for region 8", {{kHeader, header}, {kIntervals, encoded({Nanoseconds(1), {0, 0}, {}, far})}}},
      {"negative", {{kHeader, header}, {kIntervals, encoded({Nanoseconds(1), {0, 0}, {}, negative})}}},
      {"duration", {{kHeader, header}, {kIntervals, encoded({Nanoseconds(0), {0, 0}, {}, good.demand})}}},
      {"ends 1 intervals, there were 0", {{kHeader, header}, {kEnd, one}}},
      {"is no end", {{kHeader, header}, {kEnd, "short"}}},
      {"is no workload: \"name\" is missing", {{kHeader, header}, {ChunkType::kWorkload, "{}"}}},
      {"file ends there", {{kHeader, header}}},
  };
  for (const auto& [because, chunks] : cases) {
    craft(file(), chunks);
    const Content content = read_trace(file());
    ASSERT_TRUE(content.error) << because;
    EXPECT_THAT(content.error->message, HasSubstr(because));
  }
}

TEST_F(TraceTest, HeadersOfAnyShapeAreRefusedKindly) {
  const std::string good = to_json_text(sample_header());
  const auto with = [&](const char* pointer, nlohmann::json value) {
    auto document = nlohmann::json::parse(good);
    document[nlohmann::json::json_pointer(pointer)] = std::move(value);
    return document.dump();
  };
  const std::pair<const char*, std::string> cases[] = {
      {"not a JSON object", "[1]"},
      {"not a JSON object", good.substr(1)},
      {"bounded depth", with("/machine", nlohmann::json::parse(std::string(40, '[') + std::string(40, ']')))},
      {"\"regions\" is not a whole number", with("/workload/regions", 1.5)},
      {"\"regions\" is not a whole number", with("/workload/regions", 1ULL << 40)},
      {"\"targets\" is not a list", with("/workload/targets", "many")},
      {"not an object", with("/workload/streams", {1, 2})},
      {"\"target\" is not a whole number", with("/workload/streams/0/target", -1)},
      {"of target 2, there are 2", with("/workload/streams/0/target", 2)},
      {"\"exact\" is not true or false", with("/exact", "no")},
      {"\"seed\" is not a text", with("/provenance/seed", 7)},
      {"the workload is not an object", with("/workload", nullptr)},
      {"power of two", with("/workload/region_size", 0)},
  };
  for (const auto& [because, text] : cases) {
    craft(file(), {{ChunkType::kHeader, text}});
    const auto reader = open_trace(file());
    ASSERT_FALSE(reader) << because;
    EXPECT_THAT(reader.error().message, HasSubstr(because));
  }
}

// What a decoder makes of bytes that checksums cannot vouch for: something sound, or nothing; and never more
// regions than the bytes can pay for.
TEST(TraceFuzz, AnyBytesDecodeToSomethingBoundedOrNothing) {
  const WorkloadInfo info = sample_header().workload;
  std::string good;
  for (const Interval& interval : sample_intervals(8)) good += encoded(interval);
  std::mt19937 random(1);  // NOLINT: the same bytes each time
  std::size_t decoded = 0, refused = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes = good;
    for (std::uint32_t changes = 1 + random() % 4; changes > 0; --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % (bytes.size() + 1));
    ByteReader reader(bytes);
    std::shared_ptr<const Demand> last;
    while (reader.left() > 0) {
      const std::size_t before = reader.left();
      const auto interval = decode_interval(reader, info, last);
      if (!interval) {
        ++refused;
        break;
      }
      ++decoded;
      ASSERT_LT(reader.left(), before) << "no progress";
      ASSERT_EQ(interval->demand->streams.size(), info.streams.size());
      ASSERT_EQ(interval->compute.size(), info.targets.size());
      for (const auto& stream : interval->demand->streams)
        ASSERT_LE(interval->demand == last ? 0 : stream.size() * 5, before - reader.left());
      last = interval->demand;
    }
  }
  EXPECT_GT(decoded, 100'000U);
  EXPECT_GT(refused, 10'000U);
}

TEST(TraceFuzz, CountsThatTheBytesCannotPayForAreRefused) {
  const auto varints = [](std::initializer_list<std::uint64_t> values) {
    std::string bytes;
    for (const std::uint64_t value : values) put_varint(bytes, value);
    return bytes + std::string(64, '\0');
  };
  constexpr std::uint64_t kHuge = 1ULL << 40;
  // duration, targets, events, streams + 1, gap, columns, regions
  const std::string refused[] = {varints({1, kHuge}),
                                 varints({1, 3}),
                                 varints({1, 0, kHuge}),
                                 varints({1, 0, 0, kHuge}),
                                 varints({1, 0, 0, 2, 3}),
                                 varints({1, 0, 0, 2, 0, 1, kHuge}),
                                 varints({1, 0, 0, 2, 0, 0, 1}),
                                 varints({1, 0, 0, 2, 0, 8, 1}),
                                 varints({kHuge << 23, 0, 0, 1})};
  for (const std::string& bytes : refused) {
    ByteReader reader(bytes);
    EXPECT_FALSE(decode_interval(reader, sample_header().workload, nullptr)) << testing::PrintToString(bytes);
  }
  const std::string sound = varints({1, 0, 0, 2, 0, 1, 1});
  ByteReader reader(sound);
  EXPECT_TRUE(decode_interval(reader, sample_header().workload, nullptr)) << "else the above show nothing";
}

TEST(TraceBytes, VarintsOfAnySizeComeBack) {
  std::string bytes;
  const std::uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
  for (const std::uint64_t value : values) put_varint(bytes, value);
  ByteReader reader(bytes);
  for (const std::uint64_t value : values) EXPECT_EQ(reader.varint(), value);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.left(), 0U);
  ByteReader too_big(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10));
  EXPECT_EQ(too_big.varint(), 0U);
  EXPECT_FALSE(too_big.ok());
}

// The published check value, so that readers in other languages can rely on the name.
TEST(TraceBytes, Crc32IsTheOneOfIeee) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32(std::string_view()), 0U);
  EXPECT_EQ(crc32(std::string(32, '\0')), 0x190A55ADU);
}

}  // namespace
}  // namespace tier::sim
