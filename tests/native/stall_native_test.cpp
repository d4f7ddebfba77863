// Stall sampling on this machine's own kernel. Needs root (CAP_BPF and CAP_PERFMON).
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "platform/linux/sampling/stall_source.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

TEST(StallNative, SamplesOfAKnownProgramFallInItsArray) {
  const SteadyClock clock;
  StallSource source({}, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  const SharedArray array(512U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  gather(source, 10);  // first touch
  SampleBatch batch;
  for (int second = 0; second < 30 && batch.samples.size() < 400;
       ++second) {  // a loaded machine takes longer
    const SampleBatch more = gather(source, 10);
    batch.samples.insert(batch.samples.end(), more.samples.begin(), more.samples.end());
    batch.counters += more.counters;
  }
  expect_balanced(batch.counters);
  const SourceStatus status = source.status();
  std::printf("%s: %s\n%lu taken, %lu undecoded, %lu lost, %.4f of a CPU\n", status.name.c_str(),
              status.fidelity.c_str(), batch.counters.taken, batch.counters.undecoded, batch.counters.lost,
              status.cpu_share);
  ASSERT_GT(batch.samples.size(), 100U);
  std::size_t right = 0, hot = 0;
  double weight = 0;
  const AddressRange hot_range{array.range().start, array.range().start + array.range().size().value / 16};
  for (const AccessSample& sample : batch.samples) {
    EXPECT_EQ(sample.target, TargetId{7});
    right += array.range().contains(sample.address) ? 1U : 0U;
    hot += hot_range.contains(sample.address) ? 1U : 0U;
    weight += sample.weight;
  }
  const double count = static_cast<double>(batch.samples.size());
  std::printf(
      "%zu samples, %.1f %% right, %.1f %% hot, %.2f s of weight, decoded %.1f %%\n", batch.samples.size(),
      100.0 * static_cast<double>(right) / count, 100.0 * static_cast<double>(hot) / count, weight,
      100.0 * static_cast<double>(batch.counters.delivered) / static_cast<double>(batch.counters.taken));
  const auto earlier = [](const AccessSample& a, const AccessSample& b) { return a.time < b.time; };
  EXPECT_TRUE(std::is_sorted(batch.samples.begin(), batch.samples.end(), earlier))
      << "whichever CPUs they come from";
  EXPECT_GE(static_cast<double>(right), 0.95 * count);
  EXPECT_GE(static_cast<double>(hot), 0.5 * count);
}

// The element that the list names is loaded over the register that held its number.
[[noreturn]] void gather_by_list(const SharedArray& table) {
  std::vector<std::uint64_t> list(std::size_t{1} << 20);
  std::uint64_t state = 88172645463325252U;
  for (std::uint64_t& index : list) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    index = state % table.words();
  }
  for (;;)
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::uint64_t brought = 0;
      asm volatile("mov (%[list],%[i],8), %[brought]\n mov (%[table],%[brought],8), %[brought]\n"
                   : [brought] "=&r"(brought)
                   : [list] "r"(list.data()), [i] "r"(i), [table] "r"(table.data())
                   : "memory");
    }
}

