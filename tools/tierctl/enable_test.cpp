#include "tools/tierctl/enable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

#include "tools/tierctl/commands.h"

namespace tier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

constexpr const char* kParanoid = "kernel.perf_event_paranoid";

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A system below a folder, whose kernel and systemd only note what they are told.
class EnableTest : public testing::Test {
 protected:
  EnableTest() {
    std::string pattern = (fs::temp_directory_path() / "tierd-enable-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    root_ = pattern;
    system_.root = root_;
    system_.shipped = TIERD_ENABLE_FILES;
    system_.read_sysctl = [this](const std::string& name) -> Result<long> { return sysctl_.at(name); };
    system_.write_sysctl = [this](const std::string& name, long value) -> Result<void> {
      if (sysctl_refuses_) return fail(ErrorKind::kPermission, "read-only", "another container");
      sysctl_[name] = value;
      return {};
    };
    system_.run = [this](const std::vector<std::string>& arguments) -> Result<int> {
      ran_.push_back(fmt::format("{}", fmt::join(arguments, " ")));
      if (arguments[1] == "is-active") return tierd_runs_ ? 0 : 3;
      return 0;
    };
  }
  ~EnableTest() override { fs::remove_all(root_); }

  Enabler enabler() const { return Enabler(system_); }
  fs::path drop_in(const std::string& name) const {
    return root_ / "etc/systemd/system/tierd.service.d" / (name + ".conf");
  }
  fs::path sysctl_file() const { return root_ / "etc/sysctl.d/60-tierd-perf-events.conf"; }
  OptionState state(const std::string& name) const {
    const auto all = enabler().list();
    for (const OptionStanding& each : *all)
      if (each.option->name == name) return each.state;
    ADD_FAILURE() << name;
    return OptionState::kOff;
  }
  bool nothing_left() const {
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      if (!entry.is_directory()) return false;
    return true;
  }

  fs::path root_;
  EnableSystem system_;
  std::map<std::string, long> sysctl_ = {{kParanoid, 3}};
  bool sysctl_refuses_ = false, tierd_runs_ = false;
  std::vector<std::string> ran_;
};

TEST_F(EnableTest, AllAreOffAtFirst) {
  for (const OptionEntry& option : option_table()) EXPECT_EQ(state(option.name), OptionState::kOff);
  EXPECT_EQ(option_table().size(), 4U);
}

TEST_F(EnableTest, ADropInIsCopiedAndSystemdIsTold) {
  const auto change = enabler().enable("pcm-server", false);
  ASSERT_TRUE(change) << change.error().text();
  EXPECT_TRUE(change->changed);
  EXPECT_THAT(text_of(drop_in("pcm-server")), HasSubstr("\nIPAddressAllow=localhost\n"));
  EXPECT_EQ(fs::status(drop_in("pcm-server")).permissions(), fs::perms(0644));
  EXPECT_THAT(ran_, ElementsAre("systemctl daemon-reload"));
  EXPECT_THAT(change->notes, Contains(HasSubstr("systemctl restart tierd")));
  EXPECT_THAT(change->notes, Contains(HasSubstr("prefetch.pcm")));
  EXPECT_EQ(state("pcm-server"), OptionState::kOn);

  const auto again = enabler().enable("pcm-server", true);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->changed);
  EXPECT_THAT(
      ran_, ElementsAre("systemctl daemon-reload", "systemctl daemon-reload", "systemctl try-restart tierd"))
      << "an earlier call may have failed before systemd knew, and a restart that is asked for is done";
  EXPECT_EQ(again->notes.front(), "it is on already");

  const auto off = enabler().disable("pcm-server", false);
  ASSERT_TRUE(off);
  EXPECT_TRUE(off->changed);
  EXPECT_TRUE(nothing_left());
  EXPECT_FALSE(fs::exists(drop_in("x").parent_path()));
  EXPECT_FALSE(enabler().disable("pcm-server", false)->changed);
}

TEST_F(EnableTest, ARestartIsDoneWhenAsked) {
  ASSERT_TRUE(enabler().enable("perf-events-admin", true));
  EXPECT_THAT(ran_, ElementsAre("systemctl daemon-reload", "systemctl try-restart tierd"));
}

TEST_F(EnableTest, TheKernelsSettingComesBack) {
  const auto on = enabler().enable("perf-events", false);
  ASSERT_TRUE(on) << on.error().text();
  EXPECT_EQ(sysctl_[kParanoid], 2);
  EXPECT_THAT(text_of(sysctl_file()), HasSubstr("\nkernel.perf_event_paranoid = 2\n"));
  EXPECT_THAT(ran_, IsEmpty());
  // Again, now that the setting is ours: what was before is not forgotten.
  EXPECT_FALSE(enabler().enable("perf-events", false)->changed);
  const auto off = enabler().disable("perf-events", false);
  ASSERT_TRUE(off) << off.error().text();
  EXPECT_EQ(sysctl_[kParanoid], 3);
  EXPECT_TRUE(nothing_left());
}

