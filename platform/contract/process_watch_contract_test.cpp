// What holds of every watch of processes, the fake one and the kernel's.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "platform/contract/rig.h"
#include "platform/fake/fake_process_watch.h"
#include "platform/linux/watching/bpf_process_watch.h"

namespace tier {
namespace {

// Moved by hand: a look waits until its price is a small share of the time since the last one.
ManualClock looked_at;

Result<std::unique_ptr<ProcessWatch>> fake_watch(Rig& rig) {
  return std::make_unique<FakeProcessWatch>(rig.processes());
}

Result<std::unique_ptr<ProcessWatch>> kernel_watch(Rig&) {
  auto watch = BpfProcessWatch::start(looked_at);
  if (!watch) return tl::make_unexpected(watch.error());
  return std::unique_ptr<ProcessWatch>(std::move(*watch));
}

struct Machine {
  const char* name;
  std::unique_ptr<Rig> (*make)();
  Result<std::unique_ptr<ProcessWatch>> (*watch)(Rig&);
};

void PrintTo(const Machine& machine, std::ostream* out) { *out << machine.name; }

class WatchContract : public testing::TestWithParam<Machine> {
 protected:
  void SetUp() override {
    auto started = GetParam().watch(*rig);
    if (!started) GTEST_SKIP() << started.error().text();
    watch = std::move(*started);
  }
  std::vector<SeenProcess> look(const ProcessQuestion& question, bool renew = true) {
    looked_at.advance(std::chrono::hours(10));
    const auto made = watch->look(question, renew);
    EXPECT_TRUE(made) << made.error().text();
    if (!made) return {};
    EXPECT_TRUE(made->looked);
    return made->processes;
  }
  static const SeenProcess* find(const std::vector<SeenProcess>& processes, Pid pid) {
    const auto it = std::find_if(processes.begin(), processes.end(),
                                 [&](const SeenProcess& seen) { return seen.pid == pid; });
    return it == processes.end() ? nullptr : &*it;
  }

  std::unique_ptr<Rig> rig = GetParam().make();
  std::unique_ptr<ProcessWatch> watch;
};

INSTANTIATE_TEST_SUITE_P(Machines, WatchContract,
                         testing::Values(Machine{"fake", fake_rig, fake_watch},
                                         Machine{"linux", linux_rig, kernel_watch}),
                         [](const auto& of) { return of.param.name; });

TEST_P(WatchContract, TellsOfAProgramWhatItsDescriptionSays) {
  const auto program = rig->start();
  ProcessQuestion question;
  question.asked = {program->pid()};
  question.others = false;
  const auto processes = look(question);
  ASSERT_EQ(processes.size(), 1U);
  const auto target = rig->processes().describe(program->pid());
  ASSERT_TRUE(target);
  EXPECT_EQ(processes[0].pid, program->pid());
  EXPECT_EQ(processes[0].start_time, target->start_time);
  EXPECT_NE(processes[0].program, 0U);
  EXPECT_NE(processes[0].group, 0U);
  EXPECT_NE(processes[0].properties, 0U);
  EXPECT_GE(processes[0].resident, 4_MiB);
  EXPECT_LE(processes[0].resident, 64_MiB);
  const auto again = look(question, false);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].program, processes[0].program);
  EXPECT_EQ(again[0].properties, processes[0].properties);
  EXPECT_EQ(again[0].group, processes[0].group);
}

TEST_P(WatchContract, TellsOfANewProgramAndAgainOnceItExecutes) {
  const ProcessQuestion everybody;
  look(everybody);
  const auto program = rig->start();
  const auto first = look(everybody, false);
  ASSERT_NE(find(first, program->pid()), nullptr);
  EXPECT_EQ(find(look(everybody), program->pid()), nullptr) << "nothing happened to it";
  program->replace();
  const auto second = look(everybody, false);
  ASSERT_NE(find(second, program->pid()), nullptr);
  EXPECT_NE(find(second, program->pid())->program, find(first, program->pid())->program);
  EXPECT_EQ(find(second, program->pid())->start_time, find(first, program->pid())->start_time);
  EXPECT_FALSE(find(second, program->pid())->file.empty());
  watch->forget();
  EXPECT_NE(find(look(everybody, false), program->pid()), nullptr);
}

TEST_P(WatchContract, WhoEndedIsMissing) {
  const auto program = rig->start();
  ProcessQuestion question;
  question.asked = {program->pid()};
  ASSERT_NE(find(look(question), program->pid()), nullptr);
  program->end();
  EXPECT_EQ(find(look(question, false), program->pid()), nullptr);
}

TEST_P(WatchContract, SaysWhetherALookWouldShowAnythingNew) {
  EXPECT_TRUE(watch->news()) << "before the first look";
  const auto program = rig->start();
  ProcessQuestion question;
  question.asked = {program->pid()};  // and others of any size
  // On a real machine others may begin and end between two calls.
  const auto settled = [&] {
    for (int i = 0; i < 1000; ++i) {
      static_cast<void>(look(question, false));
      if (!watch->news()) return true;
    }
    return false;
  };
  ASSERT_TRUE(settled());
  const auto other = rig->start();
  EXPECT_TRUE(watch->news()) << "another one began";
  ASSERT_TRUE(settled());
  program->end();
  EXPECT_TRUE(watch->news()) << "one ended";
}

TEST_P(WatchContract, SmallOnesAreLeftOutUnlessTheyAreAskedFor) {
  const auto small = rig->start(), big = rig->start({.size = 32_MiB, .touched = 32_MiB});
  ProcessQuestion question;
  question.asked = {small->pid()};
  const auto alone = look(question);
  ASSERT_NE(find(alone, small->pid()), nullptr);
  // Sanitizers make every program larger.
  question = {};
  question.minimum = find(alone, small->pid())->resident + 16_MiB;
  const auto processes = look(question);
  EXPECT_EQ(find(processes, small->pid()), nullptr);
  EXPECT_NE(find(processes, big->pid()), nullptr);
  EXPECT_NE(find(look(question), big->pid()), nullptr) << "at every such look";
  question.asked = {small->pid()};
  EXPECT_NE(find(look(question, false), small->pid()), nullptr);
}

TEST_P(WatchContract, NobodyButThoseAskedForWhereNoOthersAreWanted) {
  const auto one = rig->start(), other = rig->start();
  ProcessQuestion question;
  question.asked = {one->pid(), Pid{0x3fffff}};
  question.others = false;
  const auto processes = look(question);
  ASSERT_EQ(processes.size(), 1U);
  EXPECT_EQ(processes[0].pid, one->pid());
}

TEST_P(WatchContract, SaysHowItWatches) {
  look({});
  EXPECT_EQ(watch->state().way, "events");
  EXPECT_GE(watch->state().looks, 1U);
}

}  // namespace
}  // namespace tier
