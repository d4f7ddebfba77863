// What every Knobs does: the machine's, on files of the kernel's layout, and the fake.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "platform/fake/fake_knobs.h"
#include "platform/linux/linux_knobs.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr Knob kRegister{kTierKnobRegister, 2, 0x1A4}, kDisk{kTierKnobReadahead, 8 << 20 | 16, 0},
    kSwap{kTierKnobPageCluster, 0, 0};

struct Rig {
  virtual ~Rig() = default;
  virtual Knobs& knobs() = 0;
};

struct FakeRig final : Rig {
  FakeRig() { fake.at(kRegister) = 0x820, fake.at(kDisk) = 128, fake.at(kSwap) = 3; }
  Knobs& knobs() override { return fake; }
  FakeKnobs fake;
};

struct LinuxRig final : Rig {
  LinuxRig() {
    fs::create_directories(folder / "cpu/2");
    fs::create_directories(folder / "block/8:16/queue");
    std::ofstream(folder / "cpu/2/msr") << "";
    std::ofstream(folder / "block/8:16/queue/read_ahead_kb") << "128\n";
    std::ofstream(folder / "page-cluster") << "3\n";
    EXPECT_TRUE(real.write(kRegister, 0x820));
  }
  ~LinuxRig() override { fs::remove_all(folder); }
  Knobs& knobs() override { return real; }

  const fs::path folder = fs::temp_directory_path() / ("knobs-contract-" + std::to_string(getpid()));
  const std::string cpus = folder / "cpu", block = folder / "block", swap = folder / "page-cluster";
  LinuxKnobs real{{cpus.c_str(), block.c_str(), swap.c_str()}};
};

using MakeRig = std::unique_ptr<Rig> (*)();
class KnobsContract : public ::testing::TestWithParam<MakeRig> {
 protected:
  const std::unique_ptr<Rig> rig_ = GetParam()();
  Knobs& knobs_ = rig_->knobs();
};
INSTANTIATE_TEST_SUITE_P(Fake, KnobsContract, ::testing::Values([]() -> std::unique_ptr<Rig> {
                           return std::make_unique<FakeRig>();
                         }));
INSTANTIATE_TEST_SUITE_P(Linux, KnobsContract, ::testing::Values([]() -> std::unique_ptr<Rig> {
                           return std::make_unique<LinuxRig>();
                         }));

TEST_P(KnobsContract, HoldsWhatWasWritten) {
  EXPECT_EQ(knobs_.read(kRegister).value_or(0), 0x820U);
  EXPECT_EQ(knobs_.read(kDisk).value_or(0), 128U);
  EXPECT_EQ(knobs_.read(kSwap).value_or(0), 3U);
  ASSERT_TRUE(knobs_.write(kRegister, 0xFEDC'BA98'7654'3210));
  ASSERT_TRUE(knobs_.write(kDisk, 4096));
  ASSERT_TRUE(knobs_.write(kSwap, 0));
  EXPECT_EQ(knobs_.read(kRegister).value_or(0), 0xFEDC'BA98'7654'3210U);
  EXPECT_EQ(knobs_.read(kDisk).value_or(0), 4096U);
  EXPECT_EQ(knobs_.read(kSwap).value_or(7), 0U);
}

TEST_P(KnobsContract, WhatIsNotThereIsUnsupportedAndNamed) {
  for (const Knob& knob : {Knob{kTierKnobRegister, 9, 0x1A4}, Knob{kTierKnobReadahead, 8 << 20 | 32, 0}}) {
    const auto value = knobs_.read(knob);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().kind, ErrorKind::kUnsupported);
    EXPECT_NE(value.error().message.find(to_string(knob)), std::string::npos) << value.error().message;
    const auto written = knobs_.write(knob, 1);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::kUnsupported);
  }
}

TEST(LinuxKnobs, AFileThatHoldsNoNumberIsAnError) {
  LinuxRig rig;
  for (const char* text :
       {"", "\n", "-1\n", "12 monkeys\n", "99999999999999999999999\n", "[always] never\n"}) {
    std::ofstream(rig.swap) << text;
    const auto value = rig.real.read(kSwap);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().kind, ErrorKind::kFailed) << text;
  }
}

}  // namespace
}  // namespace tier
