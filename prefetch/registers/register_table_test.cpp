#include "prefetch/registers/register_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace tier {
namespace {

std::string shipped_text() {
  std::ifstream file(TIER_REGISTER_TABLE);
  return {std::istreambuf_iterator<char>(file), {}};
}
std::vector<CpuGeneration> shipped() {
  auto table = read_register_table(shipped_text(), "registers.toml");
  EXPECT_TRUE(table) << (table ? "" : table.error().text());
  return table ? *std::move(table) : std::vector<CpuGeneration>{};
}

CpuIdentity intel(unsigned model, CoreKind core = CoreKind::kOnly) {
  return {"GenuineIntel", 6, model, core, {}};
}
CpuIdentity amd(unsigned family, bool control) {
  return {"AuthenticAMD", family, 1, CoreKind::kOnly, [control](const CpuidBit& bit) {
            return control && bit.leaf == 0x80000021 && bit.word == 0 && bit.bit == 13;
          }};
}
std::string name_of(const std::vector<CpuGeneration>& table, const CpuIdentity& cpu) {
  const CpuGeneration* const found = find_generation(table, cpu);
  return found == nullptr ? "unknown" : found->name;
}

TEST(RegisterTable, KnowsTheGenerations) {
  const auto table = shipped();
  EXPECT_EQ(name_of(table, intel(0x55)), "intel-p-core");
  EXPECT_EQ(name_of(table, intel(0x8F)), "intel-p-core-amp");
  EXPECT_EQ(name_of(table, intel(0x97, CoreKind::kPerformance)), "intel-p-core-amp");
  EXPECT_EQ(name_of(table, intel(0x97, CoreKind::kEfficient)), "intel-gracemont");
  EXPECT_EQ(name_of(table, intel(0xAF)), "intel-crestmont");
  EXPECT_EQ(name_of(table, intel(0x57)), "intel-xeon-phi");
  EXPECT_EQ(name_of(table, amd(0x19, true)), "amd-zen-3-4");
  EXPECT_EQ(name_of(table, amd(0x1A, true)), "amd-zen-5");
}

TEST(RegisterTable, WhatIsNotKnownIsObservedOnly) {
  const auto table = shipped();
  EXPECT_EQ(name_of(table, intel(0x0F)), "unknown");
  EXPECT_EQ(name_of(table, {"GenuineIntel", 15, 0x55, CoreKind::kOnly, {}}), "unknown");
  EXPECT_EQ(name_of(table, amd(0x17, true)), "unknown");
  EXPECT_EQ(name_of(table, amd(0x19, false)), "unknown") << "the CPUID bit counts, not the family alone";
  EXPECT_EQ(name_of(table, {"HygonGenuine", 0x18, 1, CoreKind::kOnly, {}}), "unknown");
}

TEST(RegisterTable, NoGenerationTakesTheSameModelTwiceAndNoneTouchesBit11) {
  const auto table = shipped();
  for (unsigned model = 0; model < 256; ++model)
    for (const CoreKind core : {CoreKind::kPerformance, CoreKind::kEfficient}) {
      const auto takers = std::count_if(
          table.begin(), table.end(), [&](const CpuGeneration& each) { return each.is(intel(model, core)); });
      EXPECT_LE(takers, 1) << model;
    }
  for (const CpuGeneration& each : table)
    for (const PrefetchRegister& reg : each.registers) EXPECT_EQ(reg.mask() & (1U << 11), 0U) << each.name;
}

TEST(RegisterTable, XeonPhisOrderIsItsOwn) {
  const auto table = shipped();
  const CpuGeneration* const phi = find_generation(table, intel(0x57));
  ASSERT_NE(phi, nullptr);
  for (const PrefetcherSwitch& each : phi->registers[0].switches)
    EXPECT_EQ(each.bit, each.name == "l1-streamer" ? 1U : 2U);
}

TEST(RegisterTable, RefusesWhatIsWrongAndNamesIt) {
  const std::string good = R"(
[[generation]]
name = "x"
vendor = "GenuineIntel"
family = 6
models = [1]
source = "s"
[[generation.register]]
address = 0x1A4
scope = "core"
disable = { a = 0 }
)";
  ASSERT_TRUE(read_register_table(good, "t"));
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto table = read_register_table(text, "t");
    return table ? std::string("accepted") : table.error().message;
  };
  EXPECT_EQ(refused("models = [1]", "models = []"),
            "t: generation[0].models must be a list of numbers, or \"any\"");
  EXPECT_EQ(refused("a = 0", "a = 64"), "t: generation[0].register.disable must hold bits from 0 to 63");
  EXPECT_EQ(refused("a = 0", "a = 3, b = 3"), "t: generation[0].register.disable names bit 3 twice");
  EXPECT_EQ(refused("source = \"s\"", ""), "t: generation[0].source is missing: no register without one");
  EXPECT_NE(refused("scope = \"core\"", "scope = \"socket\"").find("must be one of core, module"),
            std::string::npos);
  EXPECT_NE(refused("address = 0x1A4", "address = 0x1FFFFFFFF").find("address must be a whole number"),
            std::string::npos);
  EXPECT_NE(refused("[[generation.register]]", "[generation.register]").find("register must be a list"),
            std::string::npos);
  EXPECT_NE(refused("name = \"x\"", "nam = \"x\"").find("name is missing"), std::string::npos);
  EXPECT_NE(refused("family = 6", "family = [").find("not valid TOML"), std::string::npos);
}

TEST(RegisterTable, TheFileThatIsInstalledIsFound) {
  const auto table = load_register_table(default_register_table());
  ASSERT_TRUE(table) << (table ? "" : table.error().text());
  EXPECT_FALSE(table->empty());
  const auto none = load_register_table("/nowhere/registers.toml");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text().find("prefetch.registers"), std::string::npos);
}

// No prefix of the file, and no file with one byte changed, does anything but read or be refused.
TEST(RegisterTable, ADamagedFileIsReadOrRefused) {
  const std::string whole = shipped_text();
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x15);
    for (const std::string& text : {whole.substr(0, i), changed}) {
      const auto table = read_register_table(text, "t");
      EXPECT_TRUE(table || !table.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace tier
