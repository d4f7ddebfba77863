// The loop over a machine whose programs get on by what its registers and read-ahead hold.
#include "prefetch/loop/prefetch_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "platform/fake/fake_meter.h"
#include "prefetch/loop/fake_world.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class PrefetchLoopTest : public ::testing::Test {
 protected:
  PrefetchLoopTest() { fs::remove(journal_); }
  ~PrefetchLoopTest() override { fs::remove(journal_); }

  std::unique_ptr<PrefetchLoop> loop(std::set<std::string> actuators) {
    auto world = std::make_unique<World>(knobs_, clock_);
    world_ = world.get();
    return make(std::move(world), std::move(actuators));
  }
  std::unique_ptr<PrefetchLoop> make(std::unique_ptr<Meter> meter, std::set<std::string> actuators) {
    auto registers = read_register_table(kRegisters, "test");
    EXPECT_TRUE(registers) << (registers ? "" : registers.error().text());
    PrefetchLoopParts parts{knobs_, clock_};
    auto meters = std::make_shared<std::vector<std::unique_ptr<Meter>>>(std::move(more_));
    more_.clear();
    meters->push_back(std::move(meter));
    parts.serve_meters = [this](const std::set<std::string>& armed) { served_.push_back(armed); };
    parts.read_meters = [meters] { return read_all(*meters); };
    parts.registers = *std::move(registers);
    parts.read_machine = [this]() -> Result<PrefetchMachine> { return machine(); };
    parts.read_state = [this]() -> Result<MachineState> { return MachineState{cpus(), slept_}; };
    parts.open_journal = [this] { return KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b')); };
    parts.log = [this](const std::string& line) { log_.push_back(line); };
    PrefetchLoopSettings settings;
    settings.actuators = std::move(actuators);
    settings.lease = lease_, settings.devices = devices_;
    return std::make_unique<PrefetchLoop>(std::move(parts), settings);
  }
  std::vector<std::uint32_t> cpus() const {
    std::vector<std::uint32_t> all;
    for (std::uint32_t cpu = 0; cpu < 2 * kCores; ++cpu)
      if (world_ == nullptr || !world_->offline.contains(cpu)) all.push_back(cpu);
    return all;
  }
  PrefetchMachine machine() const { return world_machine(cpus()); }
  void run(PrefetchLoop& loop, unsigned ticks) {
    for (unsigned i = 0; i < ticks; ++i) {
      clock_.advance(1s);
      loop.tick(node_);
    }
  }
  unsigned cores_off() {
    unsigned count = 0;
    for (std::uint32_t core = 0; core < kCores; ++core)
      count += knobs_.at(register_of(core)) == (kFound | 5) ? 1U : 0U;
    return count;
  }
  void expect_as_found() {
    for (std::uint32_t core = 0; core < kCores; ++core) EXPECT_EQ(knobs_.at(register_of(core)), kFound);
    EXPECT_EQ(knobs_.at(kReadahead), 128U);
  }

  const fs::path journal_ = fs::temp_directory_path() / ("loop-" + std::to_string(getpid()));
  FakeKnobs knobs_;
  RunningClock clock_;
  World* world_ = nullptr;
  PrefetchNode node_;
  Nanoseconds slept_{}, lease_ = 10s;
  std::set<std::string> devices_;
  std::vector<std::unique_ptr<Meter>> more_;
  std::vector<std::set<std::string>> served_;  // every call
  std::vector<std::string> log_;
};

TEST_F(PrefetchLoopTest, IsOffUnlessActuatorsAreNamed) {
  const auto made = loop({});
  const auto armed = made->arm();
  ASSERT_FALSE(armed);
  EXPECT_EQ(armed.error().kind, ErrorKind::kUnsupported);
  run(*made, 10);
  EXPECT_TRUE(knobs_.writes.empty());
}

TEST_F(PrefetchLoopTest, FindsTheBetterSettingAndPutsBackWhatWasFound) {
  const auto made = loop({"hardware", "readahead"});
  world_->off_gain = 0.1, world_->readahead_best = 16;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  EXPECT_EQ(cores_off(), kCores);
  EXPECT_EQ(knobs_.at(kReadahead), 16U);
  ASSERT_TRUE(made->disarm());
  expect_as_found();
  run(*made, 60);
  expect_as_found();
}

