#include "platform/linux/sampling/sample_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

namespace tier {
namespace {

// Time passes with each look at it: as much as learning one instruction takes.
class TimePassesClock final : public Clock {
 public:
  explicit TimePassesClock(Nanoseconds step) : step_(step) {}
  Nanoseconds now() const override { return now_ += step_; }
  void advance(Nanoseconds by) { now_ += by; }

 private:
  Nanoseconds step_;
  mutable Nanoseconds now_{};
};

tier_code_sample at(std::uint64_t ip, bool with_code = true) {
  tier_code_sample event{};
  event.sample.header.version = TIER_EVENTS_VERSION;
  event.sample.header.has_code = with_code ? 1 : 0;
  event.sample.registers.ip = ip;
  event.sample.registers.general[7] = 0x123000;
  const std::uint8_t load[] = {0x48, 0x8b, 0x07};  // mov (%rdi),%rax
  std::memcpy(event.code_after, load, sizeof load);
  event.sample.header.code_after = sizeof load;
  return event;
}

// Between `before` and `after`.
tier_code_sample between(std::uint64_t ip, const std::vector<std::uint8_t>& before,
                         const std::vector<std::uint8_t>& after) {
  tier_code_sample event = at(ip);
  std::copy(before.begin(), before.end(), std::begin(event.code_before));
  std::copy(after.begin(), after.end(), std::begin(event.code_after));
  event.sample.header.code_before = static_cast<std::uint16_t>(before.size());
  event.sample.header.code_after = static_cast<std::uint16_t>(after.size());
  return event;
}

class SampleDecoderTest : public testing::Test {
 protected:
  DecodedSample decode(const tier_code_sample& event) {
    const auto raw = parse_sample(std::as_bytes(std::span(&event, 1)));
    return raw ? decoder_.decode(*raw, {false, false}) : DecodedSample{};
  }

