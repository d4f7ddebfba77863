// Programs whose walk is known, sampled as sparsely as real ones are: which verdicts come out.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "prefetch/patterns/access_patterns.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr Address kBase = 0x7f00'0000'0000;
constexpr std::uint64_t kGiB = 1ULL << 30, kMiB = 1ULL << 20;

std::uint64_t below(std::mt19937_64& random, std::uint64_t n) {
  return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
}

// Where a program is when it is sampled, `passed` after the sample before.
class Program {
 public:
  virtual ~Program() = default;
  virtual Address next(Nanoseconds passed, std::mt19937_64& random) = 0;
};

// Element by element through arrays, one after the other or chosen by chance, and over again. Speed scatters
// by a fifth; now and then the thread does something else for a while.
class Walk final : public Program {
 public:
  struct Shape {
    std::uint64_t bytes = kGiB, stride = 8, arrays = 1;
    double bytes_per_ns = 8;
    int direction = 1;
  };
  explicit Walk(Shape shape) : shape_(shape) {}
  Address next(Nanoseconds passed, std::mt19937_64& random) override {
    double scatter = std::lognormal_distribution<double>(0, 0.2)(random);
    if (below(random, 20) == 0) scatter *= 0.3;
    at_ += static_cast<double>(passed.count()) * shape_.bytes_per_ns * scatter;
    while (at_ >= static_cast<double>(shape_.bytes)) {
      at_ -= static_cast<double>(shape_.bytes);
      array_ = below(random, shape_.arrays);
    }
    const std::uint64_t offset = static_cast<std::uint64_t>(at_) / shape_.stride * shape_.stride;
    const std::uint64_t in_array = shape_.direction > 0 ? offset : shape_.bytes - shape_.stride - offset;
    return kBase + array_ * (4 * shape_.bytes + 4096) + in_array;
  }

 private:
  Shape shape_;
  double at_ = 0;
  std::uint64_t array_ = 0;
};

class Chance final : public Program {
 public:
  using Pick = std::function<std::uint64_t(std::mt19937_64&)>;
  explicit Chance(Pick pick) : pick_(std::move(pick)) {}
  Address next(Nanoseconds, std::mt19937_64& random) override { return kBase + pick_(random); }

 private:
  Pick pick_;
};

std::unique_ptr<Program> walk(Walk::Shape shape) { return std::make_unique<Walk>(shape); }
std::unique_ptr<Program> uniform(std::uint64_t bytes, std::uint64_t element) {
  return std::make_unique<Chance>([=](auto& random) { return below(random, bytes / element) * element; });
}
// Objects of 64 bytes, the k-th drawn with a probability of about 1/k; scattered by a hash, or sorted.
std::unique_ptr<Program> zipf(std::uint64_t bytes, bool sorted) {
  return std::make_unique<Chance>([=](auto& random) {
    const std::uint64_t count = bytes / 64;
    const auto objects = static_cast<double>(count);
    const double u = std::uniform_real_distribution<double>(0, 1)(random);
    auto k = static_cast<std::uint64_t>(std::pow(objects, u));
    if (!sorted) k = k * 0x9E3779B97F4A7C15ULL >> 20;
    return k % count * 64;
  });
}

struct Case {
  const char* name;
  std::function<std::unique_ptr<Program>()> program;
  AccessPattern right;
  double told;  // least share of right verdicts at 250 samples a second
};

