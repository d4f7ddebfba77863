#include "predictor/network/runner.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cmath>
#include <cstdio>

#include "predictor/network/dense.h"
#include "predictor/network/network_fixture.h"
#include "predictor/network/onednn.h"

namespace tier {
namespace {

constexpr std::size_t kRegions = 300, kTicks = 80,
                      kStopped = 70;  // in tick kStopped time is up after one chunk

enum class Presence { kThere, kAway, kIdle };

// A few regions of either chunk arrive late, leave and return, or are idle for a while.
Presence presence(std::size_t region, std::size_t tick) {
  switch (region % 50) {
    case 3:
      return tick < 20 ? Presence::kAway : Presence::kThere;
    case 4:
      return tick >= 30 && tick < 33 ? Presence::kAway : Presence::kThere;
    case 5:
      return tick >= 40 && tick < 41 ? Presence::kIdle : Presence::kThere;
    case 6:
      return tick >= 50 ? Presence::kAway : Presence::kThere;
    case 7:
      return tick % 10 == 0 ? Presence::kIdle : Presence::kThere;
    default:
      return Presence::kThere;
  }
}

// A stretch of ticks over which a region's history goes on.
struct Stretch {
  std::size_t region, first, end;
};

class Play {
 public:
  explicit Play(const NetworkShape& shape)
      : shape_(shape),
        weights_(testing::random_weights(shape, 5)),
        features_(testing::random_features(kTicks * kRegions * shape.features, 6)) {
    find_stretches();
    run_dense();
  }
  const std::vector<float>& weights() const { return weights_; }

  // Runs all ticks through the runner and compares with the dense form.
  void check(NetworkRunner& runner) {
    ASSERT_TRUE(runner.set_weights(weights_));
    Roster roster;
    for (std::size_t tick = 0; tick < kTicks; ++tick) {
      std::vector<std::uint8_t> idle;
      std::vector<std::size_t> regions;
      std::vector<float> features = gather(tick, roster, regions, idle);
      std::vector<float> outputs(regions.size() * kHeadOutputs, 77);
      std::size_t asked = 0;
      const bool done =
          runner.step(roster, {features, idle}, outputs, [&] { return tick != kStopped || asked++ == 0; });
      EXPECT_EQ(done, tick != kStopped);
      compare(tick, regions, outputs);
      if (::testing::Test::HasFailure()) return;
    }
  }

 private:
  bool runs(std::size_t region, std::size_t tick) const {
    return presence(region, tick) == Presence::kThere && (tick != kStopped || region < reached_);
  }

  void find_stretches() {
    // Of the chunk that tick kStopped reaches: its first kRunnerChunk rows that are there and not idle.
    reached_ = 0;
    for (std::size_t rows = 0; rows < kRunnerChunk; ++reached_)
      if (presence(reached_, kStopped) == Presence::kThere) ++rows;
    for (std::size_t region = 0; region < kRegions; ++region)
      for (std::size_t tick = 0; tick < kTicks; ++tick) {
        if (!runs(region, tick)) continue;
        if (tick == 0 || !runs(region, tick - 1)) stretches_.push_back({region, tick, tick});
        stretches_.back().end = tick + 1;
      }
  }

  // Each stretch is a region of its own there.
  void run_dense() {
    const std::size_t columns = stretches_.size(), width = shape_.features;
    std::vector<float> features(kTicks * columns * width), outputs(kTicks * columns * kHeadOutputs);
    std::vector<std::uint32_t> first;
    for (std::size_t column = 0; column < columns; ++column) {
      const Stretch& stretch = stretches_[column];
      first.push_back(static_cast<std::uint32_t>(stretch.first));
      for (std::size_t tick = stretch.first; tick < stretch.end; ++tick)
        std::copy_n(&features_[(tick * kRegions + stretch.region) * width], width,
                    &features[(tick * columns + column) * width]);
    }
    auto network = DenseNetwork::make(shape_, kTicks, columns, Kernels::kPlain);
    ASSERT_TRUE(network && (*network)->forward(weights_, features, first, outputs).has_value());
    expected_.assign(kTicks * kRegions * kHeadOutputs, 0);
    for (std::size_t column = 0; column < columns; ++column)
      for (std::size_t tick = stretches_[column].first; tick < stretches_[column].end; ++tick)
        std::copy_n(&outputs[(tick * columns + column) * kHeadOutputs], kHeadOutputs,
                    &expected_[(tick * kRegions + stretches_[column].region) * kHeadOutputs]);
  }

