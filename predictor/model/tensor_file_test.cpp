#include "predictor/model/tensor_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "predictor/model/tensor_file_fixture.h"

namespace tier {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
namespace fs = std::filesystem;

constexpr char kName[] = "/models/a.tensors";

Result<TensorFile> parse(const std::string& bytes) { return parse_tensor_file(bytes_of(bytes), kName); }

void expect_refused(const std::string& bytes, const std::string& because) {
  const auto file = parse(bytes);
  ASSERT_FALSE(file) << because;
  EXPECT_THAT(file.error().message, StartsWith(std::string(kName) + ": "));
  EXPECT_THAT(file.error().message, HasSubstr(because));
  EXPECT_THAT(file.error().fix, Not(testing::IsEmpty()));
}

TEST(TensorFile, WhatIsWrittenIsReadBitForBit) {
  const TensorFile file = sample_tensor_file();
  const auto read = parse(write_tensor_file(file));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, file);
  EXPECT_TRUE(std::signbit(read->tensors[0].values[3])) << "minus zero";
  EXPECT_EQ(broken_promise(write_tensor_file(file)), "");
  EXPECT_EQ(parse(write_tensor_file({}))->tensors.size(), 0U);
}

TEST(TensorFile, TheSameInputGivesTheSameBytes) {
  EXPECT_EQ(write_tensor_file(sample_tensor_file()), write_tensor_file(sample_tensor_file()));
  TensorFile other = sample_tensor_file();
  other.tensors[1].values[2] += 1;
  EXPECT_NE(write_tensor_file(other), write_tensor_file(sample_tensor_file()));
}

// Made by a program of a few lines of Python from the format's description alone (struct, json, hashlib and
// libxxhash).
TEST(TensorFile, TheBytesAreTheFormats) {
  const TensorFile tiny{{{"id", "tiny"}}, {{"w", {2}, {1, -2}}, {"b", {1, 1}, {0.5F}}}};
  const std::string header =
      R"({"__metadata__":{"format_version":"1",)"
      R"("header_sha256":"fb89e3bb98a4f5bdb050cfbb179ca6ac60b6ef6e2c7c776f9e77021e9bc24088",)"
      R"("id":"tiny",)"
      R"("payload_sha256":"2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422",)"
      R"("xxh3_128.b":"095a758a27aedeaebb2dc4509829ae49",)"
      R"("xxh3_128.w":"d11372a3f8d4096998cd4bf727a9d2ae"},)"
      R"("w":{"data_offsets":[0,8],"dtype":"F32","shape":[2]},)"
      R"("b":{"data_offsets":[8,12],"dtype":"F32","shape":[1,1]}})";
  std::string golden("\xA8\x01\x00\x00\x00\x00\x00\x00", 8);
  golden += header + std::string(1, ' ');
  golden += std::string("\0\0\x80\x3F\0\0\0\xC0\0\0\0\x3F", 12);
  EXPECT_EQ(write_tensor_file(tiny), golden);
  EXPECT_EQ(parse(golden).value(), tiny);
  EXPECT_EQ(payload_sha256(tiny), "2ce4bdb6b34a50ac7092eb9fee94337a27498e9eb9bae44192f15b88831b2422");
}

TEST(TensorFile, ReservedMetadataAreTheWriters) {
  TensorFile file = sample_tensor_file();
  file.metadata["format_version"] = "9";
  file.metadata["header_sha256"] = "mine";
  EXPECT_EQ(write_tensor_file(file), write_tensor_file(sample_tensor_file()));
}

TEST(TensorFile, EveryDamagedByteIsFound) {
  const std::string bytes = write_tensor_file(sample_tensor_file());
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const char flip : {'\x01', '\x20', '\x80', '\xFF'}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      ASSERT_FALSE(parse(damaged).has_value()) << "byte " << at << " is " << bytes[at];
    }
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_FALSE(parse(bytes.substr(0, length)).has_value()) << length;
  EXPECT_FALSE(parse(bytes + '\0').has_value());
}

class Forged : public testing::Test {
 protected:
  const TensorFileParts parts_ = take_apart(write_tensor_file(sample_tensor_file()));
  const HeaderJson header_ = HeaderJson::parse(parts_.header);

