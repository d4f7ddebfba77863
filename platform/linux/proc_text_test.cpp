#include "platform/linux/proc_text.h"

#include <gtest/gtest.h>

#include <random>

namespace tier {
namespace {

using namespace std::string_view_literals;

constexpr const char* kStat =
    "6886 (cat) R 6728 6728 4933 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 113945 3133440 407 "
    "18446744073709551615 94576774545408\n";
constexpr const char* kMaps =
    "55e0c7a00000-55e0c7a21000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \n"
    "7f1000000000-7f1000100000 r--s 00001000 fe:00 1234                       /usr/lib/a b.so (deleted)\n"
    "7f2000000000-7f2000100000 rw-s 00000000 00:01 77                         /memfd:pool (deleted)\n"
    "7f3000000000-7f3000100000 rw-s 00000000 00:05 9                          /dev/shm/x\n"
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
    "7ffd10000000-7ffd10004000 r--p 00000000 00:00 0                          [vvar]\n"
    "7ffd10004000-7ffd10006000 r--p 00000000 00:00 0                          [vvar_vclock]\n"
    "7ffd10006000-7ffd10008000 r-xp 00000000 00:00 0                          [vdso]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
constexpr const char* kNumaMaps =
    "55e0c7a00000 default heap anon=3 N0=3 kernelpagesize_kB=4\n"
    "7f0000000000 bind:1 anon=512 N1=512\n"
    "7f1000000000 prefer=static:0 file=/usr/lib/x\n"
    "7f2000000000 interleave:0-1 file=/memfd:pool\n"
    "7f3000000000 local\n"
    "7ffd00000000 weighted interleave:0-1 stack\n";
constexpr const char* kSmaps =
    "7f0000000000-7f0000200000 rw-p 00000000 00:00 0 \n"
    "Size:               2048 kB\n"
    "Locked:             2048 kB\n"
    "VmFlags: rd wr mr mw me lo ac sd\n"
    "7f1000000000-7f1000100000 r--s 00001000 fe:00 1234  /usr/lib/a.so\n"
    "VmFlags: rd mr me sd\n";
constexpr const char* kStatus =
    "Name:\tcat\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\nVmPeak:\t    3060 kB\nVmSize:\t    3060 kB\n"
    "VmLck:\t      12 kB\nMems_allowed:\t00000001\nMems_allowed_list:\t0,2-3\n";
constexpr const char* kCgroup = "4:memory:/jobs/a\n3:cpuset:/b\n0::/user.slice\n";
constexpr const char* kMeminfo = "Node 12 MemTotal:        4417752 kB\nNode 12 MemFree:         4203644 kB\n";
constexpr const char* kPressure =
    "some avg10=12.34 avg60=0.00 avg300=0.00 total=0\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n";

TEST(ParseNumber, TakesDigitsAndNothingElse) {
  EXPECT_EQ(parse_number("0"), 0u);
  EXPECT_EQ(parse_number("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "-1", "+1", "0x1", "1e3", "18446744073709551616", "1\n"})
    EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(ParseIdList, RangesAndSingles) {
  EXPECT_EQ(parse_id_list("0-2,5,7-8\n"), (std::vector<int>{0, 1, 2, 5, 7, 8}));
  EXPECT_EQ(parse_id_list("\n"), std::vector<int>{});
  EXPECT_EQ(parse_id_list("65535"), std::vector<int>{65535});
}

TEST(ParseIdList, JunkIsRefused) {
  for (const char* bad : {"a", "1-", "-1", "3-1", "0,", ",0", "0,,1", "0-1-2", "65536", "0-99999999999",
                          "1,0", "0,0", "0-3,2", "99999999999999999999999"})
    EXPECT_FALSE(parse_id_list(bad)) << bad;
}

TEST(ParseStat, PlainAndNamesThatTryToFoolIt) {
  const auto plain = parse_stat(kStat);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->pid, 6886);
  EXPECT_EQ(plain->comm, "cat");
  EXPECT_EQ(plain->state, 'R');
  EXPECT_EQ(plain->start_time, 113945u);
  const auto odd = parse_stat("7 (a) S 1 (b) c\n) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0\n");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->comm, "a) S 1 (b) c\n");
  EXPECT_EQ(odd->start_time, 42u);
  const auto nameless = parse_stat("7 () S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0\n");
  ASSERT_TRUE(nameless);
  EXPECT_EQ(nameless->comm, "");
}

TEST(ParseStat, TruncatedAndHostile) {
  const std::string whole = kStat;
  const std::size_t enough = whole.find(" 3133440");
  for (std::size_t n = 0; n < enough - 6; ++n) EXPECT_FALSE(parse_stat(whole.substr(0, n))) << n;
  EXPECT_FALSE(parse_stat("x (cat) R 1"));
  EXPECT_FALSE(parse_stat(")7 (cat R 1 1"));
  EXPECT_FALSE(parse_stat("99999999999 (c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0"));
  EXPECT_FALSE(parse_stat("7 (c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 -42 0 0"));
}

TEST(ParseStatus, FieldsByTheirWholeName) {
  EXPECT_EQ(status_field(kStatus, "Uid"), "1000\t1001\t1002\t1003");
  EXPECT_EQ(status_field(kStatus, "Mems_allowed_list"), "0,2-3");
  EXPECT_EQ(status_field(kStatus, "Mems_allowed"), "00000001");
  EXPECT_FALSE(status_field(kStatus, "Mems"));
  EXPECT_EQ(status_bytes(kStatus, "VmLck"), Bytes{12 * 1024});
  EXPECT_FALSE(status_bytes(kStatus, "Name"));
  EXPECT_FALSE(status_bytes("VmLck:\t99999999999999999999 kB\n", "VmLck"));
  EXPECT_FALSE(status_bytes("VmLck:\t18446744073709551615 kB\n", "VmLck"));
  EXPECT_FALSE(status_bytes("VmLck:\t12 MB\n", "VmLck"));
}

TEST(ParseCgroup, MemoryControllerOfV1ElseV2) {
  EXPECT_EQ(parse_cgroup(kCgroup), "/jobs/a");
  EXPECT_EQ(parse_cgroup("5:cpu,memory:/x\n0::/y\n"), "/x");
  EXPECT_EQ(parse_cgroup("1:name=systemd:/s\n0::/user.slice/a:b\n"), "/user.slice/a:b");
  EXPECT_FALSE(parse_cgroup("1:cpu:/x\n"));
  // Hybrid: the memory controller has no group of the service's own.
  EXPECT_EQ(parse_cgroup("5:memory:/\n0::/system.slice/x.service\n"), "/system.slice/x.service");
  EXPECT_EQ(parse_cgroup("5:memory:/a\n0::/ab\n"), "/a");
  EXPECT_EQ(parse_cgroups("5:memory:/a\n1:name=systemd:/s\n0::/b\n"), (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(parse_cgroups("5:memory:/a\n0::/a\n"), (std::vector<std::string>{"/a"}));
  EXPECT_TRUE(parse_cgroups("1:cpu:/x\n").empty());
  EXPECT_FALSE(parse_cgroup("0::\n::\n:\n0:memory\n0::relative\n"));
}

TEST(ParseMaps, KindsNamesAndKernelRanges) {
  const auto maps = parse_maps(kMaps);
  ASSERT_TRUE(maps) << maps.error().text();
  ASSERT_EQ(maps->size(), 6u);
  EXPECT_EQ((*maps)[0].name, "[heap]");
  EXPECT_EQ((*maps)[1].name, "");
  EXPECT_EQ((*maps)[1].range, (AddressRange{0x7f0000000000, 0x7f0000200000}));
  EXPECT_TRUE((*maps)[1].writable);
  EXPECT_EQ((*maps)[1].backing, Backing::kAnonymous);
  EXPECT_EQ((*maps)[2].name, "/usr/lib/a b.so (deleted)");
  EXPECT_EQ((*maps)[2].backing, Backing::kFile);
  EXPECT_TRUE((*maps)[2].shared);
  EXPECT_FALSE((*maps)[2].writable);
  EXPECT_EQ((*maps)[3].backing, Backing::kShared);
  EXPECT_EQ((*maps)[4].backing, Backing::kShared);
  EXPECT_EQ((*maps)[5].name, "[stack]");
}

TEST(ParseMaps, ANameMayEndWithBlanks) {
  const auto maps = parse_maps(
      "1000-2000 rw-p 00000000 00:00 0 \n"
      "2000-3000 rw-s 00000000 00:01 7                    /tmp/a\t b\r \n");
  ASSERT_TRUE(maps) << maps.error().text();
  EXPECT_EQ((*maps)[0].name, "");
  EXPECT_EQ((*maps)[1].name, "/tmp/a\t b\r ");
}

TEST(ParseMaps, SharedAndReadOnlyFileMappingsShowAnObject) {
  const auto maps = parse_maps(
      "1000-2000 rw-s 00003000 00:01 2051  /dev/zero (deleted)\n"
      "2000-3000 rw-s 00000000 00:01 7  /SYSV00000000 (deleted)\n"
      "3000-4000 r-xp 00028000 103:0a 4711  /usr/lib/libc.so.6\n"
      "4000-5000 rw-p 001d2000 103:0a 4711  /usr/lib/libc.so.6\n"
      "5000-6000 rw-p 00000000 00:00 0  [heap]\n"
      "6000-7000 rw-s 00000000 00:0f 12  anon_inode:[perf_event]\n"
      "7000-8000 r--s 00000000 zz:0f 12  /somewhere\n");
  ASSERT_TRUE(maps) << maps.error().text();
  ASSERT_EQ(maps->size(), 7u);
  EXPECT_EQ((*maps)[0].object, (MemoryObject{1, 2051}));
  EXPECT_EQ((*maps)[0].offset, 0x3000u);
  EXPECT_EQ((*maps)[1].object, (MemoryObject{1, 7}));
  EXPECT_EQ((*maps)[2].object, (MemoryObject{0x103ULL << 32 | 0x0a, 4711}));
  EXPECT_EQ((*maps)[2].offset, 0x28000u);
  EXPECT_FALSE((*maps)[3].object) << "what is written there is this process's own";
  EXPECT_FALSE((*maps)[4].object);
  EXPECT_FALSE((*maps)[5].object) << "one inode stands for unrelated buffers";
  EXPECT_FALSE((*maps)[6].object) << "a device that cannot be read";
}

TEST(ParseMaps, ALineCutShortIsAnErrorThatShowsIt) {
  for (const char* bad : {"7f00", "7f00-", "7f00-7e00 rw-p 0 00:00 0", "7f00-8f00 rw 0 00:00 0",
                          "7f00-8f00 rw-p x 00:00 0", "7f00-8f00 rw-p 0 0000 0", "7f00-8f00 rw-p 0 00:00",
                          "fffffffffffffffff-1 rw-p 0 00:00 0", "7f00-7f00 rw-p 0 00:00 0"}) {
    const auto maps = parse_maps(bad);
    ASSERT_FALSE(maps) << bad;
    EXPECT_NE(maps.error().message.find(bad), std::string::npos);
  }
  EXPECT_TRUE(parse_maps("")->empty());
  EXPECT_EQ(parse_maps("\x1b[31mred").error().message, "maps: cannot read the line \"\\x1b[31mred\"");
}

TEST(ParseNumaMaps, OwnPoliciesAreWhatTheProgramAskedFor) {
  EXPECT_EQ(parse_own_policies(kNumaMaps),
            (std::vector<Address>{0x7f0000000000, 0x7f1000000000, 0x7f2000000000, 0x7ffd00000000}));
  EXPECT_TRUE(parse_own_policies("zz bind:0\n7f00\n\n \n bind\n").empty());
}

TEST(ParseSmaps, LockedMappings) {
  EXPECT_EQ(parse_mlocked(kSmaps), std::vector<Address>{0x7f0000000000});
  EXPECT_TRUE(parse_mlocked("VmFlags: lo\nlo lo lo\n").empty()) << "flags of no mapping";
}

TEST(ParseMeminfo, KilobytesOfTheNode) {
  EXPECT_EQ(parse_node_meminfo(kMeminfo, "MemTotal"), Bytes{4417752ULL * 1024});
  EXPECT_EQ(parse_node_meminfo(kMeminfo, "MemFree"), Bytes{4203644ULL * 1024});
  EXPECT_FALSE(parse_node_meminfo(kMeminfo, "Mem"));
  EXPECT_FALSE(parse_node_meminfo("Node 0 MemTotal: 18446744073709551615 kB\n", "MemTotal"));
  EXPECT_FALSE(parse_node_meminfo("Node x MemTotal: 5 kB\n", "MemTotal"));
  EXPECT_FALSE(parse_node_meminfo("Node 0 MemTotal: 5", "MemTotal"));
}

TEST(ParsePressure, SomeOfTenSeconds) {
  EXPECT_EQ(parse_pressure(kPressure, "some"), 12.34);
  EXPECT_FALSE(parse_pressure("full avg10=1.00\n", "some"));
  EXPECT_EQ(parse_pressure("some avg10=100.00\n", "some"), 100);
  for (const char* bad :
       {"some avg10=inf avg60=0", "some avg10=1e9", "some avg10=101.00", "some avg10=100.01",
        "some avg10=-1.00", "some avg10=1.2345", "some avg10=", "some", "some avg60=1.00"})
    EXPECT_FALSE(parse_pressure(bad, "some")) << bad;
}

// Every parser gets every format, whole, cut, and with bytes changed: it must come back, and what it accepts
// must be sane.
class HostileText : public testing::TestWithParam<unsigned> {};

TEST_P(HostileText, NoParserFallsOver) {
  std::mt19937 random(GetParam());
  for (const char* seed : {kStat, kMaps, kNumaMaps, kSmaps, kStatus, kCgroup, kMeminfo, kPressure, "0-3,7"}) {
    std::string text = seed;
    for (unsigned change = 1 + random() % 8; change > 0 && !text.empty(); --change) {
      const std::size_t at = random() % text.size();
      switch (random() % 5) {
        case 0:
          text.resize(at);
          break;
        case 1:
          text[at] = static_cast<char>(random());
          break;
        case 2:
          text.insert(at, random() % 40, static_cast<char>("9(-,:\n \0f"[random() % 9]));
          break;
        case 3:
          text.erase(at, random() % 20);
          break;
        default:
          text += text.substr(at);
      }
    }
    (void)parse_stat(text);
    (void)parse_cgroup(text);
    (void)parse_pressure(text, "some");
    (void)parse_node_meminfo(text, "MemTotal");
    (void)status_bytes(text, "VmLck");
    EXPECT_LE(parse_id_list(text).value_or(std::vector<int>{}).size(), 65536u);
    EXPECT_LE(parse_own_policies(text).size(), text.size());
    EXPECT_LE(parse_mlocked(text).size(), text.size());
    for (const Mapping& mapping : parse_maps(text).value_or(std::vector<Mapping>{}))
      EXPECT_LT(mapping.range.start, mapping.range.end);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HostileText, testing::Range(0U, 500U));

TEST(ProcText, NamesOfPrograms) {
  EXPECT_EQ(file_base_name("/usr/bin/redis-server (deleted)"), "redis-server");
  EXPECT_EQ(file_base_name("/memfd:x (deleted)"), "memfd:x");
  EXPECT_EQ(file_base_name(""), "");
  EXPECT_EQ(started_as("/usr/bin/redis-server\0*:6379\0"sv), "redis-server");
  EXPECT_EQ(started_as("/usr/bin/redis-server 127.0.0.1:6379/0"), "redis-server");
  EXPECT_EQ(started_as("postgres: 15/main: checkpointer"), "postgres");
  EXPECT_EQ(started_as("-bash"), "bash");
  EXPECT_EQ(started_as("\0\0"sv), "");
  EXPECT_EQ(started_as("/"), "");
  EXPECT_EQ(started_as(std::string(4096, 'x')).size(), 255U);
}

TEST(ProcText, AProgramIsKnownByWhereItLies) {
  const std::string before = "7 (c) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 42 4096 9 1 ";
  const auto one = parse_stat(before + "4096 8192 140000 0 0\n"),
             other = parse_stat(before + "4096 8192 150000 0 0\n");
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->threads, 3U);
  EXPECT_EQ(one->resident_pages, 9U);
  EXPECT_NE(one->program, 0U);
  EXPECT_NE(one->program, other->program);
  EXPECT_EQ(parse_stat(before + "1 1 0 0 0\n")->program, 0U) << "the reader may not see it";
}

}  // namespace
}  // namespace tier