TEST_F(PrefetchLoopTest, AsksForTheMetersOfItsActuatorsWhileItIsArmed) {
  const auto made = loop({"hardware", "readahead"});
  EXPECT_TRUE(served_.empty());
  ASSERT_TRUE(made->arm());
  ASSERT_TRUE(made->arm()) << "twice is once";
  ASSERT_TRUE(made->disarm());
  EXPECT_EQ(served_, (std::vector<std::set<std::string>>{{"hardware", "readahead"}, {}}));
}

TEST_F(PrefetchLoopTest, LeavesEverythingAsFoundWhenItEnds) {
  {
    const auto made = loop({"hardware"});
    world_->off_gain = 0.1;
    ASSERT_TRUE(made->arm());
    run(*made, 60);
    ASSERT_EQ(cores_off(), kCores);
  }
  expect_as_found();
}

TEST_F(PrefetchLoopTest, ARehearsalTellsEveryWriteAndDoesNone) {
  const auto made = loop({"hardware", "readahead"});
  const auto told = made->rehearse({"hardware", "readahead"});
  ASSERT_TRUE(told);
  // l2-off and all-off of four cores, four other read-aheads.
  EXPECT_EQ(told->writes.size(), 2 * kCores + 4);
  EXPECT_TRUE(told->refused.empty());
  EXPECT_EQ(told->writes[1].before, kFound);
  EXPECT_EQ(told->writes[1].after, kFound | 5) << "as the write would be told, the whole register";
  EXPECT_TRUE(knobs_.writes.empty());
  EXPECT_FALSE(fs::exists(journal_));
}

TEST_F(PrefetchLoopTest, WithoutReadingsEverythingGoesBackAfterTheLease) {
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  ASSERT_EQ(cores_off(), kCores);
  world_->blind = true;
  run(*made, 8);
  EXPECT_EQ(cores_off(), kCores) << "no reading is no decision";
  EXPECT_FALSE(made->note().empty());
  run(*made, 4);
  expect_as_found();
  world_->blind = false;
  run(*made, 4);
  EXPECT_EQ(cores_off(), kCores) << "what was learnt was kept";
}

TEST_F(PrefetchLoopTest, ALoopThatHungFindsEverythingPutBack) {
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  ASSERT_EQ(cores_off(), kCores);
  clock_.advance(11s);
  made->tick(node_);
  EXPECT_NE(std::find_if(log_.begin(), log_.end(),
                         [](const std::string& line) { return line.find("lease") != std::string::npos; }),
            log_.end());
}

TEST_F(PrefetchLoopTest, ATickThatOutlastsTheLeaseGivesNoControlUp) {
  const auto step = [this](PrefetchLoop& loop) {
    clock_.advance(100ms);
    loop.tick(node_);
  };
  lease_ = 200ms;  // looked after every 50 ms of real time
  unsigned until = 0;
  {
    const auto made = loop({"hardware"});
    ASSERT_TRUE(made->arm());
    for (; made->written() == 0 && until < 100; ++until) step(*made);
    ASSERT_LT(until, 100U);
  }
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  for (unsigned i = 1; i < until; ++i) step(*made);
  world_->meanwhile = [this] {
    clock_.advance(300ms);
    std::this_thread::sleep_for(200ms);
  };
  step(*made);  // the first that writes
  world_->meanwhile = {};
  EXPECT_TRUE(made->refused().empty());
  for (unsigned i = 0; i < 200; ++i) step(*made);
  EXPECT_EQ(made->standings().size(), kCores);
  EXPECT_EQ(cores_off(), kCores);
}

TEST_F(PrefetchLoopTest, NamesTheDevicesThatAreNotTuned) {
  devices_ = {"sdc"};
  const auto made = loop({"readahead"});
  ASSERT_TRUE(made->arm());
  ASSERT_EQ(made->refused().size(), 2U);
  EXPECT_EQ(made->refused()[0].name, "sdb");
  EXPECT_EQ(made->refused()[1].name, "sdc");
  run(*made, 3);
  EXPECT_EQ(made->note(), "nothing was found here that may be set");
}

TEST_F(PrefetchLoopTest, WhatItPutsBackAtItsEndIsLogged) {
  {
    const auto made = loop({"hardware"});
    world_->off_gain = 0.1;
    ASSERT_TRUE(made->arm());
    run(*made, 60);
    log_.clear();
  }
  EXPECT_EQ(log_.size(), kCores);
  EXPECT_EQ(log_.front(), "tierd ends, core 0, default: register 0x1a4 of CPU 0 0x825 -> 0x820");
}

