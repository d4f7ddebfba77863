#include "platform/linux/capabilities.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

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

std::string text_of(const std::string& file) {
  std::ifstream in(std::string(TIERD_SOURCE) + "/" + file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The value of the only assignment of `key`.
std::string assigned(const std::string& unit, const std::string& key) {
  const auto at = unit.find("\n" + key + "=");
  if (at == std::string::npos || unit.find("\n" + key + "=", at + 1) != std::string::npos) return "";
  const auto begin = at + key.size() + 2;
  return unit.substr(begin, unit.find('\n', begin) - begin);
}

TEST(CapabilityTable, IsTheUnits) {
  std::string of_unit;
  for (const CapabilityUse& use : capability_table()) {
    if (*use.option == '\0') {
      of_unit += (of_unit.empty() ? "" : " ") + std::string(use.name);
    } else {
      const std::string drop_in = text_of(std::string("systemd/enable/") + use.option + ".conf");
      EXPECT_EQ(assigned(drop_in, "CapabilityBoundingSet"), use.name);
    }
  }
  EXPECT_EQ(assigned(text_of("systemd/tierd.service.in"), "CapabilityBoundingSet"), of_unit);
}

TEST(CapabilityTable, IsTheDocumentations) {
  const std::string docs = text_of("docs/operations.md");
  for (const CapabilityUse& use : capability_table()) {
    const std::string by =
        *use.option == '\0' ? "the unit" : "`tierctl enable " + std::string(use.option) + "`";
    const std::string row = "| `" + std::string(use.name) + "` | " + use.needed_for + " | " + by + " |";
    EXPECT_NE(docs.find(row), std::string::npos) << row;
  }
}

TEST(KernelRelease, IsNotEmpty) { EXPECT_FALSE(kernel_release().empty()); }

}  // namespace
}  // namespace tier
