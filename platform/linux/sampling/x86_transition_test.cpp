#include "platform/linux/sampling/x86_transition.h"

#include <gtest/gtest.h>

#include <vector>

namespace tier {
namespace {

using Code = std::vector<std::uint8_t>;

const Code kLoad = {0x48, 0x8b, 0x04, 0xd7};       // mov (%rdi,%rdx,8),%rax
const Code kAdd = {0x48, 0x83, 0xc0, 0x01};        // add $1,%rax
const Code kLea = {0x48, 0x8d, 0x44, 0x17, 0x08};  // lea 8(%rdi,%rdx),%rax
const Code kStore = {0x48, 0x89, 0x04, 0xd7};      // mov %rax,(%rdi,%rdx,8)
const Code kReturn = {0xc3};
const Code kCall = {0xe8, 0x00, 0x01, 0x00, 0x00};

Code joined(std::initializer_list<Code> parts) {
  Code all;
  for (const Code& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Enough arithmetic in front that the chain of instructions is certain.
Code behind(const Code& last) { return joined({kAdd, kAdd, kAdd, kAdd, kAdd, last}); }

std::optional<X86Transition> transition(std::span<const std::uint8_t> before,
                                        std::span<const std::uint8_t> after) {
  X86Code code(before, after);
  return transition_x86(code);
}

X86Transition of(const Code& last, const Code& after) {
  const auto found = transition(behind(last), after);
  EXPECT_TRUE(found);
  return found.value_or(X86Transition{});
}

TEST(X86Transition, StepsIntoAndOutOfReading) {
  EXPECT_TRUE(of(kLoad, kAdd).out_of_reading());
  EXPECT_TRUE(of(kAdd, kLoad).into_reading());
  EXPECT_FALSE(of(kLoad, kLoad).out_of_reading());
  EXPECT_FALSE(of(kLoad, kLoad).into_reading());
  EXPECT_FALSE(of(kAdd, kAdd).into_reading());
}

TEST(X86Transition, AddressesAndStoresReadNothing) {
  EXPECT_FALSE(of(kLea, kAdd).out_of_reading());
  EXPECT_FALSE(of(kAdd, kLea).into_reading());
  EXPECT_FALSE(of(kStore, kAdd).out_of_reading());
}

TEST(X86Transition, StoresAreAccesses) {
  EXPECT_TRUE(of(kStore, kAdd).behind_accesses);
  EXPECT_TRUE(of(kAdd, kStore).at_accesses);
  EXPECT_TRUE(of(kLoad, kStore).behind_accesses);
  EXPECT_FALSE(of(kLea, kAdd).behind_accesses);
  EXPECT_FALSE(of(kStore, kLea).at_accesses);
}

TEST(X86Transition, NobodyWaitsForTheTopOfTheStack) {
  const Code spill = {0x48, 0x89, 0x44, 0x24, 0x08};                   // mov %rax,8(%rsp)
  const Code push = {0x50}, load_by_frame = {0x48, 0x8b, 0x45, 0xf8};  // push %rax; mov -8(%rbp),%rax
  EXPECT_FALSE(of(spill, push).behind_accesses);
  EXPECT_FALSE(of(spill, push).at_accesses);
  EXPECT_FALSE(of(kCall, kReturn).behind_accesses);
  EXPECT_FALSE(of(kCall, kReturn).at_accesses);
  EXPECT_TRUE(of(load_by_frame, kAdd).behind_accesses) << "a frame pointer is a register like others";
}

TEST(X86Transition, OneInstructionFurtherBack) {
  const Code before = joined({kAdd, kAdd, kAdd, kAdd, kLoad, kAdd});
  X86Code code(before, kAdd);
  EXPECT_TRUE(transition_x86(code, 1)->out_of_reading());
  EXPECT_TRUE(transition_x86(code, 2)->into_reading());
  EXPECT_FALSE(transition_x86(code, 6)) << "there is no code";
}

// A loop of a load, an addition and the jump back: one step into reading at its head, one out of it behind
// the load, whatever stands before the loop.
TEST(X86Transition, ALoopsHeadIsReachedByItsJump) {
  const Code jump_back = {0x75, static_cast<std::uint8_t>(-10)};  // jne to the load, 4 + 4 + 2 bytes back
  const Code loop = joined({kLoad, kAdd, jump_back});
  EXPECT_TRUE(of(kLoad, loop).into_reading());
  EXPECT_TRUE(transition(joined({kAdd, kAdd, kLoad}), joined({kAdd, jump_back}))->out_of_reading());
}

TEST(X86Transition, BehindAReturnOnlyAJumpLeads) {
  EXPECT_TRUE(of(kReturn, kLoad).into_reading());
  EXPECT_FALSE(of(kReturn, kAdd).out_of_reading());
}

TEST(X86Transition, BehindACallTheReturnHasReadTheStack) { EXPECT_TRUE(of(kCall, kAdd).out_of_reading()); }

TEST(X86Transition, NothingWhereCodeIsMissingOrNone) {
  EXPECT_FALSE(transition({}, kAdd));
  EXPECT_FALSE(transition(behind(kAdd), {}));
  EXPECT_FALSE(transition(behind(kAdd), Code{0x06}));  // no instruction of 64-bit mode
}

}  // namespace
}  // namespace tier
