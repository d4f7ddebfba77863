// One suite for the fake machine and the real one. With two nodes or more (the lab's guest) pages really
// move.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <thread>

#include "migrator/migrator.h"
#include "platform/contract/rig.h"
#include "platform/linux/machine.h"

namespace tier {
namespace {

struct Machine {
  const char* name;
  std::unique_ptr<Rig> (*make)();
};

void PrintTo(const Machine& machine, std::ostream* out) { *out << machine.name; }

class Contract : public testing::TestWithParam<Machine> {
 protected:
  void SetUp() override {
    if (!rig) GTEST_SKIP() << "this kernel has no such interface";
  }

  std::unique_ptr<Rig> rig = GetParam().make();

  std::uint64_t page() { return rig->processes().base_page_size().value; }
  std::vector<Address> pages_of(AddressRange range) {
    std::vector<Address> pages;
    for (Address a = range.start; a < range.end; a += page()) pages.push_back(a);
    return pages;
  }
  std::uint64_t start_time(Pid pid) {
    const auto target = rig->processes().describe(pid);
    return target ? target->start_time : 0;
  }
  const Mapping* mapping_at(const std::vector<Mapping>& mappings, Address address) {
    const auto it = std::find_if(mappings.begin(), mappings.end(),
                                 [&](const Mapping& m) { return m.range.contains(address); });
    return it == mappings.end() ? nullptr : &*it;
  }
  // Nodes with a quarter GiB free or half of themselves: room to move a few MiB about.
  std::vector<NodeId> roomy_nodes() {
    std::vector<NodeId> ids;
    for (const NumaNode& node : rig->topology().nodes().value_or(std::vector<NumaNode>{}))
      if (node.free.value > (64_MiB).value) ids.push_back(node.id);
    return ids;
  }
  // The node of every page, and -errno where there is none.
  std::vector<int> places(const Program& program, AddressRange range) {
    return rig->locator().locate(program.pid(), pages_of(range)).status;
  }
  // One move of all that the program has, carried out to its end.
  MigrationReport migrate(const Program& program, NodeId to, MigratorAids aids) {
    const MonotonicClock clock;
    auto executor = std::make_shared<ManualExecutor>();
    Migrator migrator(rig->mover(), rig->locator(), rig->processes(), clock, {.rate = Bytes{0}}, executor,
                      aids);
    MigrationRequest request;
    request.key = {TargetId{1}, program.range().start};
    request.range = program.range();
    request.pid = program.pid();
    request.start_time = start_time(program.pid());
    request.to = to;
    migrator.submit({.sequence = 1, .tick = {}, .requests = {request}});
    while (!migrator.idle()) executor->run_once();
    return migrator.take_reports().at(0);
  }
  bool all_on(const Program& program, AddressRange range, NodeId node) {
    const auto status = places(program, range);
    return !status.empty() &&
           std::all_of(status.begin(), status.end(), [&](int s) { return s == node.value; });
  }
};

TEST_P(Contract, DescribesARunningProgram) {
  const auto program = rig->start();
  const auto target = rig->processes().describe(program->pid());
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->pid, program->pid());
  EXPECT_GT(target->start_time, 0u);
  EXPECT_FALSE(target->name.empty());
  EXPECT_TRUE(target->cgroup.starts_with('/')) << target->cgroup;
  EXPECT_FALSE(target->allowed_nodes.empty());
  const auto all = rig->processes().list();
  ASSERT_TRUE(all);
  EXPECT_TRUE(std::find(all->begin(), all->end(), program->pid()) != all->end());
}

TEST_P(Contract, AProcessThatDoesNotExistIsAnError) {
  const Pid nobody{0x3fffff};
  const auto target = rig->processes().describe(nobody);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().kind, ErrorKind::kFailed) << target.error().text();
  EXPECT_FALSE(rig->processes().mappings(nobody).has_value());
  EXPECT_FALSE(rig->processes().open(nobody, 1).has_value());
  EXPECT_EQ(rig->processes().mappings_version(nobody), 0u);
  const Address address = 0x10000;
  const PageCall call = rig->locator().locate(nobody, {&address, 1});
  EXPECT_EQ(call.value, -1);
  EXPECT_EQ(call.error_number, ESRCH);
  EXPECT_EQ(rig->mover().move(nobody, {&address, 1}, NodeId{0}).error_number, ESRCH);
}