  // The sample with one thing in its header changed, all hashes right.
  std::string with(const char* pointer, HeaderJson value) const {
    HeaderJson header = header_;
    header[HeaderJson::json_pointer(pointer)] = std::move(value);
    return sealed(header, parts_.payload);
  }
  std::string without(const char* parent, const char* key) const {
    HeaderJson header = header_;
    header[HeaderJson::json_pointer(parent)].erase(key);
    return sealed(header, parts_.payload);
  }
  std::string with_text(const std::string& from, const std::string& to) const {
    std::string header = parts_.header;
    const std::size_t at = header.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return assemble(header.replace(at, from.size(), to), parts_.payload);
  }
  std::string with_value(float value) const {
    std::string payload = parts_.payload;
    std::memcpy(payload.data() + 8, &value, sizeof value);
    return sealed(header_, payload);
  }
};

TEST_F(Forged, SealingAloneChangesNothing) {
  EXPECT_EQ(parse(sealed(header_, parts_.payload)).value(), sample_tensor_file());
}

TEST_F(Forged, TooShort) { expect_refused("1234567", "ends before the length of its header"); }
TEST_F(Forged, TooLarge) {
  expect_refused(std::string(kMostTensorFileBytes + 1, '\0'), "larger than 67108864");
}
TEST_F(Forged, HeaderTooLong) {
  expect_refused(assemble(std::string(kMostTensorHeaderBytes + 1, ' '), ""), "header claims 1048577 bytes");
  expect_refused(std::string(8, '\xFF') + "{}", "header claims 18446744073709551615 bytes");
}
TEST_F(Forged, HeaderCutShort) {
  expect_refused(write_tensor_file(sample_tensor_file()).substr(0, 100), "ends within its header");
}
TEST_F(Forged, HeaderIsNoJsonObject) {
  for (const std::string text : {"", "[1]", "{", "{}x", " {}", "\xEF\xBB\xBF{}", "{\"a\":\"\xC3\"}",
                                 "{\"a\":1e999}", "{} /* */", "{\"a\":1,}"})
    expect_refused(assemble(text, ""), "header is not a JSON object");
}
TEST_F(Forged, HeaderHoldsAZeroByte) {
  expect_refused(assemble(std::string("{}\0{}", 5), ""), "header holds a zero byte");
  expect_refused(assemble(parts_.header + '\0', parts_.payload), "header holds a zero byte");
}
TEST_F(Forged, HeaderTooDeep) {
  expect_refused(with("/scale/shape/0", HeaderJson::array()), "nested too deeply");
  expect_refused(assemble("{\"a\":" + std::string(500000, '['), ""), "nested too deeply");
}
TEST_F(Forged, KeyTwice) {
  expect_refused(with_text("\"scale\":", "\"head/bias\":"), "has the key \"head/bias\" twice");
  expect_refused(with_text("\"scale\":", "\"__metadata__\":"), "has the key \"__metadata__\" twice");
  expect_refused(with_text("\"note\":", "\"architecture\":"), "has the key \"architecture\" twice");
  expect_refused(with_text("\"dtype\":", "\"shape\":1,\"dtype\":"), "has the key \"shape\" twice");
}
TEST_F(Forged, TooManyTensors) {
  TensorFile file;
  for (std::size_t i = 0; i < kMostTensors; ++i) file.tensors.push_back({std::to_string(i), {}, {1}});
  EXPECT_TRUE(parse(write_tensor_file(file)));
  file.tensors.push_back({"one more", {}, {1}});
  expect_refused(write_tensor_file(file), "more than 1024 tensors");
}
TEST_F(Forged, NoMetadata) {
  expect_refused(without("", "__metadata__"), "has no metadata");
  expect_refused(with("/__metadata__", "text"), "has no metadata");
}
TEST_F(Forged, MetadataAreNoTexts) {
  for (const HeaderJson& value : {HeaderJson(1), HeaderJson(nullptr), HeaderJson::object()})
    expect_refused(with("/__metadata__/note", value), "metadata \"note\" is not a text");
}
TEST_F(Forged, NoVersion) { expect_refused(without("/__metadata__", "format_version"), "no format version"); }
TEST_F(Forged, OtherVersion) {
  const std::string bytes = with("/__metadata__/format_version", "2");
  expect_refused(bytes, "has format version \"2\", this program reads version 1");
  EXPECT_EQ(parse(bytes).error().kind, ErrorKind::kUnsupported);
}
TEST_F(Forged, UnusualName) {
  for (const char* name : {"", "a b", "\x1B[2J", "\xC3\xA9", "a\nb"}) {
    TensorFile file = sample_tensor_file();
    file.tensors[2].name = name;
    expect_refused(write_tensor_file(file), "is not named in 1 to 128");
  }
  TensorFile file = sample_tensor_file();
  file.tensors[2].name = std::string(kMostTensorName, 'n');
  EXPECT_TRUE(parse(write_tensor_file(file)));
  file.tensors[2].name += 'n';
  expect_refused(write_tensor_file(file), "is not named in 1 to 128");
}
TEST_F(Forged, OddlyDescribed) {
  const std::string because = "\"scale\" is not described by dtype, shape and data_offsets alone";
  expect_refused(with("/scale", 5), because);
  expect_refused(with("/scale/extra", 5), because);
  for (const char* key : {"dtype", "shape", "data_offsets"}) expect_refused(without("/scale", key), because);
}
TEST_F(Forged, OtherDtype) {
  for (const HeaderJson& dtype : {HeaderJson("F16"), HeaderJson("f32"), HeaderJson(32)})
    expect_refused(with("/scale/dtype", dtype), "\"scale\" is not of dtype F32");
}
TEST_F(Forged, ShapeOrOffsetsAreNoWholeNumbers) {
  for (const HeaderJson& value :
       {HeaderJson(4.0), HeaderJson(-4), HeaderJson("4"), HeaderJson(true), HeaderJson()}) {
    expect_refused(with("/head~1bias/shape/0", value), "has a shape that is not of whole numbers");
    expect_refused(with("/head~1bias/data_offsets/1", value),
                   "has a data_offsets that is not of whole numbers");
  }
  expect_refused(with_text("[4]", "[18446744073709551616]"), "has a shape that is not of whole numbers");
  expect_refused(with("/head~1bias/shape", 4), "has no list as its shape");
  expect_refused(with("/head~1bias/data_offsets", "0 4"), "has no list as its data_offsets");
}
TEST_F(Forged, NotTwoOffsets) {
  expect_refused(with("/scale/data_offsets", {40, 44, 44}), "has not two data_offsets");
  expect_refused(with("/scale/data_offsets", HeaderJson::array()), "has not two data_offsets");
}
TEST_F(Forged, EndBeforeBegin) {
  expect_refused(with("/scale/data_offsets", {44, 40}), "\"scale\" ends before it begins");
}
TEST_F(Forged, Overlap) {
  expect_refused(with("/head~1bias/data_offsets", {20, 36}), "\"head/bias\" overlaps or precedes");
}
TEST_F(Forged, Disorder) {
  HeaderJson header = header_;
  const HeaderJson last = header["scale"];
  header["scale"] = header["stem/weights"];
  header["stem/weights"] = last;
  expect_refused(sealed(header, parts_.payload), "\"stem/weights\" leaves a gap");
  expect_refused(with("/scale/data_offsets", {0, 4}), "\"scale\" overlaps or precedes");
}
TEST_F(Forged, Gap) {
  expect_refused(with("/scale/data_offsets", {41, 44}), "\"scale\" leaves a gap before its values");
  expect_refused(with("/stem~1weights/data_offsets", {4, 24}), "\"stem/weights\" leaves a gap");
}
TEST_F(Forged, BeyondTheEnd) {
  expect_refused(with("/scale/data_offsets", {40, 48}), "\"scale\" reaches beyond the end of the file");
  expect_refused(with("/scale/data_offsets", {40, UINT64_MAX}), "\"scale\" reaches beyond");
}
TEST_F(Forged, TooManyDimensions) {
  expect_refused(with("/scale/shape", std::vector<int>(9, 1)), "\"scale\" has more than 8 dimensions");
  EXPECT_TRUE(parse(with("/scale/shape", std::vector<int>(8, 1))));
}
TEST_F(Forged, EmptyDimension) {
  expect_refused(with("/head~1bias/shape", {4, 0}), "\"head/bias\" has a dimension of 0");
}
TEST_F(Forged, ShapeTooLargeOrOverflowing) {
  for (const HeaderJson& shape : {HeaderJson({1ULL << 40}), HeaderJson({1ULL << 32, 1ULL << 32}),
                                  HeaderJson({4, 1ULL << 62}), HeaderJson({UINT64_MAX, UINT64_MAX})})
    expect_refused(with("/head~1bias/shape", shape), "a shape of more values than the file holds");
}
TEST_F(Forged, ShapeAndOffsetsDisagree) {
  expect_refused(with("/head~1bias/shape", {5}), "has a shape of 5 values and offsets of 16 bytes");
  expect_refused(with("/head~1bias/shape", HeaderJson::array()),
                 "a shape of 1 values and offsets of 16 bytes");
}
TEST_F(Forged, BytesFollow) {
  expect_refused(sealed(header_, parts_.payload + "x"), "1 bytes follow its last tensor");
  expect_refused(without("", "scale"), "4 bytes follow its last tensor");
}
TEST_F(Forged, TensorDamaged) {
  std::string payload = parts_.payload;
  payload[25] ^= 1;
  expect_refused(assemble(parts_.header, payload),
                 "\"head/bias\" is damaged: it does not match its XXH3-128");
}
TEST_F(Forged, HashMissing) {
  for (const char* key : {"xxh3_128.scale", "payload_sha256", "header_sha256"}) {
    HeaderJson header = header_;
    header["__metadata__"].erase(key);
    expect_refused(assemble(header.dump(), parts_.payload), "metadata lack \"" + std::string(key) + "\"");
  }
}
TEST_F(Forged, HashOfNothing) {
  expect_refused(with("/__metadata__/xxh3_128.gone", "00"), "hashes of tensors that are not there");
}
TEST_F(Forged, PayloadHashWrong) {
  HeaderJson header = header_;
  header["__metadata__"]["payload_sha256"] = std::string(64, '0');
  expect_refused(assemble(header.dump(), parts_.payload), "values do not match their SHA-256");
}
TEST_F(Forged, HeaderChanged) {
  expect_refused(with_text("tcn-c8", "tcn-c9"), "header does not match its SHA-256");
  expect_refused(with_text("[2,3]", "[3,2]"), "header does not match its SHA-256");
  EXPECT_TRUE(parse(with_text("[2,3]", " [2, 3]"))) << "blanks say nothing";
}
TEST_F(Forged, NotFinite) {
  for (const float value : {INFINITY, -INFINITY, NAN})
    expect_refused(with_value(value), "\"stem/weights\" holds a value that is not finite");
}
TEST_F(Forged, TooLargeAValue) {
  for (const float value : {std::nextafter(1e4F, 2e4F), -3e38F})
    expect_refused(with_value(value), "\"stem/weights\" holds a value beyond 10000 in magnitude");
}
TEST_F(Forged, AStrangersTextIsShownEscapedAndCut) {
  const auto file = parse(with("/__metadata__/format_version", "\x1B[31m\u202E" + std::string(5000, 'v')));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("\"\\u001b[31m\\u202evvv"));
  EXPECT_LT(file.error().message.size(), 300U);
}