TEST(StallNative, AnIndexThatWasLoadedTellsWhereTheProgramWaits) {
  const SteadyClock clock;
  StallSource source({}, clock);
  ASSERT_TRUE(source.start());
  const SharedArray table(512U << 20U);
  for (std::size_t page = 0; page < table.words(); page += 512) table.data()[page] = page;
  const WatchedProgram program([&] { gather_by_list(table); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  gather(source, 20);  // the list is filled
  SampleBatch batch;
  for (int second = 0; second < 60 && batch.counters.taken < 400; ++second) {
    const SampleBatch more = gather(source, 10);
    batch.samples.insert(batch.samples.end(), more.samples.begin(), more.samples.end());
    batch.counters += more.counters;
  }
  expect_balanced(batch.counters);
  const auto inside = static_cast<std::size_t>(
      std::count_if(batch.samples.begin(), batch.samples.end(),
                    [&](const AccessSample& sample) { return table.range().contains(sample.address); }));
  std::printf("%zu of %lu samples in the table, %lu not decoded\n", inside, batch.counters.taken,
              batch.counters.undecoded);
  EXPECT_GT(inside, batch.counters.taken / 2);
  EXPECT_LT(batch.counters.undecoded, batch.counters.taken / 10);
}

// Node 0 is on every machine; the kernel refuses the flag for maps that it does not fit.
TEST(StallNative, TheKernelTakesItsTablesFromANodeThatIsNamed) {
  const SteadyClock clock;
  StallOptions options;
  options.settings.spare_node = NodeId{0};
  StallSource source(options, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
}

// In registers alone: there is no access behind which it could wait.
[[noreturn]] void compute() {
  std::uint64_t x = 1;
  for (;;) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(x));
  }
}

TEST(StallNative, AProgramThatComputesIsSeenAndWaitsForNothing) {
  const SteadyClock clock;
  StallSource source({}, clock);
  ASSERT_TRUE(source.start());
  const WatchedProgram program([] { compute(); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  SampleBatch batch;
  for (int second = 0; second < 60 && batch.counters.taken < 200; ++second) {
    const SampleBatch more = gather(source, 10);
    batch.counters += more.counters;
    batch.computing.insert(batch.computing.end(), more.computing.begin(), more.computing.end());
  }
  expect_balanced(batch.counters);
  ASSERT_GE(batch.counters.taken, 200U);
  EXPECT_LT(static_cast<double>(batch.counters.delivered), 0.02 * static_cast<double>(batch.counters.taken));
  EXPECT_GT(static_cast<double>(batch.counters.computing), 0.9 * static_cast<double>(batch.counters.taken));
  EXPECT_EQ(batch.computing.size(), batch.counters.computing);
}

TEST(StallNative, TicksAreThinnedWhereTheirSamplesCostMoreThanTheBudget) {
  const SteadyClock clock;
  StallOptions options;
  options.settings.cpu_budget = 0.0001;  // of one CPU: a handful of samples a second
  StallSource source(options, clock);
  ASSERT_TRUE(source.start());
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  // The status names the ticks that are samples; a budget this small allows no clock event beside them.
  const auto ticks = [&] {
    const std::string text = source.status().fidelity;
    return text.substr(text.find("; tick "), text.rfind(" Hz, clock") - text.find("; tick "));
  };
  const std::string every_tick = ticks();
  std::uint64_t taken = 0;
  for (int second = 0; second < 60 && ticks() == every_tick; ++second)
    taken += gather(source, 10).counters.taken;
  std::printf("%s%s\n%lu samples until then\n", every_tick.c_str(), ticks().c_str(), taken);
  EXPECT_NE(ticks(), every_tick) << "every tick is still a sample";
  EXPECT_GT(gather(source, 30).counters.taken, 0U) << "thinned, not stopped";
}

// More is asked for than the tick gives, and there is budget for it.
TEST(StallNative, AWantedClockEventIsPricedFirstAndRunsThen) {
  const SteadyClock clock;
  StallOptions options;
  options.settings.target_samples_per_second = 100000;
  options.settings.cpu_budget = SamplingSettings::kCpuBudgetLimit;
  StallSource source(options, clock);
  ASSERT_TRUE(source.start());
  source.set_stake(10);
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  for (int second = 0; second < 90 && source.status().name != "stall-tick+clock"; ++second) {
    EXPECT_TRUE(source.prices().interrupt || source.status().name == "stall-tick");
    gather(source, 10);
  }
  std::printf("%s\n", source.status().fidelity.c_str());
  EXPECT_EQ(source.status().name, "stall-tick+clock");
  EXPECT_TRUE(source.prices().interrupt);
  EXPECT_GT(source.prices().program.count(), 0);
}

TEST(StallNative, TheClockAloneWhereNoProgramRidesTheTick) {
  const SteadyClock clock;
  StallOptions options;
  options.ride_tick = false;
  StallSource source(options, clock);
  ASSERT_TRUE(source.start());
  EXPECT_EQ(source.status().name, "stall-clock");
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  std::size_t samples = 0;
  for (int turn = 0; turn < 100 && samples < 50; ++turn) samples += gather(source, 5).samples.size();
  EXPECT_GE(samples, 50U);
}

// The program changes under its pid: the code at an address means something else from then on.
TEST(StallNative, ExecLeavesNothingOfTheOldProgram) {
  const SteadyClock clock;
  StallSource source({}, clock);
  ASSERT_TRUE(source.start());
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] {
    signal(SIGUSR1, [](int) { execl("/bin/sh", "sh", "-c", "while :; do :; done", nullptr); });
    read_at_random(array);
  });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  SampleBatch before;
  for (int turn = 0; turn < 100 && before.samples.size() < 50; ++turn) before = gather(source, 5);
  ASSERT_GE(before.samples.size(), 50U);
  ASSERT_EQ(kill(program.pid(), SIGUSR1), 0);
  gather(source, 10);  // the last of the old program
  SampleBatch after;
  for (int turn = 0; turn < 100 && after.samples.empty(); ++turn) after = gather(source, 5);
  expect_balanced(after.counters);
  ASSERT_FALSE(after.samples.empty());
  for (const AccessSample& sample : after.samples) EXPECT_FALSE(array.range().contains(sample.address));
}

}  // namespace
}  // namespace tier
