#include "prefetch/journal/known_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "prefetch/journal/journal_restore.h"

namespace tier {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const std::string kBoot(kTierBootIdSize, 'b'), kOther(kTierBootIdSize, 'o');

// CPU `unit` held 0x50 and is about to hold `after`.
JournalEntry intent(std::uint32_t unit, std::uint64_t after) {
  return {kTierIntent, {kTierKnobRegister, unit, 1}, kTierNoUnit, 0xF, 0x50, 0x50, after};
}

class KnownJournalTest : public testing::Test {
 protected:
  KnownJournalTest() {
    std::string pattern = (fs::temp_directory_path() / "known-journal-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
    for (const char* name : {"run", "a", "b"}) fs::create_directory(folder_ / name);
  }
  ~KnownJournalTest() override { fs::remove_all(folder_); }

  Result<KnobJournal> open(const fs::path& journal, const std::string& boot = kBoot) {
    return open_known_journal({journal, known()}, boot, [this](const std::string& line) { said_ += line; });
  }
  void write(const fs::path& journal, const JournalEntry& entry, const std::string& boot = kBoot) {
    auto opened = open(journal, boot);
    ASSERT_TRUE(opened) << opened.error().text();
    ASSERT_TRUE(opened->append(entry));
    values_[entry.knob.unit] = entry.after;
  }
  // As the restore program does, by the known path.
  TierRestoreSummary restore(int expected_error = 0) {
    TierKnobAccess access{};
    access.self = this;
    access.read = [](void* self, const TierKnob* knob, std::uint64_t* value) {
      *value = static_cast<KnownJournalTest*>(self)->values_[knob->unit];
      return 0;
    };
    access.write = [](void* self, const TierKnob* knob, std::uint64_t value) {
      static_cast<KnownJournalTest*>(self)->values_[knob->unit] = value;
      return 0;
    };
    TierRestoreSummary summary{};
    EXPECT_EQ(tier_restore(known().c_str(), kBoot.c_str(), &access, nullptr, nullptr, &summary),
              expected_error);
    return summary;
  }
  fs::path known() const { return folder_ / "run" / "journal"; }
  fs::path a() const { return folder_ / "a" / "journal"; }
  fs::path b() const { return folder_ / "b" / "other"; }

  fs::path folder_;
  std::map<std::uint32_t, std::uint64_t> values_;
  std::string said_;
};

TEST_F(KnownJournalTest, AJournalElsewhereIsFoundByTheKnownPath) {
  write(a(), intent(3, 0x51));
  EXPECT_EQ(fs::read_symlink(known()), a());
  EXPECT_EQ(restore().restored, 1U);
  EXPECT_EQ(values_[3], 0x50U);
  EXPECT_EQ(said_, "");
}

TEST_F(KnownJournalTest, TheKnownPathIsTheJournalWhereNothingElseIsConfigured) {
  // Another way to write it, as /var/run is one for /run.
  fs::create_directory_symlink(folder_ / "run", folder_ / "link");
  write(folder_ / "link" / "journal", intent(3, 0x51));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(known())));
  write(known(), intent(4, 0x51));
  EXPECT_EQ(restore().restored, 2U);
}

TEST_F(KnownJournalTest, WithoutAKnownPathNoneIsMade) {
  ASSERT_TRUE(open_known_journal({a(), {}}, kBoot, {}));
  EXPECT_TRUE(fs::exists(a()));
  EXPECT_FALSE(fs::exists(fs::symlink_status(known())));
  EXPECT_TRUE(journal_left({a(), {}}));
  EXPECT_FALSE(journal_left({b(), {}}));
}

