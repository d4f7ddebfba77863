// The file-backed readers on trees of their own making.
#include <gtest/gtest.h>

#include <algorithm>

#include "platform/fake/tree.h"
#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/process_table.h"
#include "platform/linux/topology_reader.h"

namespace tier {
namespace {

std::string stat_line(int pid, const std::string& comm, int start_time) {
  return std::to_string(pid) + " (" + comm + ") S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " +
         std::to_string(start_time) + " 0 0\n";
}

TreeDirectory process(int pid, const std::string& locked = "0") {
  return {{"stat", stat_line(pid, "odd (name) 1", 4321)},
          {"status", "Name:\todd\nUid:\t33\t33\t33\t33\nVmSize:\t 100 kB\nVmLck:\t " + locked +
                         " kB\nVmPin:\t 0 kB\nVmData:\t 50 kB\nVmStk:\t 8 kB\nVmExe:\t 4 kB\nVmLib:\t 4 kB\n"
                         "VmPTE:\t 40 kB\nMems_allowed_list:\t0,2\n"},
          {"cgroup", "0::/system.slice/redis.service\n"},
          {"exe", TreeLink{"/usr/bin/redis-server (deleted)"}},
          {"maps", "10000000-10200000 rw-p 00000000 00:00 0 \n20000000-20200000 rw-p 00000000 00:00 0 \n"},
          {"numa_maps", "10000000 bind:0 anon=1\n20000000 default anon=1\n"},
          {"smaps",
           "10000000-10200000 rw-p 00000000 00:00 0\nVmFlags: rd\n20000000-20200000 rw-p 00000000 00:00 "
           "0\nVmFlags: rd lo\n"}};
}

TEST(LinuxProcessTable, DescribesFromATree) {
  const TemporaryTree tree(
      {{"proc", TreeDirectory{{"41", process(41)}, {"self", TreeLink{"41"}}, {"meminfo", ""}}}});
  const LinuxProcessTable table(tree.root());
  EXPECT_EQ(table.list(), (std::vector<Pid>{{41}}));
  const auto target = table.describe({41});
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->name, "redis-server");
  EXPECT_EQ(target->start_time, 4321u);
  EXPECT_EQ(target->uid, 33u);
  EXPECT_EQ(target->cgroup, "/system.slice/redis.service");
  EXPECT_EQ(target->allowed_nodes, (std::vector<NodeId>{{0}, {2}}));
}

std::string zombie(int pid, int threads) {
  return std::to_string(pid) + " (job) Z 1 1 1 0 -1 0 0 0 0 0 700 0 0 0 20 0 " + std::to_string(threads) +
         " 0 4321 0 0 0\n";
}

TEST(LinuxProcessTable, AProcessWithoutItsFirstThreadIsShownByALivingOne) {
  TreeDirectory leader = {{"stat", zombie(41, 2)}, {"maps", ""}, {"status", "Uid:\t0\t0\t0\t0\n"}};
  for (const TreeEntry& entry : process(43)) {
    leader.push_back(entry);
    leader.back().name = "task/43/" + entry.name;
  }
  leader.push_back({"task/41/stat", zombie(41, 2)});
  leader.push_back({"task/42/stat", zombie(42, 2)});
  TemporaryTree tree(
      {{"proc", TreeDirectory{{"41", leader}, {"50", TreeDirectory{{"stat", zombie(50, 1)}}}}}});
  const LinuxProcessTable table(tree.root());
  EXPECT_EQ(table.mappings({41})->size(), 2U);
  const auto target = table.describe({41});
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_EQ(target->pid, Pid{41});
  EXPECT_EQ(target->start_time, 4321U);
  EXPECT_EQ(target->name, "redis-server");
  EXPECT_EQ(target->allowed_nodes, (std::vector<NodeId>{{0}, {2}}));
  EXPECT_EQ(target->user_time, std::chrono::seconds(7)) << "of all threads";
  EXPECT_NE(table.mappings_version({41}), 0U);
  EXPECT_NE(table.describe({50}).error().message.find("has ended"), std::string::npos);
  tree.write("proc/41/stat", stat_line(41, "next", 4321));  // another thread has executed something
  EXPECT_NE(table.describe({41})->name, "redis-server");
}

TEST(LinuxProcessTable, AKernelThreadIsNamedAfterItself) {
  TreeDirectory kernel_thread = {{"stat", stat_line(2, "kthreadd", 1)},
                                 {"status", "Uid:\t0\t0\t0\t0\nMems_allowed_list:\t0\n"}};
  const TemporaryTree tree({{"proc", TreeDirectory{{"2", kernel_thread}}}});
  const LinuxProcessTable table(tree.root());
  EXPECT_EQ(table.describe({2})->name, "kthreadd");
  EXPECT_EQ(table.mappings_version({2}), 0u);
}

TEST(LinuxProcessTable, NonsenseNamesTheFile) {
  TemporaryTree tree({{"proc", TreeDirectory{{"41", process(41)}}}});
  const LinuxProcessTable table(tree.root());
  tree.write("proc/41/stat", std::string("\0\xff\x01", 3));
  EXPECT_NE(table.describe({41}).error().message.find("/proc/41/stat"), std::string::npos);
  tree.write("proc/41/stat", stat_line(41, "x", 1));
  tree.write("proc/41/status", "Uid:\tx\n");
  EXPECT_NE(table.describe({41}).error().message.find("/proc/41/status"), std::string::npos);
  tree.write("proc/41/maps", "10000000-1020");
  EXPECT_NE(table.mappings({41}).error().message.find("process 41"), std::string::npos);
}

TEST(LinuxProcessTable, SmapsIsReadOnlyWhenMemoryIsLocked) {
  TemporaryTree tree({{"proc", TreeDirectory{{"41", process(41)}, {"42", process(42, "2048")}}}});
  const LinuxProcessTable table(tree.root());
  const auto plain = table.mappings({41}), locked = table.mappings({42});
  ASSERT_TRUE(plain && locked);
  EXPECT_TRUE((*plain)[0].own_policy);
  EXPECT_FALSE((*plain)[1].own_policy);
  EXPECT_FALSE((*plain)[1].mlocked);
  EXPECT_FALSE((*locked)[0].mlocked);
  EXPECT_TRUE((*locked)[1].mlocked);
}

TEST(LinuxProcessTable, TheVersionFollowsTheSizes) {
  TemporaryTree tree({{"proc", TreeDirectory{{"41", process(41)}}}});
  const LinuxProcessTable table(tree.root());
  const std::uint64_t before = table.mappings_version({41});
  EXPECT_NE(before, 0u);
  tree.write("proc/41/status", std::get<std::string>(process(41, "4")[1].content));
  EXPECT_NE(table.mappings_version({41}), before);
}

TEST(LinuxProcessTable, CgroupsOfBothVersionsWithDescendants) {
  const TemporaryTree tree(
      {{"proc", TreeDirectory{}},
       {"sys/fs/cgroup", TreeDirectory{{"cgroup.procs", "1\n"},
                                       {"a", TreeDirectory{{"cgroup.procs", "11\n12\n"},
                                                           {"deep/er/cgroup.procs", "13\n"},
                                                           {"deep/cgroup.procs", "x\n-4\n11\n"}}},
                                       {"memory/jobs", TreeDirectory{{"cgroup.procs", "21\n"}}},
                                       {"unified/jobs", TreeDirectory{{"cgroup.procs", "21\n22\n"}}},
                                       {"unified/other", TreeDirectory{{"cgroup.procs", "31\n"}}}}}});
  const LinuxProcessTable table(tree.root());
  EXPECT_EQ(table.in_cgroup("/a"), (std::vector<Pid>{{11}, {12}, {13}}));
  EXPECT_EQ(table.in_cgroup("/jobs"), (std::vector<Pid>{{21}, {22}})) << "in both hierarchies";
  EXPECT_EQ(table.in_cgroup("other"), (std::vector<Pid>{{31}}))
      << "below the root, as the configuration has it";
  EXPECT_EQ(table.in_cgroup("/none").error().kind, ErrorKind::kFailed);
  EXPECT_EQ(table.in_cgroup("/a/../..").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(table.in_cgroup("").error().kind, ErrorKind::kUsage);
}

TEST(LinuxProcessTable, NoProcIsAnErrorWithAFix) {
  const LinuxProcessTable table("/no/such/root");
  ASSERT_FALSE(table.list().has_value());
  EXPECT_FALSE(table.list().error().fix.empty());
}

TreeDirectory node(const std::string& cpus, const std::string& distances, int total_kb) {
  const std::string kb = std::to_string(total_kb);
  return {{"cpulist", cpus + "\n"},
          {"distance", distances + "\n"},
          {"meminfo", "Node 0 MemTotal: " + kb + " kB\nNode 0 MemFree: " + kb + " kB\n"}};
}

TreeDirectory with_hmat(TreeDirectory entries, const std::string& access, const std::string& latency,
                        const std::string& bandwidth) {
  entries.push_back({access + "/initiators/read_latency", latency});
  entries.push_back({access + "/initiators/read_bandwidth", bandwidth});
  return entries;
}

// Xeon Max in flat mode with a hole in the numbering and an empty CXL node: HBM is farther by SLIT, faster by
// bandwidth.
TEST(LinuxTopologyReader, GapsCpuLessAndEmptyNodes) {
  const TemporaryTree tree(
      {{"sys/devices/system/node",
        TreeDirectory{{"online", "0,2,5\n"},
                      {"node0", with_hmat(node("0-55", "10 13 24", 1000), "access0", "110\n", "300000\n")},
                      {"node2", with_hmat(node("", "13 10 24", 500), "access0", "130\n", "800000\n")},
                      {"node5", node("", "24 24 10", 0)}}}});
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  ASSERT_EQ(nodes->size(), 3u);
  EXPECT_EQ((*nodes)[1].id, NodeId{2});
  EXPECT_TRUE((*nodes)[0].has_cpus);
  EXPECT_FALSE((*nodes)[1].has_cpus);
  EXPECT_EQ((*nodes)[0].total, Bytes{1000 * 1024});
  EXPECT_EQ((*nodes)[0].read_latency, Nanoseconds(110));
  EXPECT_EQ((*nodes)[0].latency_source, FactSource::kFirmware);
  EXPECT_EQ((*nodes)[1].read_bandwidth, Bytes{800000ULL * 1000000});
  EXPECT_EQ((*nodes)[1].distances, (std::vector<int>{13, 10, 24}));
  EXPECT_EQ((*nodes)[2].total, Bytes{0});
  EXPECT_FALSE((*nodes)[2].read_latency);
}

TEST(LinuxTopologyReader, TheCpusViewWinsAndZeroMeansUnknown) {
  TreeDirectory first =
      with_hmat(with_hmat(node("0", "10", 10), "access0", "50\n", "900\n"), "access1", "90\n", "0\n");
  const TemporaryTree tree({{"sys/devices/system/node", TreeDirectory{{"online", "0\n"}, {"node0", first}}}});
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  ASSERT_TRUE(nodes);
  EXPECT_EQ((*nodes)[0].read_latency, Nanoseconds(90));
  EXPECT_EQ((*nodes)[0].read_bandwidth, Bytes{900000000});
}

// Facts of the node that hostile text leaves standing: memory, CPUs, distances, latency, bandwidth.
std::string standing_facts(const NumaNode& node) {
  std::string facts;
  if (node.total.value > 0) facts += 'm';
  if (node.has_cpus) facts += 'c';
  if (!node.distances.empty()) facts += 'd';
  if (node.read_latency) facts += 'l';
  if (node.read_bandwidth) facts += 'b';
  return facts;
}

TEST(LinuxTopologyReader, OneBadFactIsUnknownAndTheOthersStand) {
  const struct {
    const char *file, *text, *standing;
  } cases[] = {{"node0/meminfo", "", "cdlb"},
               {"node0/meminfo", "Node 0 MemTotal: 99999999999999999999 kB\nNode 0 MemFree: 1 kB\n", "cdlb"},
               {"node0/meminfo", "Node 0 MemTotal: 10 kB\n", "mcdlb"},
               {"node0/cpulist", "0-4294967296", "mdlb"},
               {"node0/cpulist", "\x1b[31m", "mdlb"},
               {"node0/distance", "10 ten", "mclb"},
               {"node0/distance", "10 99999", "mclb"},
               {"node0/access0/initiators/read_latency", "0", "mcdb"},
               {"node0/access0/initiators/read_latency", "-5", "mcdb"},
               {"node0/access0/initiators/read_latency", "4294967295", "mcdb"},
               {"node0/access0/initiators/read_latency", "110000", "mcdb"},
               {"node0/access0/initiators/read_latency", "ten", "mcdb"},
               {"node0/access0/initiators/read_bandwidth", "4294967295", "mcdl"},
               {"node0/access0/initiators/read_bandwidth", "18446744073709551616", "mcdl"}};
  for (const auto& c : cases) {
    TemporaryTree tree(
        {{"sys/devices/system/node",
          TreeDirectory{{"online", "0\n"},
                        {"node0", with_hmat(node("0", "10", 10), "access0", "110", "61000")}}}});
    const auto whole = LinuxTopologyReader(tree.root()).nodes();
    ASSERT_TRUE(whole);
    EXPECT_TRUE(whole->at(0).doubts.empty());
    EXPECT_EQ(standing_facts(whole->at(0)), "mcdlb");
    tree.write(std::string("sys/devices/system/node/") + c.file, c.text);
    const auto nodes = LinuxTopologyReader(tree.root()).nodes();
    ASSERT_TRUE(nodes) << c.file << ' ' << c.text;
    EXPECT_EQ(standing_facts(nodes->at(0)), c.standing) << c.file << ' ' << c.text;
    ASSERT_EQ(nodes->at(0).doubts.size(), 1u) << c.file << ' ' << c.text;
    EXPECT_NE(nodes->at(0).doubts[0].find(c.file), std::string::npos) << nodes->at(0).doubts[0];
    EXPECT_EQ(nodes->at(0).doubts[0].find('\x1b'), std::string::npos);
  }
}

TEST(LinuxTopologyReader, MissingFilesAreDoubtsAndAListOfNodesThatMakesNoSenseIsRead) {
  TemporaryTree tree(
      {{"sys/devices/system/node", TreeDirectory{{"online", "0-"},
                                                 {"node0", node("0", "10 20", 10)},
                                                 {"node3", TreeDirectory{{"cpulist", "\n"}}}}}});
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ(standing_facts(nodes->at(0)), "mcd");
  EXPECT_EQ(nodes->at(1).id, NodeId{3});
  EXPECT_EQ(nodes->at(1).doubts.size(), 3u) << "meminfo, distance, and the list";
}

TEST(LinuxTopologyReader, InitiatorsAndMemoryOfADevice) {
  TreeDirectory memory = with_hmat(node("", "20 10", 10), "access1", "130", "147500");
  memory.push_back({"access1/initiators/node0", TreeLink{"../../../node0"}});
  const TemporaryTree tree({{"sys/devices/system/node", TreeDirectory{{"online", "0-1\n"},
                                                                      {"has_generic_initiator", "0-1\n"},
                                                                      {"node0", node("0-3", "10 20", 10)},
                                                                      {"node1", memory}}}});
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  ASSERT_TRUE(nodes);
  EXPECT_EQ(nodes->at(0).cpus, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_FALSE(nodes->at(0).of_device) << "CPUs are no device";
  EXPECT_EQ(nodes->at(1).initiators, (std::vector<NodeId>{{0}}));
  EXPECT_EQ(nodes->at(1).bandwidth_source, FactSource::kFirmware);
  EXPECT_TRUE(nodes->at(1).of_device);
}

TEST(LinuxTopologyReader, MemoryIsReadAtEachCallTheRestSometimesOrWhenNodesCome) {
  TemporaryTree tree(
      {{"sys/devices/system/node", TreeDirectory{{"online", "0\n"}, {"node0", node("0", "10", 10)}}}});
  const LinuxTopologyReader reader(tree.root());
  const auto cpus_of = [&](std::size_t at) { return reader.nodes()->at(at).cpus.size(); };
  const auto write = [&](const char* file, const std::string& text) {
    tree.write(std::string("sys/devices/system/node/") + file, text);
  };
  EXPECT_EQ(cpus_of(0), 1u);
  write("node0/cpulist", "0-3\n");
  write("node0/meminfo", "Node 0 MemTotal: 4096 kB\nNode 0 MemFree: 1024 kB\n");
  EXPECT_EQ(reader.nodes()->at(0).free, Bytes{1024 << 10});
  EXPECT_EQ(cpus_of(0), 1u);
  for (int i = 0; i < 16; ++i) (void)reader.nodes();
  EXPECT_EQ(cpus_of(0), 4u);
  write("node0/cpulist", "0-7\n");
  write("node1/cpulist", "\n");
  write("online", "0-1\n");
  EXPECT_EQ(cpus_of(0), 8u) << "a node has come";
}

TEST(LinuxTopologyReader, ARowOfDistancesReadDuringHotplugIsDropped) {
  const TemporaryTree tree(
      {{"sys/devices/system/node", TreeDirectory{{"online", "0\n"}, {"node0", node("0", "10 20", 10)}}}});
  EXPECT_TRUE(LinuxTopologyReader(tree.root()).nodes()->at(0).distances.empty());
}

TEST(LinuxTopologyReader, AKernelWithoutNumaIsUnsupported) {
  const TemporaryTree tree({{"sys", TreeDirectory{}}});
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  ASSERT_FALSE(nodes);
  EXPECT_EQ(nodes.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(nodes.error().fix.empty());
}

TEST(LinuxPressureReader, ReadsOrSaysNothing) {
  TemporaryTree tree(
      TreeDirectory{{"proc/pressure/memory",
                     "some avg10=3.50 avg60=0 avg300=0 total=1\nfull avg10=1.25 avg60=0 total=1\n"}});
  const LinuxPressureReader reader(tree.root());
  EXPECT_EQ(reader.memory_avg10().some, 3.5);
  EXPECT_EQ(reader.memory_avg10().full, 1.25);
  tree.write("proc/pressure/memory", "some avg10=nan total=1\nfull avg10=2.00 total=1\n");
  EXPECT_FALSE(reader.memory_avg10().some);
  EXPECT_EQ(reader.memory_avg10().full, 2);
  const LinuxPressureReader nowhere("/no/such/root");
  EXPECT_FALSE(nowhere.memory_avg10().some || nowhere.memory_avg10().full);
}

std::vector<std::string> rivals_in(const TemporaryTree& tree) {
  std::vector<std::string> names;
  for (const Rival& rival : LinuxRivalFinder(tree.root()).find()) {
    EXPECT_FALSE(rival.advice.empty());
    names.push_back(rival.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(LinuxRivalFinder, AQuietMachineHasNone) {
  const TemporaryTree tree(
      {{"proc",
        TreeDirectory{{"sys/kernel/numa_balancing", "0\n"}, {"5/comm", "bash\n"}, {"6/comm", "kdamond.0\n"}}},
       {"sys/kernel/mm/numa/demotion_enabled", "false\n"},
       {"sys/kernel/mm/damon/admin/kdamonds/0",
        TreeDirectory{{"state", "on\n"}, {"contexts/0/schemes/0/action", "stat\n"}}},
       {"sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds", "1\n"}});
  EXPECT_TRUE(rivals_in(tree).empty()) << "a DAMON that only watches is no rival";
}

TEST(LinuxRivalFinder, NamesEveryoneWhoMovesPages) {
  const TemporaryTree tree(
      {{"proc", TreeDirectory{{"sys/kernel/numa_balancing", "2\n"},
                              {"5/comm", "numad\n"},
                              {"6/comm", "memtierd\n"},
                              {"7/comm", "tierd\n"}}},
       {"sys/kernel/mm/numa/demotion_enabled", "true\n"},
       {"sys/module/damon_reclaim/parameters/enabled", "Y\n"},
       {"sys/kernel/mm/damon/admin/kdamonds",
        TreeDirectory{
            {"0", TreeDirectory{{"state", "on\n"},
                                {"contexts/0/schemes/0/action", "migrate_hot\n"},
                                {"contexts/0/schemes/1/action", "migrate_cold\n"}}},
            {"1", TreeDirectory{{"state", "off\n"}, {"contexts/0/schemes/0/action", "pageout\n"}}}}}});
  EXPECT_EQ(rivals_in(tree), (std::vector<std::string>{
                                 "DAMON (kdamond 0: migrate_cold, migrate_hot)",
                                 "damon_reclaim kernel module", "kernel NUMA balancing (tiering mode)",
                                 "kernel demotion", "memtierd (pid 6)", "numad (pid 5)", "tierd (pid 7)"}));
}

TEST(ReadFile, AnEndlessFileIsAnErrorNotAFullMemory) {
  const auto text = read_file("/dev/zero", 1 << 20);
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("/dev/zero"), std::string::npos);
  EXPECT_EQ(read_file("/no/such/file").error().kind, ErrorKind::kFailed);
}

TEST(MonotonicClock, GoesForward) {
  const MonotonicClock clock;
  const Nanoseconds first = clock.now();
  EXPECT_GE(clock.now(), first);
  EXPECT_GT(first.count(), 0);
}

}  // namespace
}  // namespace tier
