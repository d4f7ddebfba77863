#include "platform/linux/pagemap.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "platform/fake/tree.h"

namespace tier {
namespace {

constexpr Address kPage = 4096;

// A kernel whose present pages are given, which returns at most `most` regions a call and whose walk_end lags
// behind the last of them by `lag` bytes.
struct ScriptedKernel {
  std::set<Address> present;
  std::size_t most = 512;
  Address lag = 0;
  int calls = 0;

  int operator()(PagemapScanArgument& argument, std::span<PagemapRegion> regions) {
    ++calls;
    std::size_t count = 0;
    argument.walk_end = argument.end;
    for (Address at = argument.start; at < argument.end; at += kPage) {
      if (!present.contains(at)) continue;
      if (count > 0 && regions[count - 1].end == at) {
        regions[count - 1].end += kPage;
        continue;
      }
      if (count == std::min(most, regions.size())) {
        argument.walk_end = std::max(argument.start, regions[count - 1].end - lag);
        break;
      }
      regions[count++] = {at, at + kPage, 0};
    }
    return static_cast<int>(count);
  }
};

std::vector<Address> pages_of(const std::vector<AddressRange>& ranges) {
  std::vector<Address> pages;
  for (const AddressRange& range : ranges)
    for (Address at = range.start; at < range.end; at += kPage) pages.push_back(at);
  return pages;
}

TEST(PagemapScan, NoPageIsLostOrToldTwiceHoweverFarWalkEndLags) {
  for (const Address lag : {Address{0}, kPage, 3 * kPage}) {
    for (const std::size_t most : {1U, 2U, 7U}) {
      ScriptedKernel kernel{.present = {}, .most = most, .lag = lag};
      for (Address page = 0x100000; page < 0x180000; page += kPage)
        if (page % (5 * kPage) != 0) kernel.present.insert(page);
      const auto found = scan_present({0x100000, 0x190000}, std::ref(kernel));
      ASSERT_TRUE(found) << found.error().text();
      EXPECT_EQ(pages_of(*found), std::vector<Address>(kernel.present.begin(), kernel.present.end()));
      for (std::size_t i = 1; i < found->size(); ++i) EXPECT_LT((*found)[i - 1].end, (*found)[i].start);
    }
  }
}

TEST(PagemapScan, AsksForABoundedSpanAtATime) {
  ScriptedKernel kernel;
  const Address gib = 1ULL << 30;
  std::uint64_t longest = 0;
  const auto found = scan_present({gib, 2 * gib}, [&](PagemapScanArgument& argument, auto) {
    longest = std::max<std::uint64_t>(longest, argument.end - argument.start);
    argument.walk_end = argument.end;
    return 0;
  });
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->empty());
  EXPECT_EQ(longest, 64ULL << 20);
}

TEST(PagemapScan, AnswersWithoutSenseAreErrors) {
  const AddressRange range{0x100000, 0x200000};
  const auto answer = [&](int count, PagemapRegion region, Address walk_end) {
    return scan_present(range, [=](PagemapScanArgument& argument, std::span<PagemapRegion> regions) {
      regions[0] = region;
      argument.walk_end = walk_end;
      return count;
    });
  };
  EXPECT_FALSE(answer(0, {}, 0x100000));                         // stands still
  EXPECT_FALSE(answer(0, {}, 0x300000));                         // runs past the end
  EXPECT_FALSE(answer(1, {0x0, 0x1000, 0}, 0x200000));           // before the range
  EXPECT_FALSE(answer(1, {0x1000000, 0x1001000, 0}, 0x200000));  // behind it
  EXPECT_FALSE(answer(1, {0x101000, 0x101000, 0}, 0x200000));
  EXPECT_FALSE(answer(100000, {0x101000, 0x102000, 0}, 0x200000));
  EXPECT_FALSE(answer(-EFAULT, {}, 0x200000));
}

TEST(Pagemap, EntriesSayWhichPagesArePresent) {
  const std::uint64_t present = 1ULL << 63, swapped = 1ULL << 62;
  const std::uint64_t entries[] = {present | 17, present, swapped, 0, present};
  std::vector<AddressRange> ranges;
  append_present(entries, 0x10000, kPage, ranges);
  EXPECT_EQ(ranges, (std::vector<AddressRange>{{0x10000, 0x12000}, {0x14000, 0x15000}}));
}

// On the running kernel, by whatever it has, and by entries: both agree with what was touched.
TEST(Pagemap, BothWaysSeeWhatIsTouched) {
  const std::size_t size = 16U << 20;
  void* map = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  ::madvise(map, size, MADV_NOHUGEPAGE);
  const auto start = reinterpret_cast<Address>(map);
  std::vector<Address> touched;
  for (std::size_t offset = 0; offset < size; offset += 3 * kPage) {
    static_cast<char*>(map)[offset] = 1;
    touched.push_back(start + offset);
  }
  for (const bool entries : {false, true}) {
    auto pagemap = Pagemap::open(Pid{::getpid()});
    ASSERT_TRUE(pagemap) << pagemap.error().text();
    if (entries) pagemap->use_entries();
    const auto found = pagemap->present({start, start + size});
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(pages_of(*found), touched) << (entries ? "by entries" : "by scan");
  }
  ::munmap(map, size);
}

TEST(Pagemap, AFileThatIsNoPagemapIsReadByEntries) {
  const std::uint64_t entries[] = {0, 1ULL << 63};
  const TemporaryTree tree(
      {{"proc/41/pagemap", std::string(reinterpret_cast<const char*>(entries), sizeof(entries))}});
  auto pagemap = Pagemap::open(Pid{41}, tree.root());
  ASSERT_TRUE(pagemap);
  const auto found = pagemap->present({0, 64 * kPage});
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(*found, (std::vector<AddressRange>{{kPage, 2 * kPage}}));
  EXPECT_FALSE(pagemap->scans());
  EXPECT_FALSE(Pagemap::open(Pid{42}, tree.root()));
}

}  // namespace
}  // namespace tier