  std::vector<float> gather(std::size_t tick, Roster& roster, std::vector<std::size_t>& regions,
                            std::vector<std::uint8_t>& idle) const {
    RegionSnapshot snapshot;
    std::vector<float> features;
    for (std::size_t region = 0; region < kRegions; ++region) {
      const Presence now = presence(region, tick);
      if (now == Presence::kAway) continue;
      Region entry;
      entry.key = {{1}, region * kDefaultRegionSize.value};
      snapshot.regions.push_back(entry);
      regions.push_back(region), idle.push_back(now == Presence::kIdle ? 1 : 0);
      const auto from =
          features_.begin() + static_cast<std::ptrdiff_t>((tick * kRegions + region) * shape_.features);
      features.insert(features.end(), from, from + shape_.features);
    }
    roster.update(snapshot);
    return features;
  }

  void compare(std::size_t tick, const std::vector<std::size_t>& regions,
               const std::vector<float>& outputs) const {
    for (std::size_t row = 0; row < regions.size(); ++row) {
      const float* expected = &expected_[(tick * kRegions + regions[row]) * kHeadOutputs];
      float largest = 0;
      for (std::size_t o = 0; o < kHeadOutputs; ++o) largest = std::max(largest, std::abs(expected[o]));
      for (std::size_t o = 0; o < kHeadOutputs; ++o)
        ASSERT_NEAR(outputs[row * kHeadOutputs + o], expected[o], 1e-5F * largest)
            << "tick " << tick << " region " << regions[row] << " output " << o;
    }
  }

  NetworkShape shape_;
  std::vector<float> weights_, features_, expected_;  // features, expected: tick, region; zeros where not run
  std::vector<Stretch> stretches_;
  std::size_t reached_ = 0;  // regions that tick kStopped reaches
};

std::unique_ptr<NetworkRunner> make(const NetworkShape& shape, RunnerKind kind,
                                    VectorCode code = best_vector_code()) {
  auto made = make_runner(shape, {.kind = kind, .vector_code = code});
  EXPECT_TRUE(made) << (made ? "" : made.error().text());
  return made ? std::move(*made) : nullptr;
}

class Runners : public ::testing::TestWithParam<NetworkShape> {};
INSTANTIATE_TEST_SUITE_P(Golden, Runners,
                         ::testing::Values(NetworkShape{24, 8, 0}, NetworkShape{24, 8, 1},
                                           NetworkShape{24, 8, 2}, NetworkShape{24, 8, 3},
                                           NetworkShape{24, 8, 4}, NetworkShape{24, 16, 0},
                                           NetworkShape{24, 16, 1}, NetworkShape{24, 16, 2},
                                           NetworkShape{24, 16, 3}, NetworkShape{24, 16, 4},
                                           NetworkShape{8, 24, 2}, NetworkShape{64, 32, 1}),
                         [](const auto& shape) {
                           return "F" + std::to_string(shape.param.features) + "C" +
                                  std::to_string(shape.param.channels) + "B" +
                                  std::to_string(shape.param.blocks);
                         });

TEST_P(Runners, AllGiveWhatTheDenseFormGives) {
  Play play(GetParam());
  for (const RunnerKind kind : {RunnerKind::kStreaming, RunnerKind::kPyramid, RunnerKind::kOnednnPyramid}) {
    SCOPED_TRACE(name_of(kind));
    const auto runner = make(GetParam(), kind);
    ASSERT_TRUE(runner);
    play.check(*runner);
  }
  if (GetParam().blocks > 2) return;  // slow, and the same code
  for (const RunnerKind kind : {RunnerKind::kStreaming, RunnerKind::kPyramid}) {
    SCOPED_TRACE(std::string("portable ") + name_of(kind));
    play.check(*make(GetParam(), kind, VectorCode::kPortable));
  }
}

// A roster of `regions` and their features in a tick.
struct Steady {
  Roster roster;
  RegionSnapshot snapshot;
  std::vector<float> outputs;

