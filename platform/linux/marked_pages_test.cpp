#include "platform/linux/marked_pages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "platform/api/file_descriptor.h"
#include "platform/linux/pages.h"

namespace tier {
namespace {

class OwnMemory : public testing::Test {
 protected:
  static constexpr std::size_t kPages = 16;
  OwnMemory() {
    size_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    start_ = static_cast<char*>(
        ::mmap(nullptr, kPages * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~OwnMemory() override { ::munmap(start_, kPages * size_); }
  std::vector<Address> pages() const {
    std::vector<Address> all;
    for (std::size_t i = 0; i < kPages; ++i) all.push_back(reinterpret_cast<Address>(start_) + i * size_);
    return all;
  }

  std::size_t size_ = 0;
  char* start_ = nullptr;
  LinuxMarkedPages marked_;
  const Pid self_{::getpid()};
};

TEST_F(OwnMemory, WrittenPagesCountUntouchedOnesDoNot) {
  for (std::size_t i = 0; i < 4; ++i) start_[i * size_] = 1;
  const auto found = marked_.find(self_, pages());
  ASSERT_TRUE(found) << found.error().text();
  for (std::size_t i = 0; i < kPages; ++i) EXPECT_EQ((*found)[i], i < 4) << i;
}

// Frame of a page (Documentation/admin-guide/mm/pagemap.rst); 0 where it has none, or only root may know.
std::uint64_t frame_of(const char* page, std::size_t size) {
  const FileDescriptor map(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::uint64_t entry = 0;
  const auto at = static_cast<off_t>(reinterpret_cast<Address>(page) / size * sizeof entry);
  if (::pread(map.get(), &entry, sizeof entry, at) != sizeof entry) return 0;
  return entry & ((std::uint64_t{1} << 55) - 1);
}

// Some kernels give memory of its own to a page that was only read.
TEST_F(OwnMemory, TheSharedZeroPageDoesNotCount) {
  for (const std::size_t page : {14U, 15U}) {
    const volatile char* const read = start_ + page * size_;
    EXPECT_EQ(*read, 0);
  }
  const std::uint64_t frame = frame_of(start_ + 15 * size_, size_);
  if (frame == 0 || frame_of(start_ + 14 * size_, size_) != frame)
    GTEST_SKIP() << "this kernel shares no zero page";
  const auto found = marked_.find(self_, pages());
  ASSERT_TRUE(found) << found.error().text();
  for (std::size_t i = 0; i < kPages; ++i) EXPECT_FALSE((*found)[i]) << i;
}

TEST_F(OwnMemory, ReadingFetchesNoUntouchedPageThatWasNotAskedFor) {
  start_[0] = start_[3 * size_] = 1;
  const std::vector<Address> all = pages();
  const std::vector<Address> two{all[0], all[3]};
  const UnmarkCall call = marked_.unmark(self_, two);
  EXPECT_EQ(call.read, 2u);
  EXPECT_EQ(call.error_number, 0);
  EXPECT_LT(LinuxPages().locate(self_, std::vector<Address>{all[1]}).status.at(0), 0);
}

TEST_F(OwnMemory, AnUnmappedPageIsPassedOver) {
  for (std::size_t i = 0; i < kPages; ++i) start_[i * size_] = 1;
  ASSERT_EQ(::munmap(start_ + 5 * size_, size_), 0);
  const UnmarkCall call = marked_.unmark(self_, pages());
  EXPECT_EQ(call.read, kPages - 1);
  EXPECT_EQ(call.error_number, EFAULT);
}

TEST(MarkedPagesOfOthers, AProcessThatIsGoneIsAnError) {
  LinuxMarkedPages marked;
  const std::vector<Address> one{0x10000};
  EXPECT_FALSE(marked.find(Pid{0x3fffff}, one).has_value());
  EXPECT_EQ(marked.unmark(Pid{0x3fffff}, one).error_number, ESRCH);
}

}  // namespace
}  // namespace tier
