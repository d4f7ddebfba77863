#include "platform/linux/sampling/x86_ahead.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tier {
namespace {

using Code = std::vector<std::uint8_t>;

X86Registers registers() {
  X86Registers r;
  for (std::size_t i = 0; i < r.general.size(); ++i) r.general[i] = 0x10000 * (i + 1);
  r.ip = 0x400000;
  return r;
}

std::optional<Address> ahead_of(const Code& after, const Code& before = {}) {
  return address_ahead(look_ahead_x86(X86Code(before, after)), registers());
}

TEST(X86Ahead, TheInstructionItself) {
  EXPECT_EQ(ahead_of({0x48, 0x8b, 0x07}), 0x80000U);
}  // mov (%rdi),%rax

TEST(X86Ahead, ArithmeticOnTheWay) {
  // mov %rdi,%rax; shl $3,%rax; add %rsi,%rax; xor $0x10,%eax... ; mov 8(%rax),%rcx
  EXPECT_EQ(ahead_of({0x48, 0x89, 0xf8, 0x48, 0xc1, 0xe0, 0x03, 0x48, 0x01, 0xf0, 0x48, 0x8b, 0x48, 0x08}),
            0x80000U * 8 + 0x70000U + 8);
  // lea 4(%rdi,%rsi,2),%rdx; sub $0x100,%rdx; add %rbx,(%rdx)
  EXPECT_EQ(
      ahead_of({0x48, 0x8d, 0x54, 0x77, 0x04, 0x48, 0x81, 0xea, 0x00, 0x01, 0x00, 0x00, 0x48, 0x01, 0x1a}),
      0x80000U + 0x70000U * 2 + 4 - 0x100);
  // mov %edi,%eax; ror $4,%eax; movzbl %al,%ecx; mov (%rsi,%rcx,8),%rdx: 0x8000 -> low byte 0
  EXPECT_EQ(ahead_of({0x89, 0xf8, 0xc1, 0xc8, 0x04, 0x0f, 0xb6, 0xc8, 0x48, 0x8b, 0x14, 0xce}), 0x70000U);
}

TEST(X86Ahead, MultiplyAndDivide) {
  // xor %edx,%edx; div %rcx; mov (%rdi,%rdx,8),%rax: 0x10000 % 0x20000 = 0x10000
  EXPECT_EQ(ahead_of({0x31, 0xd2, 0x48, 0xf7, 0xf1, 0x48, 0x8b, 0x04, 0xd7}), 0x80000U + 0x10000U * 8);
  // mul %rcx; mov (%rdi,%rax),%rbx: 0x10000 * 0x20000
  EXPECT_EQ(ahead_of({0x48, 0xf7, 0xe1, 0x48, 0x8b, 0x1c, 0x07}), 0x80000U + 0x10000ULL * 0x20000);
  // imul $24,%rsi,%rax; mov (%rdi,%rax),%rbx
  EXPECT_EQ(ahead_of({0x48, 0x6b, 0xc6, 0x18, 0x48, 0x8b, 0x1c, 0x07}), 0x80000U + 0x70000U * 24);
}

TEST(X86Ahead, LoopsGoOn) {
  // before: add $8,%rdi; mov (%rdi),%rax. At ip: sub $1,%rcx; jne to the start.
  const Code before = {0x48, 0x83, 0xc7, 0x08, 0x48, 0x8b, 0x07};
  const Code after = {0x48, 0x83, 0xe9, 0x01, 0x75, 0xf3};
  EXPECT_EQ(ahead_of(after, before), 0x80000U + 8);
}

TEST(X86Ahead, StopsWhereTheWayIsUncertain) {
  EXPECT_FALSE(ahead_of({0x74, 0x02, 0x48, 0x8b, 0x07, 0x90}));  // je over the load
  EXPECT_EQ(ahead_of({0xc3, 0x48, 0x8b, 0x07}), 0x50000U);       // ret reads the stack itself
  EXPECT_FALSE(
      ahead_of({0x48, 0x0f, 0x42, 0xf8, 0x48, 0x8b, 0x07}));  // cmovb %rax,%rdi: flags are not followed
  EXPECT_FALSE(ahead_of({0x31, 0xd2, 0x48, 0xf7, 0xf2, 0x48, 0x8b, 0x04, 0xd7}));  // division by zero
}

std::optional<Address> replayed(const Code& before) {
  X86Code code(before, {});
  return address_ahead(replay_x86(code), registers());
}

TEST(X86Replay, OverwrittenIndexIsComputedAgain) {
  // mov %rcx,%rax; shr $4,%rax; mov (%rdi,%rax,8),%rax
  EXPECT_EQ(replayed({0x48, 0x89, 0xc8, 0x48, 0xc1, 0xe8, 0x04, 0x48, 0x8b, 0x04, 0xc7}),
            0x80000U + 0x2000U * 8);
  // lea (%rsi,%rcx),%rdi; add $8,%rdi; mov (%rdi),%edi
  EXPECT_EQ(replayed({0x48, 0x8d, 0x3c, 0x0e, 0x48, 0x83, 0xc7, 0x08, 0x8b, 0x3f}), 0x70000U + 0x20000U + 8);
}

TEST(X86Replay, OnlyFromRegistersThatStillHold) {
  // add $8,%rax; mov (%rax),%rax: rax is made of itself
  EXPECT_FALSE(replayed({0x48, 0x83, 0xc0, 0x08, 0x48, 0x8b, 0x00}));
  // mov %rcx,%rax; inc %rcx; mov (%rdi,%rax,8),%rax: rcx has moved on
  EXPECT_FALSE(replayed({0x48, 0x89, 0xc8, 0x48, 0xff, 0xc1, 0x48, 0x8b, 0x04, 0xc7}));
  // jne in between: whether the copy was executed is unknown
  EXPECT_FALSE(replayed({0x48, 0x89, 0xc8, 0x75, 0x02, 0x48, 0x8b, 0x04, 0xc7}));
  // nothing overwritten: the plain decoding does it
  EXPECT_FALSE(replayed({0x48, 0x89, 0xc8, 0x48, 0x8b, 0x14, 0xc7}));
}

// Words of memory by address; all else cannot be read.
std::optional<Address> gathered(const Code& before, const std::map<Address, std::uint64_t>& words,
                                std::uint64_t brought) {
  X86Registers r = registers();
  r.general[0] = brought;  // rax
  X86Code code(before, {});
  return address_ahead(replay_x86(code), r, [&](Address at, unsigned bytes) -> std::optional<std::uint64_t> {
    const auto found = words.find(at);
    if (found == words.end()) return std::nullopt;
    return bytes == 8 ? found->second : found->second & ((1ULL << (bytes * 8)) - 1);
  });
}

TEST(X86Replay, AnIndexThatWasLoadedIsReadAgain) {
  // mov (%rsi,%rcx),%rax; mov (%rdi,%rax,8),%rax
  const Code gather = {0x48, 0x8b, 0x04, 0x0e, 0x48, 0x8b, 0x04, 0xc7};
  const Address list = 0x70000 + 0x20000, target = 0x80000 + 0x500 * 8;
  EXPECT_EQ(gathered(gather, {{list, 0x500}, {target, 77}}, 77), target);
  EXPECT_FALSE(gathered(gather, {{list, 0x500}, {target, 78}}, 77)) << "it is not what was brought";
  EXPECT_FALSE(gathered(gather, {{list, 0x500}}, 77)) << "the place itself cannot be read";
  EXPECT_FALSE(gathered(gather, {{target, 77}}, 77)) << "the index cannot be read";
  X86Code code(gather, {});
  EXPECT_FALSE(address_ahead(replay_x86(code), registers())) << "nobody reads memory";
}

TEST(X86Replay, NarrowIndexesAreExtended) {
  // movslq (%rsi),%rax; mov (%rdi,%rax,8),%rax with the index -2
  EXPECT_EQ(
      gathered({0x48, 0x63, 0x06, 0x48, 0x8b, 0x04, 0xc7}, {{0x70000, 0xfffffffeU}, {0x80000 - 16, 5}}, 5),
      0x80000U - 16);
  // mov (%rsi),%eax; mov (%rdi,%rax,4),%eax: four bytes each
  EXPECT_EQ(gathered({0x8b, 0x06, 0x8b, 0x04, 0x87}, {{0x70000, 0x9900000010ULL}, {0x80000 + 0x40, 6}}, 6),
            0x80000U + 0x40);
}

TEST(X86Replay, WithoutProofOfWhatWasBroughtNoMemoryIsBelieved) {
  // mov (%rsi,%rcx),%rax; add (%rdi,%rax,8),%rax: the sum does not say what was loaded
  EXPECT_FALSE(gathered({0x48, 0x8b, 0x04, 0x0e, 0x48, 0x03, 0x04, 0xc7},
                        {{0x70000 + 0x20000, 0x500}, {0x80000 + 0x500 * 8, 77}}, 77));
}

TEST(X86Ahead, ThirtyTwoBitAddressesAreCutOnTheWayToo) {
  X86Registers r = registers();
  r.general[7] = 0xFFFFFFFF00080000;  // rdi
  // lea 4(%edi),%rax; mov (%rax),%rcx
  const Code code = {0x67, 0x48, 0x8d, 0x47, 0x04, 0x48, 0x8b, 0x08};
  EXPECT_EQ(address_ahead(look_ahead_x86(X86Code({}, code)), r), 0x80004U);
}

TEST(X86Ahead, SelfLoopsEnd) { EXPECT_FALSE(ahead_of({0xeb, 0xfe})); }  // jmp to itself

TEST(X86Ahead, HostileBytes) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50000; ++round) {
    Code before(random() % 65), after(random() % 65);
    for (std::uint8_t& byte : before) byte = static_cast<std::uint8_t>(random());
    for (std::uint8_t& byte : after) byte = static_cast<std::uint8_t>(random());
    X86Registers r;
    for (std::uint64_t& value : r.general) value = random();
    X86Code code(before, after);
    for (const X86Ahead& way : {look_ahead_x86(code), replay_x86(code)}) {
      const std::optional<Address> address =
          address_ahead(way, r, [&](Address, unsigned) { return std::optional(r.general[random() % 16]); });
      ASSERT_TRUE(!address || *address < Address{1} << 56);
    }
  }
}

}  // namespace
}  // namespace tier