// Without counters of instructions it is the seconds of computing, and what samples say of the waiting is
// told a tick at a time.
TEST_F(PrefetchLoopTest, BetweenTwoTicksOfSamplingNothingIsDecided) {
  auto meter = std::make_unique<FakeMeter>(clock_);
  FakeMeter& counts = *meter;
  auto stalls = std::make_unique<FakeMeter>(clock_, "samples");
  FakeMeter& sampled = *stalls;
  auto world = std::make_unique<World>(knobs_, clock_);  // fills the knobs
  more_.push_back(std::move(stalls));
  const auto made = make(std::move(meter), {"hardware"});
  ASSERT_TRUE(made->arm());
  const auto step = [&](bool ticked) {
    sampled.frozen = !ticked;
    for (const std::uint32_t cpu : cpus()) {
      counts.add(Signal::kUserTime, 900'000'000, cpu);
      if (ticked) sampled.add(Signal::kSampledStall, 400'000'000, cpu);
    }
    run(*made, 1);
  };
  step(true), step(true), step(true);
  ASSERT_EQ(made->progress().size(), 1U);
  ASSERT_TRUE(made->progress()[0].per_second);
  EXPECT_NEAR(*made->progress()[0].per_second, 0.5 * 2 * kCores, 1e-3);
  step(false);
  EXPECT_FALSE(made->progress()[0].per_second);
  EXPECT_EQ(made->note(), "no sound reading of seconds of computing");
  step(true);
  EXPECT_TRUE(made->progress()[0].per_second);
}

TEST_F(PrefetchLoopTest, WhatSomebodyElseWritesIsHisFromThenOn) {
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  knobs_.at(register_of(2)) = kFound | 4;
  world_->off_gain = -0.3;
  run(*made, 30);
  EXPECT_EQ(knobs_.at(register_of(2)), kFound | 4);
  EXPECT_EQ(knobs_.at(register_of(1)), kFound);
  ASSERT_EQ(made->refused().size(), 1U);
  EXPECT_EQ(made->refused()[0].name, "core 4");
  EXPECT_EQ(made->standings().size(), kCores - 1);
}

TEST_F(PrefetchLoopTest, CpusThatComeAndGoAreLookedAtAnew) {
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  ASSERT_EQ(cores_off(), kCores);
  // Both threads of the last core go; when they come back firmware has given their register its own value.
  world_->offline = {6, 7}, knobs_.offline = {6, 7};
  run(*made, 30);
  EXPECT_EQ(made->standings().size(), kCores - 1);
  world_->offline.clear(), knobs_.offline.clear();
  knobs_.at(register_of(3)) = 0x1000;
  run(*made, 60);
  EXPECT_EQ(made->standings().size(), kCores);
  EXPECT_EQ(knobs_.at(register_of(3)), 0x1005U);
  ASSERT_TRUE(made->disarm());
  EXPECT_EQ(knobs_.at(register_of(3)), 0x1000U) << "its own default, not that of before";
  EXPECT_EQ(knobs_.at(register_of(0)), kFound);
}

TEST_F(PrefetchLoopTest, AfterSleepRegistersHoldWhatFirmwareGaveThem) {
  const auto made = loop({"hardware"});
  world_->off_gain = 0.1;
  ASSERT_TRUE(made->arm());
  run(*made, 60);
  for (std::uint32_t core = 0; core < kCores; ++core) knobs_.at(register_of(core)) = 0x40;
  slept_ = 1h;
  run(*made, 60);
  EXPECT_EQ(knobs_.at(register_of(1)), 0x45U);
  ASSERT_TRUE(made->disarm());
  EXPECT_EQ(knobs_.at(register_of(1)), 0x40U);
}

TEST_F(PrefetchLoopTest, WhatAnEarlierTierdLeftIsPutBackFirst) {
  {
    auto journal = KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b'));
    ASSERT_TRUE(journal);
    const World filled(knobs_, clock_);
    ASSERT_TRUE(journal->append({kTierIntent, register_of(1), kTierNoUnit, 5, kFound, kFound, kFound | 5}));
    knobs_.at(register_of(1)) = kFound | 5;
  }
  const std::uint64_t left = knobs_.at(register_of(1));
  ASSERT_EQ(left, kFound | 5);
  auto world = std::make_unique<World>(knobs_, clock_);
  knobs_.at(register_of(1)) = left;
  const auto made = make(std::move(world), {"hardware"});
  const auto writes = made->arm();
  ASSERT_TRUE(writes);
  ASSERT_EQ(writes->size(), 1U);
  EXPECT_EQ((*writes)[0].fate, "restored");
  expect_as_found();
}

}  // namespace
}  // namespace tier
