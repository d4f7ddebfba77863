// The knobs under contract: knobs_contract_test.cpp says what all of them do; whoever has some instantiates
// the suite.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "platform/api/knobs.h"
#include "platform/linux/linux_knobs.h"

namespace tier {

// A rig has these three, with these values, and neither CPU 9 nor block device 8:32.
inline constexpr Knob kContractRegister{kTierKnobRegister, 2, 0x1A4},
    kContractDisk{kTierKnobReadahead, 8 << 20 | 16, 0}, kContractSwap{kTierKnobPageCluster, 0, 0};
inline constexpr std::uint64_t kContractRegisterValue = 0x820, kContractDiskValue = 128,
                               kContractSwapValue = 3;

struct KnobRig {
  virtual ~KnobRig() = default;
  virtual Knobs& knobs() = 0;
  virtual std::string missing() const { return {}; }  // why it cannot be had here
};

// Files in place of the kernel's, but for registers.
class KnobFolder {
 public:
  KnobFolder() {
    std::filesystem::create_directories(folder_ / "block/8:16/queue");
    std::ofstream(folder_ / "block/8:16/queue/read_ahead_kb") << kContractDiskValue << "\n";
    std::ofstream(swap_) << kContractSwapValue << "\n";
  }
  ~KnobFolder() { std::filesystem::remove_all(folder_); }
  KnobFolder(const KnobFolder&) = delete;
  KnobFolder& operator=(const KnobFolder&) = delete;
  const std::filesystem::path& path() const { return folder_; }
  const std::string& swap() const { return swap_; }
  // `cpus` must outlive it.
  TierKnobFiles files(const std::string& cpus) const { return {cpus.c_str(), block_.c_str(), swap_.c_str()}; }

 private:
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("knobs-contract-" + std::to_string(getpid()));
  const std::string block_ = folder_ / "block", swap_ = folder_ / "page-cluster";
};

using MakeKnobRig = std::unique_ptr<KnobRig> (*)();

class KnobsContract : public ::testing::TestWithParam<MakeKnobRig> {
 protected:
  void SetUp() override {
    if (const std::string missing = rig_->missing(); !missing.empty()) GTEST_SKIP() << missing;
  }
  Knobs& knobs() { return rig_->knobs(); }

 private:
  const std::unique_ptr<KnobRig> rig_ = GetParam()();
};

}  // namespace tier