// Killed, configured elsewhere, started and killed again; from and to each of three places.
TEST_F(KnownJournalTest, NothingIsLostWhenTheConfigurationChanges) {
  for (const fs::path& first : {known(), a(), b()}) {
    for (const fs::path& second : {known(), a(), b()}) {
      SCOPED_TRACE(first.string() + " to " + second.string());
      for (const fs::path& old : {known(), a(), b()}) fs::remove(old);
      write(first, intent(3, 0x51));
      write(second, intent(4, 0x52));
      write(second, intent(4, 0x53));
      EXPECT_TRUE(journal_left({second, known()}));
      const TierRestoreSummary summary = restore();
      EXPECT_EQ(summary.restored, 2U);
      EXPECT_EQ(values_[3], 0x50U);
      EXPECT_EQ(values_[4], 0x50U);
      // And back: what has been put back is not taken for unfinished.
      write(first, intent(5, 0x54));
      values_[3] = 0x51;  // an administrator's choice now
      EXPECT_EQ(restore().restored, 1U);
      EXPECT_EQ(values_[3], 0x51U);
    }
  }
}

TEST_F(KnownJournalTest, ALaterRecordOfTheNewJournalWins) {
  write(a(), intent(3, 0x51));
  write(b(), {kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x51, 0x57});
  EXPECT_THAT(said_, HasSubstr("1 settings are taken over from " + a().string()));
  EXPECT_EQ(restore().restored, 1U);
  EXPECT_EQ(values_[3], 0x50U);
}

TEST_F(KnownJournalTest, RecordsOfAnotherBootAreLeftBehind) {
  write(a(), intent(3, 0x51), kOther);
  write(b(), intent(4, 0x51));
  EXPECT_EQ(restore().knobs, 1U);
  EXPECT_EQ(values_[3], 0x51U);
}

TEST_F(KnownJournalTest, ALinkToNothingIsAnErrorAndStays) {
  write(a(), intent(3, 0x51));
  fs::rename(a(), folder_ / "elsewhere");  // as where its file system is not mounted yet
  restore(ENOLINK);
  const auto refused = open(b());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(a().string()));
  EXPECT_THAT(refused.error().fix, HasSubstr("remove " + known().string()));
  EXPECT_TRUE(journal_left({b(), known()}));
  fs::rename(folder_ / "elsewhere", a());
  ASSERT_TRUE(open(b()));
  EXPECT_EQ(restore().restored, 1U);
  // The same journal may begin anew: its own link leads to it.
  fs::remove(b());
  EXPECT_TRUE(open(b()));
}

TEST_F(KnownJournalTest, WhatIsNeitherFileNorLinkStays) {
  fs::create_directory(known());
  const auto refused = open(a());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("neither a file nor a link"));
  fs::remove(known());
  fs::create_symlink(known(), known());
  EXPECT_FALSE(open(a()).has_value()) << "a link to itself";
}

// Registers are written by what the journal says.
TEST_F(KnownJournalTest, AJournalThatOthersMayWriteIsNotFollowed) {
  write(a(), intent(3, 0x51));
  for (const mode_t mode : {0620U, 0602U}) {
    ASSERT_EQ(::chmod(a().c_str(), mode), 0);
    restore(EPERM);
    const auto refused = open(a());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("others may write it"));
    EXPECT_FALSE(open(b()).has_value()) << "nor is it taken over";
  }
  ASSERT_EQ(::chmod(a().c_str(), 0600), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(a().c_str(), 65534, 65534), 0);  // nobody
    restore(EPERM);
    EXPECT_FALSE(open(a()).has_value());
    ASSERT_EQ(::chown(a().c_str(), 0, 0), 0);
  }
  EXPECT_EQ(values_[3], 0x51U);
  EXPECT_EQ(restore().restored, 1U);
}

TEST_F(KnownJournalTest, AFolderThatIsNotThereIsNamedWithItsFix) {
  const auto refused = open(folder_ / "none" / "journal");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().fix, HasSubstr("folder must exist"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(known()))) << "no link to a journal that there is not";
  EXPECT_THAT(journal_fix(EROFS), HasSubstr("ReadWritePaths="));
}

}  // namespace
}  // namespace tier
