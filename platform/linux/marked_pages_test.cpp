#include "platform/linux/marked_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

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

TEST_F(OwnMemory, WrittenPagesCountUntouchedAndZeroPagesDoNot) {
  for (std::size_t i = 0; i < 4; ++i) start_[i * size_] = 1;
  const volatile char* const last = start_ + 15 * size_;
  EXPECT_EQ(*last, 0);  // the shared zero page
  const auto found = marked_.find(self_, pages());
  ASSERT_TRUE(found) << found.error().text();
  for (std::size_t i = 0; i < kPages; ++i) EXPECT_EQ((*found)[i], i < 4) << i;
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