TEST_F(EnableTest, ASettingThatWasChangedSinceStays) {
  ASSERT_TRUE(enabler().enable("perf-events", false));
  sysctl_[kParanoid] = 1;
  const auto off = enabler().disable("perf-events", false);
  ASSERT_TRUE(off);
  EXPECT_EQ(sysctl_[kParanoid], 1);
  EXPECT_THAT(off->notes, Contains(HasSubstr("it stays")));
  EXPECT_FALSE(fs::exists(sysctl_file()));
}

// It would be tightened by our file at the next boot, behind the administrator's back.
TEST_F(EnableTest, ASettingThatAllowsItAlreadyIsLeftAlone) {
  sysctl_[kParanoid] = 1;
  const auto on = enabler().enable("perf-events", false);
  ASSERT_TRUE(on);
  EXPECT_FALSE(on->changed);
  EXPECT_EQ(sysctl_[kParanoid], 1);
  EXPECT_TRUE(nothing_left());
  EXPECT_THAT(on->notes, Contains(HasSubstr("is 1 already")));
}

TEST_F(EnableTest, ASettingThatCannotBeWrittenLeavesNoFile) {
  sysctl_refuses_ = true;
  EXPECT_FALSE(enabler().enable("perf-events", false).has_value());
  EXPECT_TRUE(nothing_left());
}

TEST_F(EnableTest, AfterABootThatSetSomethingElseItIsSetAgain) {
  ASSERT_TRUE(enabler().enable("perf-events", false));
  sysctl_[kParanoid] = 4;
  EXPECT_TRUE(enabler().enable("perf-events", false)->changed);
  EXPECT_EQ(sysctl_[kParanoid], 2);
  ASSERT_TRUE(enabler().disable("perf-events", false));
  EXPECT_EQ(sysctl_[kParanoid], 3) << "what was there before the first time";
}

TEST_F(EnableTest, WhatIsNotOursIsNeitherOverwrittenNorRemoved) {
  for (const bool edited : {true, false}) {
    if (edited) {
      ASSERT_TRUE(enabler().enable("pcm-server", false));
      std::ofstream(drop_in("pcm-server"), std::ios::app) << "IPAddressAllow=192.0.2.1\n";
    } else {
      std::ofstream(drop_in("pcm-server")) << "[Service]\n";
    }
    const std::string before = text_of(drop_in("pcm-server"));
    EXPECT_EQ(state("pcm-server"), OptionState::kForeign);
    for (const auto& refused :
         {enabler().enable("pcm-server", false), enabler().disable("pcm-server", false)}) {
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().kind, ErrorKind::kFailed);
      EXPECT_THAT(refused.error().message, HasSubstr(drop_in("pcm-server").string()));
    }
    EXPECT_EQ(text_of(drop_in("pcm-server")), before);
  }
  // A mask, and a folder.
  fs::remove(drop_in("pcm-server"));
  fs::create_symlink("/dev/null", drop_in("pcm-server"));
  EXPECT_EQ(state("pcm-server"), OptionState::kForeign);
  fs::create_directories(drop_in("prefetch-hardware"));
  EXPECT_EQ(state("prefetch-hardware"), OptionState::kForeign);
}

TEST_F(EnableTest, ACopyMadeByHandIsOurs) {
  fs::create_directories(drop_in("x").parent_path());
  fs::copy_file(fs::path(TIERD_ENABLE_FILES) / "prefetch-hardware.conf", drop_in("prefetch-hardware"));
  EXPECT_EQ(state("prefetch-hardware"), OptionState::kOn);
  ASSERT_TRUE(enabler().disable("prefetch-hardware", false));
  EXPECT_TRUE(nothing_left());
}

TEST_F(EnableTest, AnOlderVersionsFileIsRenewedAndCanBeTakenBack) {
  const fs::path old_files = root_ / "old";
  fs::create_directory(old_files);
  std::ofstream(old_files / "pcm-server.conf") << "[Service]\nPrivateNetwork=no\n";
  EnableSystem old = system_;
  old.shipped = old_files;
  ASSERT_TRUE(Enabler(old).enable("pcm-server", false));
  fs::remove_all(old_files);
  EXPECT_EQ(state("pcm-server"), OptionState::kOn);
  EXPECT_TRUE(enabler().enable("pcm-server", false)->changed);
  EXPECT_THAT(text_of(drop_in("pcm-server")), HasSubstr("IPAddressAllow=localhost"));
  // As where the files of tierd are removed first.
  system_.shipped = "/nonexistent";
  ASSERT_TRUE(enabler().disable("pcm-server", false));
  EXPECT_TRUE(nothing_left());
  const auto missing = enabler().enable("pcm-server", false);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text(), HasSubstr("/nonexistent/pcm-server.conf is missing"));
}

TEST_F(EnableTest, RegistersArePutBackBeforeTheWayToThemGoes) {
  ASSERT_TRUE(enabler().enable("prefetch-hardware", false));
  tierd_runs_ = true;
  const auto refused = enabler().disable("prefetch-hardware", false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().fix, HasSubstr("--restart"));
  EXPECT_EQ(state("prefetch-hardware"), OptionState::kOn);
  ran_.clear();
  ASSERT_TRUE(enabler().disable("prefetch-hardware", true));
  EXPECT_THAT(ran_, ElementsAre("systemctl is-active --quiet tierd", "systemctl stop tierd",
                                "systemctl daemon-reload", "systemctl start tierd"));
}

