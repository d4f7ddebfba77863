// What the real stall sampler's samples tell of programs whose walk is known. Needs root (CAP_BPF and
// CAP_PERFMON).
#include <gtest/gtest.h>

#include <utility>

#include "platform/linux/sampling/stall_source.h"
#include "prefetch/patterns/access_patterns.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

constexpr std::size_t kBytes = 1U << 30U;

void touch(const SharedArray& array) {
  for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = 0;
}

// Every `stride`-th word, and over again.
[[noreturn]] void read_in_order(const SharedArray& array, std::size_t stride) {
  touch(array);
  for (std::uint64_t sum = 0;;) {
    for (std::size_t word = 0; word < array.words(); word += stride) {
      sum += array.data()[word];
      asm volatile("" : "+r"(sum));
    }
  }
}

// A ring of pointers through all lines in an order of chance (Sattolo's algorithm).
[[noreturn]] void chase(const SharedArray& array) {
  const std::size_t lines = array.words() / 8;
  std::uint64_t state = 88172645463325252U;
  const auto line = [&](std::size_t i) -> std::uint64_t& { return array.data()[i * 8]; };
  for (std::size_t i = 0; i < lines; ++i) line(i) = reinterpret_cast<std::uint64_t>(&line(i));
  for (std::size_t i = lines - 1; i > 0; --i) std::swap(line(i), line(next_random(state) % i));
  for (const auto* at = array.data();;) {
    at = reinterpret_cast<const std::uint64_t*>(*at);
    asm volatile("" : "+r"(at));
  }
}

// The last of up to 60 verdicts, of half a second of samples each, that is not unknown. Set-up goes before.
template <typename Body>
AccessPattern verdict(const char* name, Body body) {
  const SteadyClock clock;
  StallSource source({}, clock);
  const Result<void> started = source.start();
  EXPECT_TRUE(started) << started.error().text();
  const SharedArray array(kBytes);
  const WatchedProgram program([&] { body(array); });
  const Target target = target_of(program.pid(), 7);
  EXPECT_TRUE(source.set_targets(std::span(&target, 1)));
  gather(source, 60);
  AccessPatterns patterns;
  AccessPattern found = AccessPattern::kUnknown;
  std::size_t samples = 0, of_known_cpu = 0;
  for (int turn = 0; turn < 60 && (found == AccessPattern::kUnknown || turn < 6); ++turn) {
    for (const AccessSample& sample : gather(source, 5).samples) {
      patterns.add(sample);
      ++samples;
      of_known_cpu += sample.cpu != kNoCpu ? 1U : 0U;
    }
    patterns.close();
    found = patterns.pattern();
  }
  EXPECT_EQ(of_known_cpu, samples);
  std::printf("%-12s pattern %d from %zu samples of %zu instructions\n", name, static_cast<int>(found),
              samples, patterns.instructions().size());
  return found;
}

TEST(PatternsNative, SequentialStridedAndRandomAreToldApart) {
  EXPECT_EQ(verdict("sequential", [](const auto& a) { read_in_order(a, 1); }), AccessPattern::kSequential);
  EXPECT_EQ(verdict("stride 512", [](const auto& a) { read_in_order(a, 64); }), AccessPattern::kStrided);
  EXPECT_EQ(verdict("chase", [](const auto& a) { chase(a); }), AccessPattern::kRandom);
}

}  // namespace
}  // namespace tier
