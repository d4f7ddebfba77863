// What the migrator's tests share: a two-tier fake machine and short ways to say a plan.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "migrator/migrator.h"
#include "platform/fake/fake_machine.h"

namespace tier {

inline constexpr NodeId kFast{0}, kSlow{1};
inline constexpr Pid kProgram{100};
inline constexpr Address kBase = 0x40000000;
inline constexpr std::uint64_t kPagesPerRegion = 512;

inline FakeSpec two_tiers(Bytes fast, Bytes program, bool huge = false, int node = 1) {
  return {.nodes = {{.id = 0, .capacity = fast}, {.id = 1, .capacity = 4_GiB, .has_cpus = false}},
          .processes = {{.pid = kProgram.value,
                         .start_time = 7,
                         .mappings = {{.start = kBase, .size = program, .node = node, .huge = huge}}}}};
}

class MigratorTest : public testing::Test {
 protected:
  // Region `index` of the program; ids are the index, plus 1000 for demotions.
  static MigrationRequest request(std::uint64_t index, bool promotion) {
    MigrationRequest r;
    r.id = index + (promotion ? 0 : 1000);
    r.range = {kBase + index * (2_MiB).value, kBase + (index + 1) * (2_MiB).value};
    r.key = {TargetId{1}, r.range.start};
    r.pid = kProgram;
    r.start_time = 7;
    r.from = promotion ? kSlow : kFast;
    r.to = promotion ? kFast : kSlow;
    r.promotion = promotion;
    r.bytes = 2_MiB;
    return r;
  }
  static MigrationRequest promote(std::uint64_t index) { return request(index, true); }
  static MigrationRequest demote(std::uint64_t index) { return request(index, false); }

  static MigrationPlan plan(std::uint64_t sequence, std::vector<MigrationRequest> requests) {
    return {.sequence = sequence, .tick = Tick{sequence}, .requests = std::move(requests)};
  }

  void build(const FakeSpec& spec, MigratorSettings settings = {}) {
    machine = std::make_unique<FakeMachine>(spec);
    make_migrator(settings, {});
  }

  void make_migrator(MigratorSettings settings, MigratorAids aids) {
    executor = std::make_shared<ManualExecutor>();
    migrator = std::make_unique<Migrator>(*machine, *machine, *machine, clock, settings, executor, aids);
  }

  // Until nothing is left to do, time passing as the migrator asks for it.
  void run_all() {
    for (int steps = 0; !migrator->idle(); ++steps) {
      ASSERT_LT(steps, 100000) << "the migrator makes no progress";
      const auto pause = executor->run_once();
      if (pause) clock.advance(*pause);
    }
  }

  std::vector<MigrationReport> run(MigrationPlan p) {
    migrator->submit(std::move(p));
    run_all();
    return migrator->take_reports();
  }

  static AddressRange page_range(std::uint64_t region, std::uint64_t first, std::uint64_t count) {
    const Address start = kBase + region * (2_MiB).value + first * 4096;
    return {start, start + count * 4096};
  }

  ManualClock clock;
  std::unique_ptr<FakeMachine> machine;
  std::shared_ptr<ManualExecutor> executor;
  std::unique_ptr<Migrator> migrator;
};

}  // namespace tier
