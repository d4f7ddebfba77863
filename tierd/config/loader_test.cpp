#include "tierd/config/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

namespace tier {
namespace {

namespace fs = std::filesystem;

Result<LoadedConfig> check_text(const std::string& text) {
  return check_config({TIER_TRY(parse_config_text(text, "t.toml"))});
}

std::string error_of(const std::string& text) {
  const auto loaded = check_text(text);
  return loaded ? "accepted" : loaded.error().text();
}

TEST(ConfigCheck, EmptyTextGivesDefaultsInObserveMode) {
  const auto loaded = check_text("");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.mode, Mode::kObserve);
  EXPECT_EQ(loaded->config.interval, Nanoseconds{250'000'000});
  EXPECT_EQ(loaded->config.region_size, 2_MiB);
  ASSERT_EQ(loaded->warnings.size(), 1u);
  EXPECT_NE(loaded->warnings[0].find("[targets] names nothing: every process of 64 MiB or more is watched"),
            std::string::npos);
}

TEST(ConfigCheck, ReadsEverySection) {
  const auto loaded = check_text(R"(
mode = "act"
interval = "500ms"
[targets]
pids = [12]
cgroups = ["system.slice/a.service"]
executables = ["redis-server"]
exclude = ["sshd"]
[sampling]
source = "damon"
cpu_budget = "0.5%"
[tiers]
latencies = { 0 = "90ns", 2 = "250ns" }
exclude_nodes = [3]
order = ["2,8-9", "0"]
bandwidths = { 2 = "60GB/s" }
[policy]
fast_limits = { "system.slice/a.service" = 0.25 }
horizon = "4s"
[migration]
rate = "100MB/s"
[prefetch]
arm = ["readahead", "advice"]
interval = "100ms"
lease = "1s"
transitions_per_minute = 60
devices = ["nvme0n1", "cciss!c0d0"]
advice_rate = "1MiB/s"
pcm = "[::1]:9738"
registers = "/etc/tierd/registers.toml"
journal = "/run/other/journal"
[control]
socket = "/tmp/x"
group = "wheel"
[log]
level = "debug"
)");
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Config& config = loaded->config;
  EXPECT_EQ(config.mode, Mode::kAct);
  EXPECT_EQ(config.targets.pids, std::vector<std::int64_t>{12});
  EXPECT_EQ(config.sampling.source, SourceChoice::kDamon);
  EXPECT_DOUBLE_EQ(config.sampling.cpu_budget, 0.005);
  EXPECT_EQ(config.tiers.latencies.at(2), Nanoseconds{250});
  EXPECT_EQ(config.tiers.bandwidths.at(2), Bytes{60'000'000'000});
  EXPECT_EQ(config.tiers.order, (std::vector<std::vector<int>>{{2, 8, 9}, {0}}));
  EXPECT_DOUBLE_EQ(config.policy.fast_limits.at("/system.slice/a.service"), 0.25);
  EXPECT_EQ(config.policy.horizon, std::chrono::seconds(4));
  EXPECT_EQ(config.migration.rate_per_second, Bytes{100'000'000});
  const PrefetchConfig prefetch{.arm = {"readahead", "advice"},
                                .interval = Nanoseconds{100'000'000},
                                .lease = Nanoseconds{1'000'000'000},
                                .transitions_per_minute = 60,
                                .devices = {"nvme0n1", "cciss!c0d0"},
                                .advice_rate_per_second = 1_MiB,
                                .pcm = "[::1]:9738",
                                .registers = "/etc/tierd/registers.toml",
                                .journal = "/run/other/journal"};
  EXPECT_EQ(config.prefetch, prefetch);
  EXPECT_EQ(config.control.group, "wheel");
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(ConfigCheck, UnknownKeyNamesFileLineKeyAndNearest) {
  EXPECT_EQ(error_of("\n[sampling]\ncpu_budgt = 0.01\n"),
            "t.toml:3: unknown key \"sampling.cpu_budgt\" (fix: did you mean \"sampling.cpu_budget\"?)");
  EXPECT_EQ(error_of("forecaster = \"last-value\""),
            "t.toml:1: unknown key \"forecaster\" (fix: did you mean \"policy.forecaster\"?)");
  EXPECT_EQ(error_of("[polcy]\n"), "t.toml:1: unknown section [polcy] (fix: did you mean [policy]?)");
  EXPECT_EQ(error_of("policy = 3"),
            "t.toml:1: unknown key \"policy\" (fix: write it as a section: [policy])");
  EXPECT_EQ(error_of("zebra = 3"),
            "t.toml:1: unknown key \"zebra\" (fix: remove it; `tierctl config show` lists every key)");
}

TEST(ConfigCheck, RefusesBadValuesWithTheFix) {
  struct Case {
    const char *text, *expected;
  };
  for (const Case& c : {
           Case{"mode = \"acts\"",
                "t.toml:1: mode: \"acts\" is not one of observe, act (fix: did you mean \"act\"?)"},
           Case{"interval = 1",
                "t.toml:1: interval: must be text in double quotes (fix: write it like \"250ms\")"},
           Case{"interval = \"1\"", "t.toml:1: interval: \"1\" has no unit (fix: write it like \"500ms\")"},
           Case{"interval = \"1ns\"",
                "t.toml:1: interval: 1ns is out of range (fix: choose a value from 10ms to 1min)"},
           Case{"region_size = \"3MiB\"",
                "t.toml:1: region_size: 3MiB is not a power of two (fix: choose 1MiB, 2MiB, 4MiB, …)"},
           Case{"[targets]\npids = [0]",
                "t.toml:2: targets.pids: 0 is out of range (fix: choose a value from 1 to 4194304)"},
           Case{"[targets]\nexecutables = [\"/usr/bin/x\"]",
                "t.toml:2: targets.executables: \"/usr/bin/x\" is not an executable's base name (fix: leave "
                "the folders "
                "away, like \"redis-server\")"},
           Case{"[targets]\ncgroups = [\"a/../b\"]",
                "t.toml:2: targets.cgroups: \"a/../b\" is not a path below the cgroup root: \"..\" is not a "
                "cgroup (fix: write it like \"system.slice/redis.service\")"},
           Case{"[targets]\ncgroups = [\"a\\u001bb\"]",
                "t.toml:2: targets.cgroups: \"a\\x1bb\" is not a path below the cgroup root: it has control "
                "characters (fix: write it like \"system.slice/redis.service\")"},
           Case{"[targets]\ncgroups = [\"/sys/fs/cgroup/a\"]",
                "t.toml:2: targets.cgroups: \"/sys/fs/cgroup/a\" is where cgroups are mounted, not a path "
                "below "
                "their root (fix: leave /sys/fs/cgroup away, like \"system.slice/redis.service\")"},
           Case{"[targets]\nlimit = 0",
                "t.toml:2: targets.limit: 0 is out of range (fix: choose a value from 1 to 16384)"},
           Case{"[sampling]\ncpu_budget = nan",
                "t.toml:2: sampling.cpu_budget: nan is out of range (fix: choose a value from 0.0001 to "
                "1.0)"},
           Case{"[sampling]\ncpu_budget = 0.5",
                "t.toml:2: sampling.cpu_budget: 0.5 is more than sampling.max_cpu (0.03) (fix: raise max_cpu "
                "or lower "
                "cpu_budget)"},
           Case{"[policy.fast_limits]\n\"a.slice\" = 1.5",
                "t.toml:2: policy.fast_limits.a.slice: 1.5 is out of range (fix: choose a value from 0.0 to "
                "1.0)"},
           Case{"[tiers.latencies]\nfast = \"90ns\"",
                "t.toml:2: tiers.latencies.fast: \"fast\" is not a node number (fix: write it like `0 = "
                "\"90ns\"`, nodes "
                "as `tierctl nodes` prints them)"},
           Case{"[tiers.bandwidths]\n0 = \"60GB\"",
                "t.toml:2: tiers.bandwidths.0: \"60GB\" is not a rate (fix: write it like \"200MiB/s\")"},
           Case{"[tiers.bandwidths]\n0 = \"0B/s\"",
                "t.toml:2: tiers.bandwidths.0: 0B/s is out of range (fix: choose a value from 100MiB/s to "
                "16TiB/s)"},
           Case{"[tiers]\norder = [\"8-15\", \"0-8\"]",
                "t.toml:2: tiers.order: node 8 is named twice (fix: name each node in one tier)"},
           Case{"[tiers]\norder = [\"fast\"]",
                "t.toml:2: tiers.order: \"fast\" is not a list of node numbers from 0 to 1023 (fix: write it "
                "like \"8-15\" or \"0,2\", nodes as `tierctl nodes` prints them)"},
           Case{"[tiers]\norder = [1, 0]",
                "t.toml:2: tiers.order: must be a list of texts, one for each tier (fix: write it like "
                "[\"8-15\", \"0-7\"], fastest first)"},
           Case{"[policy]\nhorizon = \"5s\"",
                "t.toml:2: policy.horizon: 5s is no horizon of the policy (fix: choose one of 1s, 4s, 16s)"},
           Case{"[policy]\nforecaster = \"last-valu\"",
                "t.toml:2: policy.forecaster: \"last-valu\" is not one of last-value, exponential-average, "
                "frequency-decay, switch, learned (fix: did you mean \"last-value\"?)"},
           Case{"[migration]\nrate = \"200MiB\"",
                "t.toml:2: migration.rate: \"200MiB\" is not a rate (fix: write it like \"200MiB/s\")"},
           Case{"[migration]\nbatch = 1.5",
                "t.toml:2: migration.batch: must be a whole number (fix: write it without quotes, like 4)"},
           Case{"[control]\nsocket = \"tierd.sock\"",
                "t.toml:2: control.socket: \"tierd.sock\" is not an absolute path of at most 107 bytes (fix: "
                "write it "
                "like \"/run/tierd/io.tierd.Control\")"},
           Case{"[control]\ngroup = \"a b\"",
                "t.toml:2: control.group: \"a b\" is not a group name (fix: write it like \"tierd\")"},
       }) {
    EXPECT_EQ(error_of(c.text), c.expected);
  }
}

TEST(ConfigCheck, ANodeNumberIsAllThatFollowsItsTable) {
  EXPECT_EQ(error_of("[tiers.latencies.other]\n2 = \"90ns\""),
            "t.toml:2: tiers.latencies.other.2: \"other.2\" is not a node number (fix: write it like `0 = "
            "\"90ns\"`, nodes as `tierctl nodes` prints them)");
  EXPECT_NE(error_of("[tiers.bandwidths]\n\"0.2\" = \"60GB/s\"").find("\"0.2\" is not a node number"),
            std::string::npos);
}

TEST(ConfigCheck, RefusesBadPrefetchValuesWithTheFix) {
  struct Case {
    const char *text, *expected;
  };
  for (const Case& c : {
           Case{"arm = \"hardware\"", "arm: must be a list of texts (fix: write it like [\"hardware\"])"},
           Case{"arm = [\"readahed\"]",
                "arm: \"readahed\" is not one of hardware, readahead, page-cluster, advice (fix: did you "
                "mean \"readahead\"?)"},
           Case{"arm = [\"all\"]",
                "arm: \"all\" is not one of hardware, readahead, page-cluster, advice (fix: choose one of "
                "them)"},
           Case{"interval = \"99ms\"",
                "interval: 99ms is out of range (fix: choose a value from 100ms to 1min)"},
           Case{"lease = \"11min\"", "lease: 11min is out of range (fix: choose a value from 1s to 10min)"},
           Case{"lease = \"1500ms\"",
                "lease: 1500ms is less than two of prefetch.interval (1s), so a late decision would put "
                "everything back (fix: raise lease or lower interval)"},
           Case{"transitions_per_minute = 61",
                "transitions_per_minute: 61 is out of range (fix: choose a value from 1 to 60)"},
           Case{"advice_rate = \"64MiB\"",
                "advice_rate: \"64MiB\" is not a rate (fix: write it like \"200MiB/s\")"},
           Case{"registers = \"registers.toml\"",
                "registers: \"registers.toml\" is not an absolute path (fix: start it with a slash, or "
                "leave it empty)"},
           Case{"journal = \"\"", "journal: \"\" is not an absolute path (fix: start it with a slash)"},
       }) {
    EXPECT_EQ(error_of(std::string("[prefetch]\n") + c.text),
              std::string("t.toml:2: prefetch.") + c.expected);
  }
}

TEST(ConfigCheck, ALateIntervalIsNamedToo) {
  EXPECT_EQ(
      error_of("[prefetch]\ninterval = \"6s\""),
      "default: prefetch.lease: 10s is less than two of prefetch.interval (6s), so a late decision would "
      "put everything back (fix: raise lease or lower interval)");
  EXPECT_EQ(error_of("[prefetch]\ninterval = \"5s\""), "accepted");
}

TEST(ConfigCheck, DevicesAreNamesAndServersHavePorts) {
  for (const char* name : {"", "/dev/sda", "..", "a b", "a-name-that-is-longer-than-the-kernel-has"})
    EXPECT_NE(error_of(std::string("[prefetch]\ndevices = [\"") + name + "\"]").find("is not a block device"),
              std::string::npos)
        << name;
  for (const char* server : {"", "localhost:9738", "10.0.0.1:1", "[fe80::1]:65535"})
    EXPECT_EQ(error_of(std::string("[prefetch]\npcm = \"") + server + "\""), "accepted") << server;
  for (const char* server : {"localhost", ":9738", "localhost:", "localhost:0", "localhost:65536",
                             "localhost:-1", "localhost:9738x", "http://localhost:9738", "::1:9738", "a b:1"})
    EXPECT_EQ(error_of(std::string("[prefetch]\npcm = \"") + server + "\""),
              std::string("t.toml:2: prefetch.pcm: \"") + server +
                  "\" is not HOST:PORT (fix: write it like \"localhost:9738\", or leave it empty)");
}

TEST(ConfigCheck, ReportsAllProblemsAtOnce) {
  const std::string text = error_of("mode = \"x\"\n[log]\nlevl = \"info\"\n");
  EXPECT_NE(text.find("t.toml:1: mode"), std::string::npos) << text;
  EXPECT_NE(text.find("t.toml:3: unknown key \"log.levl\""), std::string::npos) << text;
}

class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("tierd-config-" + std::to_string(std::random_device{}()));
    fs::remove_all(root_);
    directories_ = {root_ / "vendor", root_ / "run", root_ / "etc"};
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  fs::path root_;
  ConfigDirectories directories_;
};

TEST_F(ConfigFiles, NoFileAtAllIsTheDefault) {
  const auto loaded = load_config(directories_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->files.empty());
}

TEST_F(ConfigFiles, LaterFilesWinKeyByKeyAndDropInsHaveOneOrder) {
  write(directories_.vendor / "tierd.toml", "interval = \"2s\"\nmode = \"observe\"\n");
  write(directories_.admin / "tierd.toml", "mode = \"act\"\n");
  write(directories_.vendor / "tierd.toml.d/50-b.toml", "[log]\nlevel = \"debug\"\n");
  write(directories_.admin / "tierd.toml.d/10-a.toml", "[log]\nlevel = \"error\"\n[policy]\nmargin = 2.0\n");
  write(directories_.run / "tierd.toml.d/60-c.toml", "[policy]\nmargin = 3.0\n");
  write(directories_.admin / "tierd.toml.d/readme.txt", "not read");
  const auto loaded = load_config(directories_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->config.interval, Nanoseconds{2'000'000'000});
  EXPECT_EQ(loaded->config.mode, Mode::kAct);
  EXPECT_EQ(loaded->config.log.level, LogLevel::kDebug);  // 50-b after 10-a, though 10-a is the admin's
  EXPECT_DOUBLE_EQ(loaded->config.policy.margin, 3.0);
  ASSERT_EQ(loaded->files.size(), 5u);
  EXPECT_EQ(loaded->origins.at("mode").text(), (directories_.admin / "tierd.toml").string() + ":1");
}

TEST_F(ConfigFiles, SameNameInEtcReplacesAndDevNullMasks) {
  write(directories_.vendor / "tierd.toml.d/10-a.toml", "[policy]\nmargin = 5.0\n");
  write(directories_.admin / "tierd.toml.d/10-a.toml", "[log]\nlevel = \"debug\"\n");
  write(directories_.vendor / "tierd.toml.d/20-b.toml", "mode = \"act\"\n");
  fs::create_symlink("/dev/null", directories_.admin / "tierd.toml.d/20-b.toml");
  const auto loaded = load_config(directories_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_DOUBLE_EQ(loaded->config.policy.margin, 1.0);
  EXPECT_EQ(loaded->config.log.level, LogLevel::kDebug);
  EXPECT_EQ(loaded->config.mode, Mode::kObserve);
  EXPECT_EQ(loaded->files.size(), 1u);
}

TEST_F(ConfigFiles, DevNullInEtcMasksTheVendorFile) {
  write(directories_.vendor / "tierd.toml", "mode = \"act\"\n");
  fs::create_directories(directories_.admin);
  fs::create_symlink("/dev/null", directories_.admin / "tierd.toml");
  const auto loaded = load_config(directories_);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->config.mode, Mode::kObserve);
}

TEST_F(ConfigFiles, OneBadDropInRefusesTheWhole) {
  write(directories_.admin / "tierd.toml", "mode = \"act\"\n");
  const auto bad = write(directories_.admin / "tierd.toml.d/10-a.toml", "intervall = \"1s\"\n");
  const auto loaded = load_config(directories_);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().text(),
            bad.string() + ":1: unknown key \"intervall\" (fix: did you mean \"interval\"?)");
}

TEST_F(ConfigFiles, ANamedFileStandsAloneAndMustExist) {
  write(directories_.admin / "tierd.toml", "mode = \"act\"\n");
  const auto file = write(root_ / "my.toml", "interval = \"3s\"\n");
  const auto loaded = load_config_file(file);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.mode, Mode::kObserve);
  EXPECT_EQ(loaded->config.interval, Nanoseconds{3'000'000'000});

  const auto missing = load_config_file(root_ / "none.toml");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("no such file"), std::string::npos);
  const auto folder = load_config_file(root_);
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("a folder, not a file"), std::string::npos);
}

// None of these passes by itself, so the unit is not to try again (exit code 2, not 1 nor 4).
TEST_F(ConfigFiles, LinksThatLeadNowhereAreToldAndNotPassedOver) {
  const auto expect = [&](const Result<LoadedConfig>& loaded, const std::string& words) {
    ASSERT_FALSE(loaded) << words;
    EXPECT_EQ(loaded.error().kind, ErrorKind::kUsage) << loaded.error().text();
    EXPECT_NE(loaded.error().message.find(words), std::string::npos) << loaded.error().text();
  };
  fs::create_directories(directories_.admin);
  fs::create_symlink("tierd.toml.d", directories_.admin / "tierd.toml.d");
  expect(load_config(directories_), "a loop of symbolic links");
  fs::remove(directories_.admin / "tierd.toml.d");
  fs::create_symlink("tierd.toml", directories_.admin / "tierd.toml");
  expect(load_config(directories_), "a loop of symbolic links");
  fs::remove(directories_.admin / "tierd.toml");
  fs::create_symlink("/nowhere/tierd.toml", directories_.admin / "tierd.toml");
  expect(load_config(directories_), "a link to a file that does not exist");
  expect(load_config_file(root_ / "none.toml"), "no such file");
  fs::create_symlink("loop.toml", root_ / "loop.toml");
  expect(load_config_file(root_ / "loop.toml"), "a loop of symbolic links");
  expect(load_config_file("/dev/zero"), "a device, not a file");
}

TEST_F(ConfigFiles, TenProblemsAreToldAndTheOthersCounted) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "unknown_" + std::to_string(i) + " = 1\n";
  const auto loaded = load_config_file(write(root_ / "many.toml", text));
  ASSERT_FALSE(loaded);
  const std::string told = loaded.error().text();
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 10) << told;
  EXPECT_TRUE(told.ends_with("and 4990 more problems")) << told;
}

// One just above each bound: none of it reaches the TOML library.
TEST_F(ConfigFiles, TextBeyondTheBoundsIsRefusedBeforeItIsParsed) {
  const auto expect = [&](const std::string& text, const std::string& words) {
    const auto loaded = load_config_file(write(root_ / "t.toml", text));
    ASSERT_FALSE(loaded) << words;
    EXPECT_EQ(loaded.error().kind, ErrorKind::kUsage);
    EXPECT_NE(loaded.error().message.find(words), std::string::npos) << loaded.error().text();
  };
  expect("a.b.c.d.e.f.g.h.i = 1\n", "more than 8 parts in one dotted key");
  expect("[a.b.c.d.e.f.g.h.i]\n", "more than 8 parts in one dotted key");
  expect("a = " + std::string(17, '[') + std::string(17, ']'), "more than 16 brackets within each other");
  std::string many;
  for (int i = 0; i < 16'385; ++i) many += "k" + std::to_string(i) + "=1\n";
  expect(many, "more than 16384 settings and list elements");
}

TEST_F(ConfigFiles, HugeKeysAndWordsAreCutInTheMessage) {
  const std::string huge(900'000, 'k');
  const auto key = load_config_file(write(root_ / "key.toml", huge + " = 1\n"));
  ASSERT_FALSE(key);
  EXPECT_LT(key.error().text().size(), 400U);
  const auto word = load_config_file(write(root_ / "word.toml", "mode = \"" + huge + "\"\n"));
  ASSERT_FALSE(word);
  EXPECT_LT(word.error().text().size(), 1'000U);
}

TEST_F(ConfigFiles, NumbersOfHundredsOfDigitsAreNotRepeated) {
  const std::string number(310, '9');
  for (const std::string& text : std::vector<std::string>{
           "mode = \"" + number + "\"\n", "interval = \"" + number + "s\"\n", "interval = " + number + "\n",
           "[policy]\nmargin = " + number + "\n", "[policy]\nmargin = 1e" + number + "\n",
           "[sampling]\ncpu_budget = \"" + number + "%\"\n", "[policy]\nmargin = 1.7e308\n",
           "[daemon]\ncpu_limit = -" + number + ".5\n", number + " = 1\n", "[" + number + "]\nx = 1\n"}) {
    const auto loaded = load_config_file(write(root_ / "digits.toml", text));
    ASSERT_FALSE(loaded) << text;
    EXPECT_EQ(loaded.error().text().find(std::string(81, '9')), std::string::npos) << loaded.error().text();
    EXPECT_LT(loaded.error().text().size(), 600U) << loaded.error().text();
  }
}

TEST_F(ConfigFiles, ForeignTextInMessagesIsOneLine) {
  const std::string key = "\"new\\nline\\u001b[2J\\u202e\"";
  const auto loaded = load_config_file(write(root_ / "es\x1b[2Jc\n.toml", key + " = 1\n[\"\\u001b\"]\n"));
  ASSERT_FALSE(loaded);
  const std::string told = loaded.error().text();
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << "two problems: " << told;
  EXPECT_EQ(told.find('\x1b'), std::string::npos) << told;
  EXPECT_EQ(told.find("\u202e"), std::string::npos) << told;
  const auto good = load_config_file(write(root_ / "es\x1b[2Jc\n.toml", "mode = \"act\"\n"));
  ASSERT_TRUE(good);
  EXPECT_EQ(show_config(*good).find('\x1b'), std::string::npos);
  EXPECT_TRUE(check_text(show_config(*good))) << "still TOML";
}

TEST_F(ConfigFiles, AFileThatOthersMayWriteIsToldAndReadAllTheSame) {
  const auto file = write(directories_.admin / "tierd.toml", "mode = \"act\"\n");
  fs::permissions(file, fs::perms(0644));
  EXPECT_TRUE(load_config(directories_)->exposed.empty());
  fs::permissions(file, fs::perms(0646));
  const auto loaded = load_config(directories_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.mode, Mode::kAct);
  ASSERT_EQ(loaded->exposed.size(), 1U);
  EXPECT_NE(loaded->exposed[0].find("everybody may write " + file.string()), std::string::npos);
  EXPECT_NE(std::find(loaded->warnings.begin(), loaded->warnings.end(), loaded->exposed[0]),
            loaded->warnings.end());
}

TEST_F(ConfigFiles, HugeFileIsRefused) {
  const auto file = write(root_ / "huge.toml", std::string(2 << 20, '#'));
  const auto loaded = load_config_file(file);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("larger than 1 MiB"), std::string::npos);
}

TEST_F(ConfigFiles, ShownConfigurationParsesBackToItself) {
  const auto file = write(
      root_ / "my.toml",
      "mode = \"act\"\n[targets]\nexecutables = [\"a \\\"b\\\"\"]\n[tiers]\nlatencies = { 1 = \"90ns\" }\n"
      "[sampling]\ncpu_budget = 0.02\n");
  const auto loaded = load_config_file(file);
  ASSERT_TRUE(loaded) << loaded.error().text();
  const std::string shown = show_config(*loaded);
  EXPECT_NE(shown.find("mode = \"act\"  # " + file.string() + ":1"), std::string::npos) << shown;
  EXPECT_NE(shown.find("interval = \"1s\"  # default"), std::string::npos) << shown;
  const auto again = check_text(shown);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->config.targets.executables, std::vector<std::string>{"a \"b\""});
  EXPECT_EQ(again->config.tiers.latencies.at(1), Nanoseconds{90});
  EXPECT_DOUBLE_EQ(again->config.sampling.cpu_budget, 0.02);
}

}  // namespace
}  // namespace tier