TEST_P(Contract, MappingsAreSortedAndHoldThePrograms) {
  const auto program = rig->start();
  const auto mappings = rig->processes().mappings(program->pid());
  ASSERT_TRUE(mappings) << mappings.error().text();
  for (std::size_t i = 1; i < mappings->size(); ++i)
    EXPECT_LE((*mappings)[i - 1].range.end, (*mappings)[i].range.start);
  const Mapping* mapping = mapping_at(*mappings, program->range().start);
  ASSERT_NE(mapping, nullptr);
  EXPECT_LE(program->range().end, mapping->range.end);
  EXPECT_TRUE(mapping->readable && mapping->writable);
  EXPECT_EQ(mapping->backing, Backing::kAnonymous);
  EXPECT_FALSE(mapping->mlocked);
  EXPECT_FALSE(mapping->own_policy);
}

TEST_P(Contract, LockedAndBoundMappingsAreMarked) {
  for (const bool locked : {true, false}) {
    const auto program = rig->start({.mlocked = locked, .own_policy = !locked});
    const auto mappings = rig->processes().mappings(program->pid());
    ASSERT_TRUE(mappings);
    const Mapping* mapping = mapping_at(*mappings, program->range().start);
    ASSERT_NE(mapping, nullptr);
    EXPECT_EQ(mapping->mlocked, locked);
    EXPECT_EQ(mapping->own_policy, !locked);
  }
}

TEST_P(Contract, TheMappingsVersionChangesWithTheMappings) {
  const auto program = rig->start();
  const std::uint64_t before = rig->processes().mappings_version(program->pid());
  EXPECT_NE(before, 0u);
  EXPECT_EQ(rig->processes().mappings_version(program->pid()), before);
  program->grow();
  EXPECT_NE(rig->processes().mappings_version(program->pid()), before);
}

TEST_P(Contract, ACgroupListsItsProcesses) {
  const auto program = rig->start();
  const auto target = rig->processes().describe(program->pid());
  ASSERT_TRUE(target);
  const auto members = rig->processes().in_cgroup(target->cgroup);
  if (!members && GetParam().make != &fake_rig)
    GTEST_SKIP() << "no cgroup filesystem is mounted here: " << members.error().text();
  ASSERT_TRUE(members) << members.error().text();
  EXPECT_TRUE(std::find(members->begin(), members->end(), program->pid()) != members->end());
  EXPECT_FALSE(rig->processes().in_cgroup("/no/such/cgroup").has_value());
}

TEST_P(Contract, AHandleEndsWithTheProcess) {
  const auto program = rig->start();
  const auto handle = rig->processes().open(program->pid(), start_time(program->pid()));
  ASSERT_TRUE(handle) << handle.error().text();
  EXPECT_TRUE((*handle)->alive());
  EXPECT_TRUE((*handle)->alive());
  program->end();
  EXPECT_FALSE((*handle)->alive());
}

TEST_P(Contract, AHandleEndsWithExec) {
  const auto program = rig->start();
  const std::uint64_t started = start_time(program->pid());
  const auto handle = rig->processes().open(program->pid(), started);
  ASSERT_TRUE(handle);
  program->replace();
  EXPECT_FALSE((*handle)->alive());
  EXPECT_EQ(start_time(program->pid()), started);
  const auto again = rig->processes().open(program->pid(), started);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE((*again)->alive());
}

TEST_P(Contract, AReusedNumberCannotBeOpened) {
  const auto program = rig->start();
  EXPECT_FALSE(rig->processes().open(program->pid(), start_time(program->pid()) + 1).has_value());
}

TEST_P(Contract, ThePageSizeIsAPowerOfTwo) {
  EXPECT_GE(page(), 4096u);
  EXPECT_EQ(page() & (page() - 1), 0u);
}

TEST_P(Contract, LocatesTouchedUntouchedAndUnmappedPages) {
  const auto program = rig->start({.size = 4_MiB, .touched = 2_MiB});
  const AddressRange range = program->range();
  for (const int status : places(*program, {range.start, range.start + (2_MiB).value})) ASSERT_GE(status, 0);
  for (const int status : places(*program, {range.start + (2_MiB).value, range.end}))
    ASSERT_TRUE(status == -ENOENT || status == -EFAULT) << status;
  EXPECT_EQ(places(*program, {page(), 2 * page()}).at(0), -EFAULT);
}