const std::vector<Case>& cases() {
  constexpr auto kSequential = AccessPattern::kSequential, kStrided = AccessPattern::kStrided,
                 kRandom = AccessPattern::kRandom, kUnknown = AccessPattern::kUnknown;
  static const std::vector<Case> all = {
      {"sequential, 4 GiB", [] { return walk({4 * kGiB}); }, kSequential, 0.95},
      {"sequential, 512 MiB, over again", [] { return walk({kGiB / 2}); }, kSequential, 0.9},
      {"sequential, downwards", [] { return walk({.bytes = kGiB, .direction = -1}); }, kSequential, 0.95},
      {"sequential, one of 8 arrays at a time", [] { return walk({.bytes = kGiB / 2, .arrays = 8}); },
       kSequential, 0.9},
      {"sequential, 32 MiB, over again", [] { return walk({32 * kMiB}); }, kSequential, 0},
      {"stride 256", [] { return walk({.bytes = 4 * kGiB, .stride = 256}); }, kStrided, 0.9},
      {"stride 4096, 16 bytes/ns",
       [] {
         return walk({16 * kGiB, 4096, 1, 16});
       },
       kStrided, 0.9},
      {"stride 8000, 80 bytes/ns",
       [] {
         return walk({64 * kGiB, 8000, 1, 80});
       },
       kStrided, 0.9},
      {"random, words of 4 GiB", [] { return uniform(4 * kGiB, 8); }, kRandom, 0.95},
      {"random, words of 1 GiB", [] { return uniform(kGiB, 8); }, kRandom, 0.9},
      {"random, words of 64 MiB", [] { return uniform(64 * kMiB, 8); }, kRandom, 0},
      {"pointer chase, 2 GiB of 64 B", [] { return uniform(2 * kGiB, 64); }, kRandom, 0.95},
      {"pointer chase, 2 GiB of 512 B", [] { return uniform(2 * kGiB, 512); }, kRandom, 0},
      {"zipf, scattered", [] { return zipf(4 * kGiB, false); }, kRandom, 0.9},
      {"zipf, sorted", [] { return zipf(64 * kGiB, true); }, kRandom, 0},
      // What positions cannot tell: the runs are over before the next sample.
      {"sequential, 2 MiB here and there", [] { return walk({.bytes = 2 * kMiB, .arrays = 500}); }, kRandom,
       0},
      {"one word", [] { return uniform(8, 8); }, kUnknown, 1},
  };
  return all;
}

AccessSample sample(Nanoseconds time, Address address, Address ip = 0x401000, int tid = 1,
                    std::uint32_t cpu = 0) {
  AccessSample s;
  s.target = {1}, s.tid = {tid}, s.address = address, s.ip = ip, s.weight = 1e-3, s.time = time, s.cpu = cpu;
  return s;
}

// Verdicts on the instruction after two seconds of `rate` samples a second; the sampler ticks at 1 kHz, and a
// tick finds the thread at this instruction by chance.
std::array<double, 4> verdicts(const Case& of, double rate, int runs) {
  std::array<double, 4> share{};
  for (int run = 0; run < runs; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) + 1);
    const auto program = of.program();
    AccessPatterns patterns;
    std::geometric_distribution<int> missed(std::min(rate / 1000, 0.999));  // ticks that find it elsewhere
    Nanoseconds now{};
    for (;;) {
      const Nanoseconds gap = (1 + missed(random)) * 1ms;
      if ((now += gap) >= 2s) break;
      patterns.add(sample(now, program->next(gap, random)));
    }
    patterns.close();
    share[static_cast<std::size_t>(patterns.pattern())] += 1.0 / runs;
  }
  return share;
}

TEST(Patterns, ConfusionTable) {
  std::printf("%-40s %6s %8s %8s %8s %8s\n", "program", "rate", "unknown", "sequent.", "strided", "random");
  for (const Case& each : cases()) {
    for (const double rate : {1000.0, 250.0, 60.0, 15.0, 4.0}) {
      const auto share = verdicts(each, rate, 200);
      std::printf("%-40s %6.0f %8.3f %8.3f %8.3f %8.3f\n", each.name, rate, share[0], share[1], share[2],
                  share[3]);
      const double right = share[static_cast<std::size_t>(each.right)];
      const double wrong = 1 - right - (each.right == AccessPattern::kUnknown ? 0 : share[0]);
      EXPECT_LE(wrong, 0.03) << each.name << " at " << rate;
      if (rate >= 250) {
        EXPECT_GE(right, each.told) << each.name << " at " << rate;
      }
    }
  }
}

// A walk of an instruction by each thread, through its own array, sampled in turns by chance.
TEST(Patterns, ThreadsAreFollowedEachByItself) {
  std::mt19937_64 random(7);
  AccessPatterns patterns;
  for (int i = 1; i < 60; ++i) {
    const int thread = static_cast<int>(below(random, 3));
    const auto at = static_cast<std::uint64_t>(i) * 8 * kMiB / 10;
    patterns.add(sample(i * 100us, kBase + static_cast<std::uint64_t>(thread) * 64 * kGiB + at, 0x401000,
                        100 + thread));
  }
  patterns.close();
  EXPECT_EQ(patterns.pattern(), AccessPattern::kSequential);
}