  explicit Steady(std::size_t regions) : outputs(regions * kHeadOutputs) {
    snapshot.regions.resize(regions);
    for (std::size_t i = 0; i < regions; ++i) snapshot.regions[i].key = {{1}, i * kDefaultRegionSize.value};
  }
  std::vector<float> features(std::uint32_t tick, const NetworkShape& shape) const {
    return testing::random_features(snapshot.regions.size() * shape.features, 100 + tick);
  }
  const std::vector<float>& step(NetworkRunner& runner, const NetworkShape& shape, std::uint32_t tick) {
    roster.update(snapshot);
    EXPECT_TRUE(runner.step(roster, {features(tick, shape)}, outputs, [] { return true; }));
    return outputs;
  }
};

TEST(Runner, NewWeightsHoldAtOnceOrOnceTheOldOnesHaveLeft) {
  const NetworkShape shape{24, 8, 3};
  const auto streaming = make(shape, RunnerKind::kStreaming), pyramid = make(shape, RunnerKind::kPyramid),
             fresh = make(shape, RunnerKind::kPyramid);
  Steady one(20), other(20), third(20);
  const auto old_weights = testing::random_weights(shape, 1), new_weights = testing::random_weights(shape, 2);
  for (auto* runner : {streaming.get(), pyramid.get()}) ASSERT_TRUE(runner->set_weights(old_weights));
  ASSERT_TRUE(fresh->set_weights(new_weights));
  for (std::uint32_t tick = 0; tick < 100; ++tick) {
    if (tick == 50) {
      for (auto* runner : {streaming.get(), pyramid.get()}) ASSERT_TRUE(runner->set_weights(new_weights));
    }
    const auto by_streaming = one.step(*streaming, shape, tick),
               by_pyramid = other.step(*pyramid, shape, tick), expected = third.step(*fresh, shape, tick);
    if (tick < 50) continue;
    EXPECT_EQ(by_pyramid, expected);
    double difference = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      difference = std::max<double>(difference, std::abs(by_streaming[i] - expected[i]));
    if (tick >= 50 + shape.receptive_field() - 1) {
      EXPECT_LT(difference, 1e-3) << tick;
    } else if (tick == 50) {
      EXPECT_GT(difference, 0.1);
    }
  }
}

TEST(Runner, AMissedRosterEndsAllHistories) {
  const NetworkShape shape{24, 8, 2};
  const auto runner = make(shape, RunnerKind::kStreaming), fresh = make(shape, RunnerKind::kStreaming);
  const auto weights = testing::random_weights(shape, 1);
  ASSERT_TRUE(runner->set_weights(weights).has_value() && fresh->set_weights(weights).has_value());
  Steady some(20), more(30);
  for (std::uint32_t tick = 0; tick < 5; ++tick) some.step(*runner, shape, tick);
  EXPECT_EQ(more.step(*runner, shape, 5), Steady(30).step(*fresh, shape, 5));
  runner->forget(), fresh->forget();
  EXPECT_EQ(more.step(*runner, shape, 6), Steady(30).step(*fresh, shape, 6));
}

TEST(Runner, RegionsThatLeftMakeRoomForOthers) {
  const NetworkShape shape{24, 8, 3};
  const auto runner = make(shape, RunnerKind::kStreaming);
  ASSERT_TRUE(runner->set_weights(testing::random_weights(shape, 1)));
  Steady steady(700);
  std::size_t early = 0;
  for (std::uint32_t tick = 0; tick < 20; ++tick) {
    for (Region& region : steady.snapshot.regions) region.key.start += 1'000'000 * kDefaultRegionSize.value;
    steady.step(*runner, shape, tick);
    if (tick == 4) early = runner->bytes_used();
  }
  EXPECT_EQ(runner->bytes_used(), early);
}

TEST(Runner, ReachesNoRowWhenTheTimeIsUpBefore) {
  const NetworkShape shape{24, 8, 1};
  const auto runner = make(shape, RunnerKind::kPyramid);
  ASSERT_TRUE(runner->set_weights(testing::random_weights(shape, 1)));
  Steady steady(20);
  steady.roster.update(steady.snapshot);
  std::fill(steady.outputs.begin(), steady.outputs.end(), 5.0F);
  EXPECT_FALSE(
      runner->step(steady.roster, {steady.features(0, shape)}, steady.outputs, [] { return false; }));
  EXPECT_EQ(runner->rows_reached(), 0U);
  EXPECT_EQ(steady.outputs, std::vector<float>(steady.outputs.size()));
}

TEST(Runner, RefusesWhatCannotBe) {
  EXPECT_EQ(make_runner({20, 8, 3}, {}).error().kind, ErrorKind::kUsage);
  const auto runner = make({24, 8, 3}, RunnerKind::kStreaming);
  EXPECT_EQ(runner->set_weights(std::vector<float>(7)).error().kind, ErrorKind::kUsage);
}

// Gives `early` per look for the first ten looks, those of the streaming form, then `late`.
class TwoSpeeds final : public Clock {
 public:
  TwoSpeeds(int early, int late) : early_(early), late_(late) {}
  Nanoseconds now() const override {
    return now_ += std::chrono::microseconds(looks_++ < 10 ? early_ : late_);
  }

