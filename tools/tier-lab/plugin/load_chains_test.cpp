#include "tools/tier-lab/plugin/load_chains.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace tier::lab {
namespace {

using Code = std::vector<std::uint8_t>;

constexpr RegisterSet kRax = 1 << 0, kRcx = 1 << 1, kRdx = 1 << 2, kRbx = 1 << 3;

const Code kLoadRaxRax = {0x48, 0x8b, 0x00};           // mov rax, [rax]
const Code kLoadRcxRax8 = {0x48, 0x8b, 0x48, 0x08};    // mov rcx, [rax+8]
const Code kLoadRbxRdx = {0x48, 0x8b, 0x1a};           // mov rbx, [rdx]
const Code kLeaRdxRcx8 = {0x48, 0x8d, 0x51, 0x08};     // lea rdx, [rcx+8]
const Code kZeroEax = {0x31, 0xc0};                    // xor eax, eax
const Code kFiveEdx = {0xba, 0x05, 0x00, 0x00, 0x00};  // mov edx, 5
const Code kPopRax = {0x58};
const Code kMovsq = {0x48, 0xa5};
const Code kAddRaxRbx = {0x48, 0x03, 0x03};    // add rax, [rbx]
const Code kStoreRaxRdx = {0x48, 0x89, 0x02};  // mov [rdx], rax

std::vector<InstructionFacts> facts_of(const std::vector<Code>& block) {
  std::vector<InstructionBytes> code;
  std::uint64_t address = 0x1000;
  for (const Code& bytes : block) {
    InstructionBytes one;
    std::copy(bytes.begin(), bytes.end(), one.bytes.begin());
    one.size = bytes.size();
    one.address = address;
    address += bytes.size();
    code.push_back(one);
  }
  return block_facts(code);
}

TEST(BlockFacts, AChaseRestsOnItself) {
  const auto facts = facts_of({kLoadRaxRax});
  EXPECT_EQ(facts[0].access.address, kRax);
  EXPECT_EQ(facts[0].access.loaded, kRax);
}

TEST(BlockFacts, ValuesAreFollowedThroughRegisters) {
  const auto facts = facts_of({kLoadRcxRax8, kLeaRdxRcx8, kLoadRbxRdx});
  EXPECT_EQ(facts[0].access.address, kRax);
  EXPECT_EQ(facts[0].access.loaded, kRcx | kRdx);
  EXPECT_EQ(facts[2].access.address, kRdx);
  EXPECT_EQ(facts[2].access.loaded, kRbx);
}

TEST(BlockFacts, AnAddressFromElsewhereNamesWhatItCameFrom) {
  const auto facts = facts_of({kLeaRdxRcx8, kLoadRbxRdx});
  EXPECT_EQ(facts[1].access.address, kRcx) << "rdx was made of rcx before anything was loaded";
}

TEST(BlockFacts, ConstantsRestOnNothing) {
  EXPECT_EQ(facts_of({kZeroEax, kLoadRcxRax8})[1].access.address, 0);
  EXPECT_EQ(facts_of({kLoadRbxRdx, kFiveEdx, kLoadRbxRdx})[2].access.address, 0);
}

TEST(BlockFacts, TheStackAndStringsAreNoChains) {
  const auto pop = facts_of({kPopRax});
  EXPECT_EQ(pop[0].access.address, 0);
  EXPECT_EQ(pop[0].access.loaded, kRax);
  EXPECT_EQ(facts_of({kMovsq})[0].access.loaded, 0);
}

TEST(BlockFacts, ReadAndAddAddsALoadedValue) {
  const auto facts = facts_of({kAddRaxRbx, kLoadRcxRax8, kStoreRaxRdx});
  EXPECT_EQ(facts[0].access.address, kRbx);
  EXPECT_EQ(facts[0].access.loaded, kRax);
  EXPECT_EQ(facts[1].access.address, kRax);
  EXPECT_EQ(facts[2].access.loaded, 0) << "a store loads nothing";
}

// A walk through a list of addresses whose every step adds what the last one loaded (it is masked to zero):
// the list's entries are in the cache, the loads still follow each other.
TEST(BlockFacts, AValueThatIsAddedToKeepsWhatItCameFrom) {
  const auto facts = facts_of({{0x48, 0x03, 0x07},    // add rax, [rdi]
                               kLoadRaxRax,           // mov rax, [rax]
                               {0x4c, 0x21, 0xc0}});  // and rax, r8
  EXPECT_EQ(facts[0].access.loaded, kRax);
  EXPECT_EQ(facts[0].access.replaced, 0) << "rax rests on what it was before, too";
  LoadChains chains;
  chains.missed(facts[1].access, 1000);
  chains.hit(facts[0].access);
  EXPECT_EQ(chains.needs_ps(facts[1].access.address), 1000U);
}

TEST(BlockFacts, AHaltIsKnown) {
  EXPECT_TRUE(facts_of({{0xf4}})[0].halts);
  EXPECT_FALSE(facts_of({{0x90}})[0].halts);
}

TEST(BlockFacts, AreOneWord) {
  const AccessRegisters registers = {kRax | kRbx, kRcx | kRdx, kRdx};
  const AccessRegisters back = AccessRegisters::unpacked(registers.packed());
  EXPECT_EQ(back.address, registers.address);
  EXPECT_EQ(back.loaded, registers.loaded);
  EXPECT_EQ(back.replaced, registers.replaced);
}

TEST(BlockFacts, WhatIsNoInstructionHasNone) {
  const auto facts = facts_of({{0x06}, {}, kLoadRaxRax});
  EXPECT_EQ(facts[0].access.loaded, 0);
  EXPECT_EQ(facts[1].access.loaded, 0);
  EXPECT_EQ(facts[2].access.loaded, kRax);
}

TEST(BlockFacts, FlushesNameTheirLine) {
  std::uint64_t registers[16] = {};
  registers[0] = 0x10000;  // rax
  registers[1] = 4;        // rcx
  registers[7] = 0x7000;   // rdi
  const auto address = [&](const Code& code) {
    const InstructionFacts facts = facts_of({code})[0];
    EXPECT_TRUE(facts.flush.is_flush);
    return facts.flush.address(registers);
  };
  EXPECT_EQ(address({0x0f, 0xae, 0x3f}), 0x7000U);                          // clflush [rdi]
  EXPECT_EQ(address({0x66, 0x0f, 0xae, 0x3f}), 0x7000U);                    // clflushopt [rdi]
  EXPECT_EQ(address({0x66, 0x0f, 0xae, 0x37}), 0x7000U);                    // clwb [rdi]
  EXPECT_EQ(address({0x0f, 0xae, 0x7c, 0xc8, 0x10}), 0x10030U);             // clflush [rax+rcx*8+16]
  EXPECT_EQ(address({0x0f, 0xae, 0x3d, 0x00, 0x01, 0x00, 0x00}), 0x1107U);  // clflush [rip+256], 7 bytes
  EXPECT_FALSE(facts_of({{0x0f, 0xae, 0xf0}})[0].flush.is_flush) << "mfence";
}

TEST(LoadChains, ALoadNeedsWhatItsAddressComesFrom) {
  LoadChains chains;
  EXPECT_EQ(chains.needs_ps(kRax), 0U);
  chains.missed({0, kRax | kRdx, kRax | kRdx}, 1000);
  EXPECT_EQ(chains.needs_ps(kRax), 1000U);
  EXPECT_EQ(chains.needs_ps(kRdx | kRbx), 1000U);
  EXPECT_EQ(chains.needs_ps(kRbx), 0U);
  chains.missed({0, kRcx, kRcx}, 1400);
  EXPECT_EQ(chains.needs_ps(kRax | kRcx), 1400U) << "both must be there";
  chains.missed({0, kRcx, 0}, 1200);
  EXPECT_EQ(chains.needs_ps(kRcx), 1400U) << "what is added to a value comes no later than the value";
  chains.missed({0, kRcx, kRcx}, 1300);
  EXPECT_EQ(chains.needs_ps(kRcx), 1300U);
}

TEST(LoadChains, AHitBreaksTheChain) {
  LoadChains chains;
  chains.missed({0, kRax | kRcx, kRax | kRcx}, 5);
  chains.hit({0, kRax, kRax});
  EXPECT_EQ(chains.needs_ps(kRax), 0U);
  EXPECT_EQ(chains.needs_ps(kRcx), 5U);
}

}  // namespace
}  // namespace tier::lab