TEST_P(Contract, MovingToWhereItIsSucceedsAndNamesTheNode) {
  const auto program = rig->start({.size = 4_MiB, .touched = 2_MiB});
  const AddressRange used{program->range().start, program->range().start + (2_MiB).value};
  const int node = places(*program, used).at(0);
  const AddressRange few{used.end - 4 * page(), used.end + 4 * page()};
  if (!all_on(*program, {few.start, used.end}, {node})) GTEST_SKIP() << "the pages lie on several nodes";
  const PageCall call = rig->mover().move(program->pid(), pages_of(few), {node});
  EXPECT_EQ(call.value, 0) << call.error_number;
  ASSERT_EQ(call.status.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(call.status[i], node);
  // Linux 6.1 says EFAULT where no page table was ever needed, later kernels ENOENT.
  for (std::size_t i = 4; i < 8; ++i)
    EXPECT_TRUE(call.status[i] == -ENOENT || call.status[i] == -EFAULT) << call.status[i];
}

TEST_P(Contract, ANodeThatDoesNotExistIsRefused) {
  const auto program = rig->start();
  const std::vector<Address> one{program->range().start};
  const PageCall call = rig->mover().move(program->pid(), one, NodeId{60});
  EXPECT_EQ(call.value, -1);
  EXPECT_EQ(call.error_number, ENODEV);
  EXPECT_EQ(call.status, std::vector<int>{kStatusUnknown});
}

TEST_P(Contract, PagesReallyMove) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  const auto program = rig->start();
  for (const NodeId to : {nodes[1], nodes[0], nodes[1]}) {
    const AddressRange half{program->range().start, program->range().start + (2_MiB).value};
    const PageCall call = rig->mover().move(program->pid(), pages_of(half), to);
    EXPECT_EQ(call.value, 0) << call.error_number;
    EXPECT_TRUE(std::all_of(call.status.begin(), call.status.end(), [&](int s) { return s == to.value; }));
    EXPECT_TRUE(all_on(*program, half, to));
  }
}

TEST_P(Contract, OneAddressMovesAWholeHugePageAndASecondIsCalledBusy) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  const auto program = rig->start({.huge = true});
  const AddressRange first{program->range().start, program->range().start + (2_MiB).value};
  const AddressRange second{first.end, first.end + (2_MiB).value};
  const NodeId to = all_on(*program, first, nodes[0]) ? nodes[1] : nodes[0];
  const PageCall head = rig->mover().move(program->pid(), std::vector<Address>{first.start}, to);
  ASSERT_EQ(head.value, 0) << head.error_number;
  if (!all_on(*program, first, to)) GTEST_SKIP() << "the kernel gave no transparent huge page";
  const PageCall all = rig->mover().move(program->pid(), pages_of(second), to);
  EXPECT_TRUE(all_on(*program, second, to)) << all.value << ' ' << all.error_number;
  EXPECT_EQ(std::count(all.status.begin(), all.status.end(), -EBUSY), 1);
  EXPECT_EQ(all.status.at(1), -EBUSY);
}

TEST_P(Contract, TheMigratorMovesBothWaysAndItsAccountsAgreeWithTheKernel) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  for (const bool huge : {false, true}) {
    const auto program = rig->start({.size = 16_MiB, .touched = 15_MiB, .huge = huge});
    class Still final : public Clock {
      Nanoseconds now() const override { return {}; }
    } clock;
    auto executor = std::make_shared<ManualExecutor>();
    Migrator migrator(rig->mover(), rig->locator(), rig->processes(), clock, {.rate = Bytes{0}}, executor);
    std::uint64_t sequence = 0;
    for (const NodeId to : {nodes[1], nodes[0]}) {
      MigrationRequest request;
      request.key = {TargetId{1}, program->range().start};
      request.range = program->range();
      request.pid = program->pid();
      request.start_time = start_time(program->pid());
      request.from = to == nodes[0] ? nodes[1] : nodes[0];
      request.to = to;
      request.promotion = to == nodes[0];
      const auto before = places(*program, program->range());
      migrator.submit({.sequence = ++sequence, .tick = {}, .requests = {request}});
      while (!migrator.idle()) executor->run_once();
      const auto after = places(*program, program->range());
      const MigrationReport report = migrator.take_reports().at(0);
      EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
      EXPECT_TRUE(report.pages.balanced());
      const auto on = [&](const std::vector<int>& s) { return std::count(s.begin(), s.end(), to.value); };
      EXPECT_EQ(report.pages.already_there, static_cast<std::uint64_t>(on(before)));
      EXPECT_EQ(report.pages.moved, static_cast<std::uint64_t>(on(after) - on(before)));
      EXPECT_EQ(report.pages.moved + report.pages.already_there + report.pages.absent,
                report.pages.requested);
    }
  }
}