class PatternScopes : public ::testing::Test {
 protected:
  // A walk on CPU 0 and chance on CPU 1, `heavier` times as much waited for.
  void run(double heavier) {
    std::mt19937_64 random(3);
    for (int i = 1; i < 60; ++i) {
      const Address at = kBase + static_cast<std::uint64_t>(i) * 8 * kMiB + below(random, 1000) * 8;
      patterns_.add(sample(i * 1ms, at, 0x401000, 1, 0));
      AccessSample other = sample(i * 1ms, kBase + below(random, kGiB) * 8, 0x402000, 2, 1);
      other.weight *= heavier;
      patterns_.add(other);
    }
    patterns_.close();
  }
  AccessPatterns patterns_;
};

TEST_F(PatternScopes, EachCpuHasItsOwn) {
  run(3);
  const std::uint32_t walker = 0, chance = 1, idle = 2, both[] = {0, 1};
  EXPECT_EQ(patterns_.pattern({&walker, 1}), AccessPattern::kSequential);
  EXPECT_EQ(patterns_.pattern({&chance, 1}), AccessPattern::kRandom);
  EXPECT_EQ(patterns_.pattern({&idle, 1}), AccessPattern::kUnknown);
  EXPECT_EQ(patterns_.pattern(both), AccessPattern::kRandom);
  EXPECT_EQ(patterns_.pattern(), AccessPattern::kRandom);
}

TEST_F(PatternScopes, WhatIsWaitedForMostCounts) {
  run(0.3);
  EXPECT_EQ(patterns_.pattern(), AccessPattern::kSequential);
  ASSERT_EQ(patterns_.instructions().size(), 2U);
  EXPECT_EQ(patterns_.instructions().front().ip, 0x401000U);
}

TEST_F(PatternScopes, WhatIsOverFades) {
  run(1);
  for (int i = 0; i < 100; ++i) patterns_.close();
  EXPECT_EQ(patterns_.pattern(), AccessPattern::kUnknown);
}

TEST(Patterns, SamplesThatTellOfNoLoadAreLeftOut) {
  AccessPatterns patterns;
  AccessSample fault = sample(1ms, kBase);
  fault.source = SourceKind::kFault;
  AccessSample nowhere = sample(1ms, kBase, 0);
  AccessSample nothing = sample(1ms, kBase);
  nothing.weight = std::nan("");
  for (const AccessSample& each : {fault, nowhere, nothing}) patterns.add(each);
  EXPECT_TRUE(patterns.instructions().empty());
}

// A program of very many instructions: the one that is waited for most keeps its place, memory its bound.
TEST(Patterns, ManyInstructionsLeaveTheHottestInPlace) {
  AccessPatterns patterns({.instructions = 16});
  std::mt19937_64 random(5);
  const std::size_t empty = patterns.bytes_used();
  for (int i = 1; i < 2000; ++i) {
    const bool hot = i % 10 == 0;
    const Address ip = hot ? 0x400000 : 0x500000 + below(random, 100'000) * 4;
    const Address at = kBase + static_cast<std::uint64_t>(i) * 2 * kMiB + below(random, 1000) * 8;
    patterns.add(sample(i * 1ms, at, ip, 1, static_cast<std::uint32_t>(random())));  // no such CPU
    if (i % 100 == 0) patterns.close();
  }
  ASSERT_EQ(patterns.instructions().size(), 16U);
  EXPECT_EQ(patterns.instructions().front().ip, 0x400000U);
  EXPECT_EQ(patterns.instructions().front().pattern, AccessPattern::kSequential);
  EXPECT_LT(patterns.bytes_used(), empty + 16 * 1024);
}

// Times and addresses from outside: nothing of them may overflow.
TEST(Patterns, NonsenseIsNoPattern) {
  AccessPatterns patterns;
  for (int i = 1; i < 100; ++i)
    patterns.add(sample(Nanoseconds(i % 2 == 0 ? INT64_MAX - i : i), i % 3 == 0 ? UINT64_MAX : 0));
  for (int i = 1; i < 100; ++i)
    patterns.add(sample(Nanoseconds(i), i % 3 == 0 ? UINT64_MAX / 2 + 1 : 0, 0x402000));
  patterns.close();
  EXPECT_EQ(patterns.pattern({}), AccessPattern::kUnknown);
}

}  // namespace
}  // namespace tier