  // One millisecond each, as in an emulator: the share for new code is used up within a few hundred.
  TimePassesClock clock_{std::chrono::milliseconds(1)};
  std::size_t learnt_ = 0, forgotten_ = 0;
  SampleDecoder decoder_{[this](const tier_known_code&) { ++learnt_; },
                         [this](const tier_known_code&) { ++forgotten_; },
                         [this](std::uint32_t, Address at, unsigned) {
                           const auto found = memory_.find(at);
                           return found == memory_.end() ? std::nullopt : std::optional(found->second);
                         },
                         clock_};
  std::map<Address, std::uint64_t> memory_;
};

TEST_F(SampleDecoderTest, CodeOfARangeIsForgottenAlone) {
  for (const std::uint64_t ip : {0x400000U, 0x401000U, 0x402000U}) EXPECT_TRUE(decode(at(ip)).picked);
  const std::vector<AddressRange> middle = {{0x300000, 0x300010}, {0x401000, 0x402000}};
  decoder_.forget(0, middle);
  EXPECT_EQ(forgotten_, 1U);
  EXPECT_TRUE(decode(at(0x400000, false)).picked);
  EXPECT_FALSE(decode(at(0x401000, false)).picked);
  EXPECT_TRUE(decode(at(0x402000, false)).picked);
  const std::vector<AddressRange> all = {{0, ~0ULL}};
  decoder_.forget(7, all);
  EXPECT_TRUE(decode(at(0x400000, false)).picked) << "of another process";
}

TEST_F(SampleDecoderTest, NewCodeWaitsOnceItsShareOfTheTimeIsUsedUp) {
  std::size_t decoded = 0, deferred = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const DecodedSample sample = decode(at(0x400000 + 16 * i));
    decoded += sample.picked ? 1U : 0U;
    deferred += sample.deferred ? 1U : 0U;
    EXPECT_FALSE(sample.picked && sample.deferred);
  }
  EXPECT_EQ(decoded + deferred, 10000U) << "every sample is accounted for";
  EXPECT_EQ(learnt_, decoded) << "what was put off is sent again";
  EXPECT_GE(decoded, 90U);
  const double share = static_cast<double>(decoded) / 10000;
  EXPECT_LE(share, 1.5 * SampleDecoder::kLearningShare) << "the rest of the time is the tick's";
}

TEST_F(SampleDecoderTest, WhatIsKnownIsDecodedMeanwhile) {
  EXPECT_EQ(decode(at(0x400000)).picked->address, 0x123000U);
  std::uint64_t ip = 0x500000;
  while (!decode(at(ip)).deferred && ip < 0x600000) ip += 16;
  ASSERT_LT(ip, 0x600000U) << "nothing is ever put off";
  EXPECT_EQ(decode(at(0x400000, false)).picked->address, 0x123000U);
  EXPECT_EQ(decode(at(0x400000)).picked->address, 0x123000U) << "sent again, and the same";
  EXPECT_FALSE(decode(at(ip, false)).picked) << "never taken in";
}

TEST_F(SampleDecoderTest, WhatWasPutOffIsLearntLater) {
  std::uint64_t ip = 0x500000;
  while (!decode(at(ip)).deferred && ip < 0x600000) ip += 16;
  ASSERT_LT(ip, 0x600000U) << "nothing is ever put off";
  clock_.advance(std::chrono::seconds(2));
  const DecodedSample later = decode(at(ip));
  EXPECT_FALSE(later.deferred);
  EXPECT_EQ(later.picked->address, 0x123000U);
}

const std::vector<std::uint8_t> kLoad = {0x48, 0x8b, 0x07};       // mov (%rdi),%rax
const std::vector<std::uint8_t> kAdd = {0x48, 0x83, 0xc0, 0x01};  // add $1,%rax
std::vector<std::uint8_t> joined(const std::vector<std::vector<std::uint8_t>>& parts) {
  std::vector<std::uint8_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// add × 5, load, add × 2: samples behind the load and in front of it.
TEST_F(SampleDecoderTest, SamplesInFrontOfAnAccessAreCountedBesideThoseBehindIt) {
  constexpr std::uint64_t kIp = 0x400100;
  const auto adds = joined({kAdd, kAdd, kAdd, kAdd, kAdd});
  const auto behind = between(kIp, joined({adds, kLoad}), joined({kAdd, kAdd}));
  const auto in_front = between(kIp - kLoad.size(), adds, joined({kLoad, kAdd}));
  EXPECT_EQ(decode(behind).place->in_front, 0U) << "no sample, as far as is known";
  EXPECT_FALSE(decode(in_front).place) << "there is no access behind which it lies";
  decode(in_front);
  const auto place = decode(behind).place;
  ASSERT_TRUE(place);
  EXPECT_EQ(place->here, 2U);
  EXPECT_EQ(place->in_front, 2U);
}

// add × 4, load, load, add × 2: samples between the loads may have waited for the first.
TEST_F(SampleDecoderTest, BehindAccessesInARowThePlaceInFrontOfAllCounts) {
  constexpr std::uint64_t kIp = 0x400100;
  const auto adds = joined({kAdd, kAdd, kAdd, kAdd});
  const auto behind = between(kIp, joined({adds, kLoad, kLoad}), joined({kAdd, kAdd}));
  const auto amid = between(kIp - kLoad.size(), joined({adds, kLoad}), joined({kLoad, kAdd}));
  const auto in_front = between(kIp - 2 * kLoad.size(), adds, joined({kLoad, kLoad}));
  for (int i = 0; i < 20; ++i) decode(amid);
  decode(in_front);
  EXPECT_EQ(decode(behind).place->in_front, 1U);
  EXPECT_EQ(decode(amid).place->in_front, 1U);
  const auto many = joined({kLoad, kLoad, kLoad, kLoad, kLoad, kLoad, kLoad});
  EXPECT_FALSE(decode(between(0x500100, many, joined({kAdd, kAdd}))).place) << "too far back";
}

TEST_F(SampleDecoderTest, APlacesOldSamplesCountLess) {
  const auto adds = joined({kAdd, kAdd, kAdd, kAdd, kAdd});
  const auto behind = between(0x400100, joined({adds, kLoad}), joined({kAdd, kAdd}));
  DecodedSample last;
  for (int i = 0; i < 5000; ++i) last = decode(behind);
  EXPECT_LE(last.place->here, 1024U);
  EXPECT_GE(last.place->here, 500U);
}

}  // namespace
}  // namespace tier
