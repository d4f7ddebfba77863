#include "platform/linux/capabilities.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tier {
namespace {

std::string tree_with(const std::string& status) {
  const auto root = std::filesystem::path(testing::TempDir()) / "capabilities";
  std::filesystem::create_directories(root / "proc/self");
  std::ofstream(root / "proc/self/status") << status;
  return root.string();
}

bool held(const std::vector<CapabilityState>& states, const std::string& name) {
  for (const auto& state : states) {
    if (state.name == name) return state.held;
  }
  ADD_FAILURE() << name << " is not listed";
  return false;
}

TEST(Capabilities, ReadsTheEffectiveMask) {
  // Bits 19 (SYS_PTRACE) and 39 (BPF), capabilities(7).
  const auto states =
      read_capabilities(tree_with("Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t0000008000080000\n"));
  EXPECT_TRUE(held(states, "CAP_BPF"));
  EXPECT_TRUE(held(states, "CAP_SYS_PTRACE"));
  EXPECT_FALSE(held(states, "CAP_PERFMON"));
  for (const auto& state : states) EXPECT_FALSE(state.needed_for.empty());
}

TEST(Capabilities, JunkAndAbsenceMeanNone) {
  EXPECT_FALSE(held(read_capabilities(tree_with("CapEff:\tzz\n")), "CAP_BPF"));
  EXPECT_FALSE(held(read_capabilities("/nonexistent"), "CAP_BPF"));
}

TEST(KernelRelease, IsNotEmpty) { EXPECT_FALSE(kernel_release().empty()); }

}  // namespace
}  // namespace tier
