#include "platform/linux/sampling/lasting_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace tier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Mapping code_at(Address start, std::string name) {
  Mapping mapping;
  mapping.range = {start, start + 0x10000};
  mapping.readable = mapping.executable = true;
  mapping.name = std::move(name);
  mapping.object = MemoryObject{8ULL << 32 | 1, std::hash<std::string>()(mapping.name)};
  return mapping;
}

TEST(LastingCode, IsThatOfFilesUntilTheirMappingChanges) {
  LastingCode code;
  const Mapping program = code_at(0x400000, "/usr/bin/job");
  const Mapping library = code_at(0x7f0000000000, "/usr/lib/libjob.so.1");
  EXPECT_THAT(code.replace(7, std::vector{library, program}), IsEmpty());
  EXPECT_TRUE(code.holds(7, 0x400000));
  EXPECT_TRUE(code.holds(7, 0x7f000000ffff));
  EXPECT_FALSE(code.holds(7, 0x7f0000010000));
  EXPECT_FALSE(code.holds(7, 0x3fffff));
  EXPECT_FALSE(code.holds(8, 0x400000)) << "of another process";
  EXPECT_THAT(code.replace(7, std::vector{program, library}), IsEmpty());
  Mapping other = code_at(0x7f0000000000, "/usr/lib/libother.so.2");
  EXPECT_THAT(code.replace(7, std::vector{program, other}), ElementsAre(library.range));
  EXPECT_TRUE(code.holds(7, 0x7f0000000000));
  other.offset = 0x4000;
  EXPECT_THAT(code.replace(7, std::vector{program, other}), ElementsAre(other.range));
  EXPECT_THAT(code.replace(7, std::vector{program}), ElementsAre(other.range));
  EXPECT_FALSE(code.holds(7, 0x7f0000000000));
  code.keep_only(std::map<std::uint32_t, int>{{8, 0}});
  EXPECT_FALSE(code.holds(7, 0x400000));
}

// A program may map as much code as it likes, and each reading of its mappings compares all of it.
TEST(LastingCode, HoweverMuchIsMappedWhatIsGoneIsToldByAddress) {
  LastingCode code;
  std::vector<Mapping> mappings;
  for (Address i = 0; i < 60000; ++i) mappings.push_back(code_at((60000 - i) << 20, "/usr/bin/job"));
  EXPECT_THAT(code.replace(7, mappings), IsEmpty());
  const std::vector<Mapping> every_second = [&] {
    std::vector<Mapping> kept;
    for (std::size_t i = 0; i < mappings.size(); i += 2) kept.push_back(mappings[i]);
    return kept;
  }();
  const std::vector<AddressRange> gone = code.replace(7, every_second);
  EXPECT_EQ(gone.size(), 30000U);
  EXPECT_TRUE(std::is_sorted(gone.begin(), gone.end()));
}

TEST(LastingCode, IsNotWhatAProgramMayWriteItself) {
  Mapping writable = code_at(0x10000, "/usr/bin/job"), shared = code_at(0x20000, "/usr/bin/job"),
          data = code_at(0x30000, "/usr/bin/job");
  writable.writable = true;
  shared.shared = true;
  data.executable = false;
  const std::vector<Mapping> mappings = {writable,
                                         shared,
                                         data,
                                         code_at(0x40000, ""),
                                         code_at(0x50000, "[vdso]"),
                                         code_at(0x60000, "/memfd:doublemapper (deleted)"),
                                         code_at(0x70000, "/memfd:jit"),
                                         code_at(0x80000, "/tmp/code (deleted)")};
  LastingCode code;
  EXPECT_THAT(code.replace(7, mappings), IsEmpty());
  for (const Mapping& mapping : mappings) EXPECT_FALSE(code.holds(7, mapping.range.start)) << mapping.name;
}

}  // namespace
}  // namespace tier