TEST_F(EnableTest, OnlyRootMayAndOnlyWhatThereIs) {
  system_.privileged = false;
  EXPECT_EQ(enabler().enable("pcm-server", false).error().kind, ErrorKind::kPermission);
  EXPECT_EQ(enabler().disable("pcm-server", false).error().kind, ErrorKind::kPermission);
  EXPECT_TRUE(enabler().list()) << "everybody may look";
  const auto unknown = enabler().enable("../../passwd", false);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(unknown.error().fix,
              HasSubstr("perf-events, perf-events-admin, prefetch-hardware, pcm-server"));
}

// An image: neither this kernel nor this systemd is its own.
TEST_F(EnableTest, BelowAnotherRootFilesAloneAreChanged) {
  system_.live = false;
  sysctl_[kParanoid] = 1;
  for (const OptionEntry& option : option_table()) {
    const auto on = enabler().enable(option.name, true);
    ASSERT_TRUE(on) << on.error().text();
    EXPECT_EQ(state(option.name), OptionState::kOn);
    EXPECT_THAT(on->notes, Contains(HasSubstr("next boot")));
  }
  for (const OptionEntry& option : option_table()) ASSERT_TRUE(enabler().disable(option.name, true));
  EXPECT_EQ(sysctl_[kParanoid], 1);
  EXPECT_THAT(ran_, IsEmpty());
  EXPECT_TRUE(nothing_left());
}

class EnableCommandsTest : public EnableTest {
 protected:
  Commands commands(bool json = false) {
    CommandOptions options;
    options.json = json;
    Surroundings around;
    around.enable = system_;
    around.print = [this](const std::string& text) -> Result<void> {
      printed_ += text;
      return {};
    };
    return {options, around};
  }
  std::string printed_;
};

TEST_F(EnableCommandsTest, TheListNamesEachWithItsExposure) {
  ASSERT_TRUE(enabler().enable("pcm-server", false));
  ASSERT_TRUE(commands().options_list());
  for (const OptionEntry& option : option_table()) EXPECT_THAT(printed_, HasSubstr(option.name));
  EXPECT_THAT(printed_, ::testing::ContainsRegex("pcm-server +on +2.7 "));
  printed_.clear();
  ASSERT_TRUE(commands(true).options_list());
  EXPECT_THAT(printed_, HasSubstr("\"io.tierd.enable/1\""));
}

TEST_F(EnableCommandsTest, AllAreTakenBackButForWhatIsNotOurs) {
  for (const OptionEntry& option : option_table()) ASSERT_TRUE(commands().enable(option.name, false));
  std::ofstream(drop_in("perf-events-admin"), std::ios::app) << "#\n";
  const auto done = commands().disable_all(false);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("perf-events-admin.conf is not as tierctl wrote it"));
  for (const OptionEntry& option : option_table())
    EXPECT_EQ(state(option.name),
              option.name == std::string("perf-events-admin") ? OptionState::kForeign : OptionState::kOff);
  EXPECT_EQ(sysctl_[kParanoid], 3);
  fs::remove(drop_in("perf-events-admin"));
  printed_.clear();
  ASSERT_TRUE(commands(true).disable_all(false));
  EXPECT_THAT(printed_, HasSubstr("\"io.tierd.enable-change/1\""));
  system_.privileged = false;
  EXPECT_EQ(commands().disable_all(false).error().kind, ErrorKind::kPermission);
}

// The table of docs/operations.md and the files that are installed are of these options, and of no others.
TEST(EnableOptions, AreDocumentedAndShipped) {
  const std::string docs = text_of(fs::path(TIERD_DOCS) / "operations.md");
  std::size_t files = 0;
  for (const OptionEntry& option : option_table()) {
    EXPECT_THAT(docs, HasSubstr(fmt::format("| `{}` | {} | {} | {} |", option.name, option.exposure,
                                            option.allows, option.costs)));
    EXPECT_TRUE(fs::exists(fs::path(TIERD_ENABLE_FILES) / fmt::format("{}.conf", option.name)));
  }
  for (const auto& entry : fs::directory_iterator(TIERD_ENABLE_FILES))
    files += entry.path().extension() == ".conf" ? 1U : 0U;
  EXPECT_EQ(files, option_table().size());
}

// sysctl.d(5): one assignment, of the option's own value.
TEST(EnableOptions, TheSysctlFileAssignsWhatTheTableSays) {
  for (const OptionEntry& option : option_table()) {
    if (option.kind != OptionKind::kSysctl) continue;
    std::ifstream in(fs::path(TIERD_ENABLE_FILES) / fmt::format("{}.conf", option.name));
    std::vector<std::string> assignments;
    for (std::string line; std::getline(in, line);)
      if (!line.empty() && line.front() != '#') assignments.push_back(line);
    EXPECT_THAT(assignments, ElementsAre(fmt::format("{} = {}", option.sysctl, option.sysctl_value)));
  }
}

}  // namespace
}  // namespace tier