// move_pages(2) documents statuses of a call that moved a part only; with pinned pages the kernel writes
// none.
TEST_P(Contract, PinnedPagesKeepEveryStatusUnwrittenAndTheOthersMove) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  const auto program = rig->start();
  const AddressRange first{program->range().start, program->range().start + (2_MiB).value};
  const NodeId to = all_on(*program, first, nodes[0]) ? nodes[1] : nodes[0];
  program->pin_some();
  const PageCall call = rig->mover().move(program->pid(), pages_of(first), to);
  EXPECT_EQ(call.value, 8) << call.error_number;
  EXPECT_EQ(std::count(call.status.begin(), call.status.end(), kStatusUnknown), 512);
  const auto after = places(*program, first);
  EXPECT_EQ(std::count(after.begin(), after.end(), to.value), 504);
  for (std::size_t i = 0; i < after.size(); i += 64) EXPECT_NE(after[i], to.value) << i;
}

TEST_P(Contract, TheMigratorCountsPinnedPagesOneByOne) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  const auto program = rig->start({.size = 4_MiB, .touched = 3_MiB});
  program->pin_some();
  const NodeId to = places(*program, program->range()).at(0) == nodes[0].value ? nodes[1] : nodes[0];
  const MigrationReport report = migrate(*program, to, {});
  EXPECT_EQ(report.fate, MoveFate::kPartly) << report.detail;
  EXPECT_EQ(report.pages.failed, (std::map<int, std::uint64_t>{{EBUSY, 12}}));
  EXPECT_EQ(report.pages.absent, 256u);
  EXPECT_EQ(report.pages.moved, 768u - 12);
  EXPECT_TRUE(report.pages.balanced());
}

TEST_P(Contract, MarkedPagesAreHiddenFoundAndShownWhereTheyLie) {
  for (const bool huge : {false, true}) {
    const auto program = rig->start({.size = 6_MiB, .touched = 4_MiB, .huge = huge});
    const auto before = places(*program, program->range());
    if (!program->get_marked()) GTEST_SKIP() << "no page is marked here, or this kernel shows those that are";
    const AddressRange used{program->range().start, program->range().start + (4_MiB).value};
    const std::vector<Address> pages = pages_of(used);
    for (const int status : places(*program, used)) ASSERT_TRUE(status == -ENOENT || status == -EFAULT);
    ASSERT_TRUE(rig->marked().possible());
    const auto found = rig->marked().find(program->pid(), pages_of(program->range()));
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(std::count(found->begin(), found->end(), true), 1024) << "the untouched ones are not";
    const UnmarkCall call = rig->marked().unmark(program->pid(), pages);
    EXPECT_EQ(call.read, pages.size()) << call.error_number;
    const auto after = places(*program, program->range());
    for (std::size_t i = 0; i < after.size(); ++i)
      ASSERT_EQ(after[i] < 0 ? -1 : after[i], before[i] < 0 ? -1 : before[i]) << "moved by its reader";
  }
}

TEST_P(Contract, MarkedMemoryIsMovedByTheMigratorAlone) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  for (const bool huge : {false, true}) {
    const auto program = rig->start({.huge = huge});
    const NodeId to = places(*program, program->range()).at(0) == nodes[0].value ? nodes[1] : nodes[0];
    if (!program->get_marked()) GTEST_SKIP() << "no page is marked here, or this kernel shows those that are";
    EXPECT_EQ(migrate(*program, to, {}).pages.absent, 1024u) << "what a migrator without sight finds";
    const MonotonicClock clock;
    const PageFinder finder(rig->locator(), &rig->marked(), clock);
    const MigrationReport report = migrate(*program, to, {&finder, nullptr, nullptr});
    EXPECT_EQ(report.fate, MoveFate::kMoved) << report.detail;
    EXPECT_EQ(report.pages.moved, 1024u);
    const MarkedTotals totals = finder.totals();
    EXPECT_EQ(totals.visible, 1024u);
    RecordProperty(huge ? "reads_huge" : "reads", std::to_string(totals.read));
    RecordProperty(huge ? "us_huge" : "us", std::to_string(totals.spent.count() / 1000));
  }
}

