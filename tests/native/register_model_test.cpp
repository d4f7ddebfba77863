#include "tests/native/register_model.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace tier {
namespace {

const auto kNobody = [] { FAIL() << "nobody was to be killed"; };

class RegisterModelTest : public ::testing::Test {
 protected:
  std::uint64_t read(std::uint32_t cpu, std::uint32_t address) {
    std::uint64_t value = 0;
    EXPECT_EQ(model_.read(cpu, address, 8, &value), 0);
    return value;
  }
  int write(std::uint32_t cpu, std::uint32_t address, std::uint64_t value) {
    return model_.write(cpu, address, 8, value, kNobody);
  }
  RegisterModel model_{8,
                       {{.address = 0x1A4, .sharers = 2},
                        {.address = 0x1A5, .sharers = 2},
                        {.address = 0x1320, .sharers = 4},
                        {.address = 0x1A0}}};
};

TEST_F(RegisterModelTest, IsSharedAsFarAsItsKindSays) {
  ASSERT_EQ(write(2, 0x1A4, 0x11), 0);
  ASSERT_EQ(write(2, 0x1320, 0x22), 0);
  ASSERT_EQ(write(2, 0x1A0, 0x33), 0);
  for (std::uint32_t cpu = 0; cpu < 8; ++cpu) {
    EXPECT_EQ(read(cpu, 0x1A4), cpu / 2 == 1 ? 0x11U : 0U) << cpu;
    EXPECT_EQ(read(cpu, 0x1320), cpu / 4 == 0 ? 0x22U : 0U) << cpu;
    EXPECT_EQ(read(cpu, 0x1A0), cpu == 2 ? 0x33U : 0U) << cpu;
  }
}

TEST_F(RegisterModelTest, NeighboursInNumberDoNotOverlap) {
  ASSERT_EQ(write(0, 0x1A4, ~0ULL), 0);
  EXPECT_EQ(read(0, 0x1A5), 0U);
  ASSERT_EQ(write(0, 0x1A5, 0x5A5A), 0);
  EXPECT_EQ(read(0, 0x1A4), ~0ULL);
}

TEST_F(RegisterModelTest, HardwaresBitsMoveAndStuckOnesStay) {
  model_.change({.address = 0x1A4, .sharers = 2, .moving = 0xF00, .stuck = 0x2});
  const std::uint64_t first = read(0, 0x1A4);
  EXPECT_EQ(read(0, 0x1A4), first ^ 0xF00);
  ASSERT_EQ(write(0, 0x1A4, 0xFF | first), 0);
  EXPECT_EQ(read(0, 0x1A4) & 0xFF, 0xFDU);
  EXPECT_EQ(model_.peek(0, 0x1A4), 0xFDU);
}

TEST_F(RegisterModelTest, RefusesAsTheKernelDoes) {
  std::uint64_t value = 0;
  for (const std::size_t bytes : {0U, 1U, 4U, 7U, 9U, 16U}) {
    EXPECT_EQ(model_.read(0, 0x1A4, bytes, &value), EINVAL);
    EXPECT_EQ(model_.write(0, 0x1A4, bytes, 1, kNobody), EINVAL);
  }
  EXPECT_EQ(model_.read(0, 0x999, 8, &value), EIO);
  EXPECT_EQ(write(0, 0x999, 1), EIO);
  EXPECT_EQ(write(8, 0x1A4, 1), ENOENT);
  model_.set_offline(1, ENXIO);
  EXPECT_EQ(write(1, 0x1A4, 1), ENXIO);
  model_.change({.address = 0x1A4, .sharers = 2, .faulty = true});
  EXPECT_EQ(write(0, 0x1A4, 1), EIO);
  EXPECT_EQ(read(0, 0x1A4), 0U);
  EXPECT_EQ(model_.counts(0x1A4).writes, 0U);
  EXPECT_EQ(model_.counts(0x1A4).reads, 1U);
}

TEST_F(RegisterModelTest, KillsAtTheWriteThatWasNamedOnTheSideThatWasNamed) {
  unsigned killed = 0;
  const auto write = [&](std::uint64_t value) {
    (void)model_.write(0, 0x1A4, 8, value, [&killed] { ++killed; });
  };
  model_.kill_writer_at(1, KillMoment::kBeforeStored);
  write(1), write(2);
  EXPECT_EQ(killed, 1U);
  EXPECT_EQ(model_.peek(0, 0x1A4), 1U);
  model_.kill_writer_at(0, KillMoment::kAfterStored);
  write(3), write(4);
  EXPECT_EQ(killed, 2U);
  EXPECT_EQ(model_.peek(0, 0x1A4), 4U);
  model_.kill_writer_at(0), model_.kill_writer_at({});
  write(5);
  EXPECT_EQ(killed, 2U);
}

}  // namespace
}  // namespace tier
