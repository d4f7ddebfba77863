#include "platform/linux/sampling/x86_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tier {
namespace {

using Bytes8 = std::vector<std::uint8_t>;

// A plausible function body before the instruction under test, so that chains have something to fall into
// step on: mov %rdi,%r8; add $1,%r9; xor %r10d,%r10d; lea (%r8,%r9),%r11; imul %r9,%r11 (repeated)
Bytes8 after_filler(const Bytes8& tail) {
  const Bytes8 filler = {0x49, 0x89, 0xf8, 0x49, 0x83, 0xc1, 0x01, 0x45, 0x31,
                         0xd2, 0x4f, 0x8d, 0x1c, 0x08, 0x4d, 0x0f, 0xaf, 0xd9};
  Bytes8 code;
  while (code.size() + filler.size() + tail.size() <= 64)
    code.insert(code.end(), filler.begin(), filler.end());
  code.insert(code.end(), tail.begin(), tail.end());
  return code;
}

X86Decoded decode(std::span<const std::uint8_t> before, std::span<const std::uint8_t> after) {
  X86Code code(before, after);
  return decode_x86(code);
}

X86Registers registers() {
  X86Registers r;
  for (std::size_t i = 0; i < r.general.size(); ++i) r.general[i] = 0x10000 * (i + 1);
  r.ip = 0x400100;
  r.fs_base = 0x7f0000001000;
  return r;
}

std::optional<Address> address_before(const Bytes8& tail) {
  const X86Decoded decoded = decode(after_filler(tail), {});
  return decoded.before ? decoded.before->address(registers()) : std::nullopt;
}

TEST(X86Decoder, BaseIndexScaleDisplacement) {
  // mov 0x20(%rdi,%rcx,8),%rdx: rdi = 0x80000, rcx = 0x20000
  EXPECT_EQ(address_before({0x48, 0x8b, 0x54, 0xcf, 0x20}), 0x80000U + 0x20000U * 8 + 0x20);
  // mov -8(%rbp),%eax
  EXPECT_EQ(address_before({0x8b, 0x45, 0xf8}), 0x60000U - 8);
  // movsd (%r14,%r15,1),%xmm0
  EXPECT_EQ(address_before({0xf2, 0x43, 0x0f, 0x10, 0x04, 0x3e}), 0xf0000U + 0x100000U);
}

TEST(X86Decoder, LoadAndStoreAreToldApart) {
  // mov %rdx,(%rdi); add %rdx,(%rdi); cmp %rdx,(%rdi)
  EXPECT_EQ(decode(after_filler({0x48, 0x89, 0x17}), {}).before->type, AccessType::kStore);
  EXPECT_EQ(decode(after_filler({0x48, 0x01, 0x17}), {}).before->type, AccessType::kLoad);
  EXPECT_EQ(decode(after_filler({0x48, 0x39, 0x17}), {}).before->type, AccessType::kLoad);
}

TEST(X86Decoder, InstructionPointerRelative) {
  // mov 0x1000(%rip),%rax, ends at ip
  EXPECT_EQ(address_before({0x48, 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00}), 0x400100U + 0x1000);
}

TEST(X86Decoder, ThreadLocalStorageNeedsItsBase) {
  // mov %fs:0x28,%rax
  const Bytes8 code = {0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0x00, 0x00, 0x00};
  EXPECT_EQ(address_before(code), 0x7f0000001028U);
  X86Registers unknown = registers();
  unknown.fs_base = 0;
  EXPECT_FALSE(decode(after_filler(code), {}).before->address(unknown));
}

TEST(X86Decoder, PointerChaseGivesTheNextAddress) {
  // mov 8(%rax),%rax: rax now holds the pointer followed next
  const X86Decoded decoded = decode(after_filler({0x48, 0x8b, 0x40, 0x08}), {});
  ASSERT_TRUE(decoded.before);
  EXPECT_TRUE(decoded.before->own_base_overwritten);
  EXPECT_EQ(decoded.before->address(registers()), 0x10000U + 8);
}

TEST(X86Decoder, OverwrittenIndexOrNarrowBaseIsLost) {
  EXPECT_FALSE(address_before({0x48, 0x8b, 0x04, 0xc7}));  // mov (%rdi,%rax,8),%rax
  EXPECT_FALSE(address_before({0x8b, 0x00}));              // mov (%rax),%eax
  EXPECT_FALSE(address_before({0x48, 0x03, 0x00}));        // add (%rax),%rax
}

TEST(X86Decoder, AddressesThatAreNoAccess) {
  EXPECT_FALSE(address_before({0x48, 0x8d, 0x04, 0xcf}));              // lea (%rdi,%rcx,8),%rax
  EXPECT_FALSE(address_before({0x0f, 0x18, 0x0f}));                    // prefetcht0 (%rdi)
  EXPECT_FALSE(address_before({0x0f, 0x1f, 0x44, 0x00, 0x00}));        // nopl 0(%rax,%rax,1)
  EXPECT_FALSE(address_before({0xc4, 0xe2, 0xf5, 0x92, 0x04, 0xd7}));  // vgatherdpd: many addresses
}

TEST(X86Decoder, StackSteps) {
  EXPECT_EQ(address_before({0x41, 0x54}), 0x50000U);      // push %r12: rsp points at it now
  EXPECT_EQ(address_before({0x41, 0x5c}), 0x50000U - 8);  // pop %r12
}

TEST(X86Decoder, StringInstructionUnderWay) {
  const Bytes8 before = after_filler({0x48, 0x89, 0xd1});  // mov %rdx,%rcx
  const Bytes8 rep_movsb = {0xf3, 0xa4, 0xc3};
  const X86Decoded decoded = decode(before, rep_movsb);
  ASSERT_TRUE(decoded.at);
  EXPECT_EQ(decoded.at->type, AccessType::kLoad);
  EXPECT_EQ(decoded.at->address(registers()), 0x70000U);        // rsi
  EXPECT_FALSE(decode(after_filler({0x48, 0xa5}), {}).before);  // movsq, executed: rsi and rdi have moved on
}

TEST(X86Decoder, InstructionAtThePointer) {
  // cmp 0x10(%rbx),%rax at ip; ip-relative: mov 0x10(%rip),%rcx at ip counts from its end
  EXPECT_EQ(decode({}, Bytes8{0x48, 0x3b, 0x43, 0x10, 0x90}).at->address(registers()), 0x40000U + 0x10);
}

TEST(X86Decoder, InstructionPointerRelativeAtThePointer) {
  const Bytes8 code = {0x48, 0x8b, 0x0d, 0x10, 0x00, 0x00, 0x00, 0x90};
  EXPECT_EQ(decode({}, code).at->address(registers()), 0x400100U + 7 + 0x10);
}

TEST(X86Decoder, WalksBackToTheNearestAccessWithLiveRegisters) {
  // mov (%rdi,%rcx,8),%rdx; add %rdx,%rax; imul %rax,%rax
  const X86Decoded decoded =
      decode(after_filler({0x48, 0x8b, 0x14, 0xcf, 0x48, 0x01, 0xd0, 0x48, 0x0f, 0xaf, 0xc0}), {});
  EXPECT_FALSE(decoded.before);
  ASSERT_TRUE(decoded.earlier);
  EXPECT_EQ(decoded.earlier_distance, 2U);
  EXPECT_EQ(decoded.earlier->address(registers()), 0x80000U + 0x20000U * 8);
  // ip-relative, one instruction in between: mov 0x1000(%rip),%rdx; add %rdx,%rax
  EXPECT_EQ(decode(after_filler({0x48, 0x8b, 0x15, 0x00, 0x10, 0x00, 0x00, 0x48, 0x01, 0xd0}), {})
                .earlier->address(registers()),
            0x400100U - 3 + 0x1000);
}

TEST(X86Decoder, WalkBackStopsAtWrittenRegistersAndBranches) {
  // mov (%rdi,%rcx,8),%rdx; inc %rcx
  EXPECT_FALSE(decode(after_filler({0x48, 0x8b, 0x14, 0xcf, 0x48, 0xff, 0xc1}), {}).earlier);
  // mov (%rdi,%rcx,8),%rdx; jne +2; add %rdx,%rax
  EXPECT_FALSE(decode(after_filler({0x48, 0x8b, 0x14, 0xcf, 0x75, 0x02, 0x48, 0x01, 0xd0}), {}).earlier);
}

TEST(X86Decoder, ShortWindowsAtTheStartOfAPage) {
  EXPECT_TRUE(decode(Bytes8{0x48, 0x8b, 0x04, 0xcf}, {}).before);
  const X86Decoded nothing = decode({}, {});
  EXPECT_FALSE(nothing.before || nothing.at || nothing.earlier);
}

// Whatever a program has in its code pages: no crash, no read outside (the buffers are exactly as long as the
// spans, so that the address sanitizer sees it), and addresses only in user space.
TEST(X86Decoder, HostileBytes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50000; ++round) {
    Bytes8 before(random() % 65), after(random() % 17);
    for (std::uint8_t& byte : before) byte = static_cast<std::uint8_t>(random());
    for (std::uint8_t& byte : after) byte = static_cast<std::uint8_t>(random());
    if (round % 3 == 0) std::fill(before.begin(), before.end(), static_cast<std::uint8_t>(0x66));
    X86Registers r;
    for (std::uint64_t& value : r.general) value = random();
    const X86Decoded decoded = decode(before, after);
    for (const std::optional<X86Access>& access : {decoded.before, decoded.at, decoded.earlier}) {
      if (!access) continue;
      ASSERT_LT(access->base, 16);
      ASSERT_LT(access->index, 16);
      const std::optional<Address> address = access->address(r);
      ASSERT_TRUE(!address || *address < Address{1} << 56);
    }
  }
}

}  // namespace
}  // namespace tier