TEST_P(Contract, StopInTheMiddleOfAMoveTakesLessThanASecond) {
  const auto nodes = roomy_nodes();
  if (nodes.size() < 2)
    GTEST_SKIP() << "needs two NUMA nodes with 64 MiB free each; this machine has " << nodes.size();
  const auto program = rig->start({.size = 64_MiB, .touched = 64_MiB});
  const MonotonicClock clock;
  Migrator migrator(rig->mover(), rig->locator(), rig->processes(), clock, {.rate = Bytes{0}});
  std::uint64_t sequence = 0;
  std::vector<MigrationReport> reports;
  for (const NodeId to : {nodes[1], nodes[0], nodes[1]}) {
    MigrationRequest request;
    request.key = {TargetId{1}, program->range().start};
    request.range = program->range();
    request.pid = program->pid();
    request.start_time = start_time(program->pid());
    request.to = to;
    migrator.submit({.sequence = ++sequence, .tick = {}, .requests = {request}});
    while (sequence < 3 && reports.size() < sequence) {
      for (auto& report : migrator.take_reports()) reports.push_back(report);
      std::this_thread::yield();
    }
  }
  while (migrator.totals().calls.attempts == 0) std::this_thread::yield();
  const Nanoseconds before = clock.now();
  migrator.stop();
  const Nanoseconds took = clock.now() - before;
  EXPECT_LT(took, std::chrono::seconds(1));
  for (auto& report : migrator.take_reports()) reports.push_back(report);
  ASSERT_EQ(reports.size(), 3u);
  for (const auto& report : reports) EXPECT_TRUE(report.pages.balanced());
  const MoveCost cost = migrator.estimate().demotion;
  RecordProperty("stop_us", std::to_string(took.count() / 1000));
  RecordProperty("move_2MiB_us", std::to_string(static_cast<long>(cost.of(2_MiB).value * 1e6)));
}

TEST_P(Contract, AFullNodeIsReportedAndNobodyIsKilled) {
  const auto nodes = rig->topology().nodes().value_or(std::vector<NumaNode>{});
  if (nodes.size() < 2) GTEST_SKIP() << "needs two NUMA nodes; this machine has " << nodes.size();
  const NumaNode &fast = nodes[0], &slow = nodes[1];
  const Bytes wanted{(fast.free.value + (64_MiB).value) & ~((2_MiB).value - 1)};
  if (wanted > 1_GiB || slow.free < wanted)
    GTEST_SKIP() << "needs a first node of less than 1 GiB and as much free on the second";
  const auto program = rig->start({.size = wanted, .touched = wanted});
  class Still final : public Clock {
    Nanoseconds now() const override { return {}; }
  } clock;
  auto executor = std::make_shared<ManualExecutor>();
  Migrator migrator(rig->mover(), rig->locator(), rig->processes(), clock, {.rate = Bytes{0}}, executor);
  MigrationRequest request;
  request.key = {TargetId{1}, program->range().start};
  request.range = program->range();
  request.pid = program->pid();
  request.start_time = start_time(program->pid());
  request.from = slow.id;
  request.to = fast.id;
  request.promotion = true;
  const auto on_fast = [&] {
    const auto status = places(*program, program->range());
    return static_cast<std::uint64_t>(std::count(status.begin(), status.end(), fast.id.value));
  };
  const std::uint64_t before = on_fast();
  migrator.submit({.sequence = 1, .tick = {}, .requests = {request}});
  while (!migrator.idle()) executor->run_once();
  const MigrationReport report = migrator.take_reports().at(0);
  EXPECT_TRUE(report.pages.balanced());
  EXPECT_TRUE(report.pages.failed.contains(ENOMEM)) << report.detail;
  EXPECT_EQ(report.pages.moved, on_fast() - before);
  const auto handle = rig->processes().open(program->pid(), request.start_time);
  ASSERT_TRUE(handle) << "the program was killed";
  EXPECT_TRUE((*handle)->alive());
  EXPECT_FALSE(report.unmovable);
  // The probe wants memory there too: it gets some or says that there is none.
  const auto measured = rig->latency().measure(fast.id);
  EXPECT_TRUE(measured || !measured.error().fix.empty()) << measured.error().text();
  EXPECT_TRUE((*handle)->alive());
}