class TensorFileOnDisk : public testing::Test {
 protected:
  TensorFileOnDisk() {
    std::string name = (fs::temp_directory_path() / "tierd-tensors-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~TensorFileOnDisk() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "model.tensors"; }

 private:
  fs::path folder_;
};

TEST_F(TensorFileOnDisk, WhatIsWrittenIsReadAndTheOneBeforeKept) {
  const TensorFile first = sample_tensor_file();
  TensorFile second = first;
  second.tensors[0].values[0] = 42;
  ASSERT_TRUE(write_tensor_file(file(), first));
  ASSERT_TRUE(write_tensor_file(file(), second));
  EXPECT_EQ(read_tensor_file(file()).value(), second);
  EXPECT_EQ(read_tensor_file(file().string() + ".previous").value(), first);
}

TEST_F(TensorFileOnDisk, WhatCouldNotBeReadBackIsNotWritten) {
  const TensorFile good = sample_tensor_file();
  ASSERT_TRUE(write_tensor_file(file(), good));
  TensorFile infinite = good, twice = good, misshapen = good, reserved = good, garbled = good;
  infinite.tensors[0].values[0] = INFINITY;
  twice.tensors[1].name = twice.tensors[0].name;
  misshapen.tensors[1].shape = {5};
  reserved.metadata["xxh3_128.mine"] = "00";
  garbled.metadata["note"] = "\xC3";
  for (const TensorFile& bad : {infinite, twice, misshapen, reserved, garbled}) {
    const auto done = write_tensor_file(file(), bad);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(done.error().message, StartsWith("not written: " + file().string()));
  }
  EXPECT_EQ(read_tensor_file(file()).value(), good);
  EXPECT_FALSE(fs::exists(file().string() + ".previous"));
}

TEST_F(TensorFileOnDisk, WhatCannotBeReadIsNamed) {
  EXPECT_THAT(read_tensor_file(file()).error().text(), HasSubstr(file().string() + ": no such file"));
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_THAT(read_tensor_file(file()).error().text(), HasSubstr("a named pipe, not a file (fix: "));
  fs::remove(file());
  std::ofstream(file()) << "#!/bin/sh\n";
  EXPECT_THAT(read_tensor_file(file()).error().text(), HasSubstr(file().string() + ": its header claims"));
  fs::resize_file(file(), kMostTensorFileBytes * 4);  // a hole: it takes no room
  EXPECT_THAT(read_tensor_file(file()).error().text(), HasSubstr("larger than 64 MiB (fix: "));
}

}  // namespace
}  // namespace tier
