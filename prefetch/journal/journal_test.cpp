#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <vector>

#include "prefetch/journal/journal_restore.h"
#include "prefetch/journal/knob_journal.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

const std::string kBoot(kTierBootIdSize, 'b'), kOther(kTierBootIdSize, 'o');

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { fs::remove(path_); }
  ~JournalTest() override { fs::remove(path_); }

  void append(const JournalEntry& entry, const std::string& boot = kBoot) {
    auto journal = KnobJournal::open(path_, boot);
    ASSERT_TRUE(journal);
    ASSERT_TRUE(journal->append(entry));
  }
  TierRestoreSummary restore(int expected_error = 0) {
    TierKnobAccess access{};
    access.self = this;
    access.read = [](void* self, const TierKnob* knob, std::uint64_t* value) {
      *value = static_cast<JournalTest*>(self)->values_[knob->unit];
      return 0;
    };
    access.write = [](void* self, const TierKnob* knob, std::uint64_t value) {
      static_cast<JournalTest*>(self)->values_[knob->unit] = value;
      return 0;
    };
    TierRestoreSummary summary{};
    EXPECT_EQ(tier_restore(path_.c_str(), kBoot.c_str(), &access, nullptr, nullptr, &summary),
              expected_error);
    return summary;
  }

  const fs::path path_ = fs::temp_directory_path() / ("journal-" + std::to_string(getpid()));
  std::map<std::uint32_t, std::uint64_t> values_;
};

TEST_F(JournalTest, OneThatIsNotThereIsEmpty) { EXPECT_EQ(restore().knobs, 0U); }

TEST_F(JournalTest, OneThatCannotBeReadIsAnError) {
  fs::create_directory(path_);
  EXPECT_EQ(restore(EIO).knobs, 0U);
}

TEST_F(JournalTest, TheLatestRecordOfAKnobCounts) {
  append({kTierSnapshot, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x50});
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x53});
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x53, 0x51});
  values_[3] = 0x51;
  EXPECT_EQ(restore().restored, 1U);
  EXPECT_EQ(values_[3], 0x50U);
}

TEST_F(JournalTest, AWriteThatWasNotReachedIsPutBackFromTheOneBefore) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x53, 0x51});
  values_[3] = 0x53;
  EXPECT_EQ(restore().restored, 1U);
  EXPECT_EQ(values_[3], 0x50U);
}

TEST_F(JournalTest, RecordsOfAnotherBootSayNothing) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51}, kOther);
  values_[3] = 0x51;
  const TierRestoreSummary summary = restore();
  EXPECT_EQ(summary.other_boot, 1U);
  EXPECT_EQ(summary.knobs, 0U);
  EXPECT_EQ(values_[3], 0x51U);
}

// Every byte of a record in turn, and every length of a cut one: the record before it holds then.
TEST_F(JournalTest, ADamagedRecordIsCountedAndTheOneBeforeHolds) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x51, 0x52});
  std::ifstream in(path_, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(whole.size(), 2 * sizeof(TierJournalRecord));
  for (std::size_t i = 0; i < sizeof(TierJournalRecord); ++i) {
    std::string damaged = whole, cut = whole.substr(0, sizeof(TierJournalRecord) + i);
    damaged[sizeof(TierJournalRecord) + i] ^= 0x10;
    for (const std::string& bytes : {damaged, cut}) {
      std::ofstream(path_, std::ios::binary) << bytes;
      values_[3] = 0x51;
      const TierRestoreSummary summary = restore();
      EXPECT_EQ(summary.damaged, bytes.size() == sizeof(TierJournalRecord) ? 0U : 1U) << i;
      EXPECT_EQ(values_[3], 0x50U) << i;
    }
  }
}

// As a full file system may leave it, and space that was made since.
TEST_F(JournalTest, ARecordBehindACutOneIsFound) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x51, 0x52});
  std::ifstream in(path_, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t i = 1; i < sizeof(TierJournalRecord); ++i) {
    std::ofstream(path_, std::ios::binary) << whole.substr(0, i) << whole.substr(sizeof(TierJournalRecord));
    values_[3] = 0x52;
    const TierRestoreSummary summary = restore();
    EXPECT_EQ(summary.damaged, 1U) << i;
    EXPECT_EQ(values_[3], 0x50U) << i;
  }
}

TEST_F(JournalTest, GoesOnAfterACutRecord) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  std::ofstream(path_, std::ios::binary | std::ios::app) << "part of a record";
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x51, 0x52});
  values_[3] = 0x52;
  const TierRestoreSummary summary = restore();
  EXPECT_EQ(summary.damaged, 0U);
  EXPECT_EQ(summary.restored, 1U);
}

TEST_F(JournalTest, RefusesWhatIsNoBootIdAndWhatIsNoFile) {
  EXPECT_EQ(KnobJournal::open(path_, "short").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(KnobJournal::open("/nowhere/journal", kBoot).error().kind, ErrorKind::kFailed);
}

}  // namespace
}  // namespace tier