TEST_P(Contract, NodesAreSortedAndSane) {
  const auto nodes = rig->topology().nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  ASSERT_FALSE(nodes->empty());
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    const NumaNode& node = (*nodes)[i];
    EXPECT_TRUE(i == 0 || (*nodes)[i - 1].id < node.id);
    EXPECT_LE(node.free, node.total);
    EXPECT_TRUE(node.distances.empty() || node.distances.size() == nodes->size());
  }
  EXPECT_TRUE(std::any_of(nodes->begin(), nodes->end(), [](const NumaNode& n) { return n.has_cpus; }));
  EXPECT_TRUE(std::any_of(nodes->begin(), nodes->end(), [](const NumaNode& n) { return n.total.value > 0; }));
}

TEST_P(Contract, TheLatencyOfEveryRoomyNodeIsMeasuredAtABoundedPrice) {
  for (const NodeId node : roomy_nodes()) {
    const auto first = rig->latency().measure(node);
    ASSERT_TRUE(first) << first.error().text();
    EXPECT_GT(first->count(), 0);
    const Nanoseconds before = rig->latency().cost();
    constexpr int kMeasurements = 10;
    for (int i = 0; i < kMeasurements; ++i) ASSERT_TRUE(rig->latency().measure(node));
    const Nanoseconds each = (rig->latency().cost() - before) / kMeasurements;
    EXPECT_GT(each.count(), 0);
    EXPECT_LT(each, std::chrono::milliseconds(50));  // emulated CPUs are a tenth as fast as real ones
    RecordProperty("node" + std::to_string(node.value) + "_ns", std::to_string(first->count()));
    RecordProperty("node" + std::to_string(node.value) + "_cost_us", std::to_string(each.count() / 1000));
  }
  const auto nowhere = rig->latency().measure(NodeId{60});
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("60"), std::string::npos) << nowhere.error().text();
}

// No sensor at all is a machine too (most virtual ones); 0 in its place would be a lie.
TEST_P(Contract, ReadingsAreSaneOrNone) {
  const MachineReadings first = rig->metrics().read();
  EXPECT_FALSE(first.power || first.refaults || first.local_bandwidth || !first.memory_traffic.empty())
      << "rates need two readings";
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const MachineReadings r = rig->metrics().read();
  EXPECT_TRUE(!r.power || (*r.power >= 0 && *r.power < 1e5));
  EXPECT_TRUE(!r.temperature || (*r.temperature >= 0 && *r.temperature <= 150));
  EXPECT_TRUE(!r.refaults || *r.refaults >= 0);
  EXPECT_EQ(r.local_bandwidth.has_value(), r.remote_bandwidth.has_value());
}

TEST_P(Contract, PressureUsageAndRivalsAreSane) {
  const MemoryPressure pressure = rig->pressure().memory_avg10();
  EXPECT_TRUE(!pressure.some || (*pressure.some >= 0 && *pressure.some <= 100));
  EXPECT_TRUE(!pressure.full || (*pressure.full >= 0 && *pressure.full <= 100));
  const SelfUsage usage = rig->self().usage();
  EXPECT_GT(usage.cpu.count(), 0);
  EXPECT_GT(usage.resident.value, 0u);
  const Nanoseconds thread = rig->self().thread_cpu();
  EXPECT_GT(thread.count(), 0);
  EXPECT_GE(rig->self().thread_cpu(), thread);
  for (const Rival& rival : rig->rivals().find()) {
    EXPECT_FALSE(rival.name.empty());
    EXPECT_FALSE(rival.advice.empty()) << rival.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, Contract,
                         testing::Values(Machine{"fake", &fake_rig}, Machine{"linux", &linux_rig},
                                         Machine{"linux_vma", &linux_vma_rig}),
                         [](const auto& machine) { return std::string(machine.param.name); });

}  // namespace
}  // namespace tier
