#include "platform/linux/pages.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

namespace tier {
namespace {

constexpr Address kPage = 4096;

// Answers of the kernel, one after the other, and what it was asked.
class Parts : public testing::Test {
 protected:
  PageCall move(std::size_t pages) {
    std::vector<Address> all;
    for (std::size_t i = 0; i < pages; ++i) all.push_back(kPage * i);
    return move_in_parts(all, 4, [this](std::span<const Address> part) {
      asked_.emplace_back(part.begin(), part.end());
      return answers_.at(asked_.size() - 1);
    });
  }

  std::vector<PageCall> answers_;
  std::vector<std::vector<Address>> asked_;
};

TEST_F(Parts, AreAskedForOneAfterTheOther) {
  answers_ = {{0, 0, {1, 1, -EBUSY, 1}}, {0, 0, {1, 1, 1, 1}}, {0, 0, {1, -ENOENT}}};
  const PageCall call = move(10);
  EXPECT_EQ(call.value, 0);
  EXPECT_EQ(call.status, (std::vector<int>{1, 1, -EBUSY, 1, 1, 1, 1, 1, 1, -ENOENT}));
  EXPECT_EQ(asked_[1], (std::vector<Address>{4 * kPage, 5 * kPage, 6 * kPage, 7 * kPage}));
  EXPECT_EQ(asked_[2], (std::vector<Address>{8 * kPage, 9 * kPage}));
}

// As one call that ends at its second page: what it did not try it counts as left out.
TEST_F(Parts, EndWhereTheKernelLeavesPagesOut) {
  answers_ = {{0, 0, {1, 1, 1, 1}}, {3, 0, {1, kStatusUnknown, kStatusUnknown, kStatusUnknown}}};
  const PageCall call = move(10);
  EXPECT_EQ(call.value, 5) << "three of that part, two of the last";
  EXPECT_EQ(asked_.size(), 2U);
  EXPECT_EQ(call.status[4], 1);
  EXPECT_EQ(call.status[9], kStatusUnknown);
}

TEST_F(Parts, EndWithAnError) {
  answers_ = {{0, 0, {1, 1, 1, 1}}, {-1, ENOMEM, {1, kStatusUnknown, kStatusUnknown, kStatusUnknown}}};
  const PageCall call = move(10);
  EXPECT_EQ(call.value, -1);
  EXPECT_EQ(call.error_number, ENOMEM);
  EXPECT_EQ(call.status[3], 1) << "what moved before has moved";
  EXPECT_EQ(call.status[4], 1);
  EXPECT_EQ(call.status[8], kStatusUnknown);
}

TEST_F(Parts, NothingIsAskedForNothing) {
  EXPECT_EQ(move(0).value, 0);
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace tier