 private:
  int early_, late_;
  mutable int looks_ = 0;
  mutable Nanoseconds now_{};
};

TEST(Runner, AutoIsStreamingUnlessOnednnIsMeasuredToBeFaster) {
  const NetworkShape shape{24, 8, 3};
  const TwoSpeeds onednn_faster(1000, 500), alike(1000, 900);
  const auto one = make_runner(shape, {.clock = &onednn_faster}),
             other = make_runner(shape, {.clock = &alike});
  ASSERT_TRUE(one && other);
  EXPECT_EQ((*one)->kind(), RunnerKind::kOnednnPyramid) << (*one)->status();
  EXPECT_EQ((*other)->kind(), RunnerKind::kStreaming) << (*other)->status();
  EXPECT_EQ((*other)->status().find("streaming; at start 0.98 us"), 0U) << (*other)->status();
  EXPECT_EQ((*make_runner(shape, {}))->kind(), RunnerKind::kStreaming);
}

// As systemd's MemoryDenyWriteExecute does: by the kernel's own flag (6.3), else by a filter of system calls.
bool deny_new_code() {
  constexpr int kSetMdwe = 65, kRefuseExecGain = 1;  // PR_SET_MDWE; not in Debian 12's headers
  if (prctl(kSetMdwe, kRefuseExecGain, 0, 0, 0) == 0) return true;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a process of its own. Forty channels: no other test has them, so that no kernel is there from before.
[[noreturn]] void run_without_new_code() {
  const NetworkShape shape{24, 40, 1};
  if (!deny_new_code()) std::puts("cannot deny"), _exit(2);
  const auto by_name = make_runner(shape, {.kind = RunnerKind::kOnednnPyramid});
  if (by_name || by_name.error().kind != ErrorKind::kUnsupported) _exit(3);
  if (DenseNetwork::make(shape, 8, 8, Kernels::kOnednn).has_value()) _exit(4);
  std::fprintf(stderr, "%s\n", by_name.error().text().c_str());
  Play play(shape);
  for (const RunnerKind kind : {RunnerKind::kStreaming, RunnerKind::kPyramid}) play.check(*make(shape, kind));
  const TwoSpeeds clock(1000, 1);
  const auto chosen = make_runner(shape, {.clock = &clock});
  if (!chosen || (*chosen)->kind() != RunnerKind::kStreaming) _exit(5);
  if ((*chosen)->status().find("streaming; oneDNN") != 0) _exit(6);
  _exit(::testing::Test::HasFailure() ? 7 : 0);
}
TEST(WithoutNewCodeDeathTest, PlainKernelsWorkAndOnednnRefusesCleanly) {
  EXPECT_EXIT(run_without_new_code(), ::testing::ExitedWithCode(0), "oneDNN .*plain kernels");
}

}  // namespace
}  // namespace tier
