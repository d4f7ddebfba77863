#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "prefetch/journal/journal_latest.h"
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
  EXPECT_EQ(restore(ENXIO).knobs, 0U);
}

// A pipe would be waited for until somebody writes to it, or reads.
TEST_F(JournalTest, WhatIsNoFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(restore(ENXIO).knobs, 0U);
  const auto piped = KnobJournal::open(path_, kBoot);
  ASSERT_FALSE(piped);
  EXPECT_NE(piped.error().message.find("not a regular file"), std::string::npos) << piped.error().text();
  fs::remove(path_);
  fs::create_symlink(path_, path_);
  const auto looped = KnobJournal::open(path_, kBoot);
  ASSERT_FALSE(looped);
  EXPECT_NE(looped.error().message.find("a loop of symbolic links"), std::string::npos)
      << looped.error().text();
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

// The way back appends behind a record that was cut: what it noted is not taken for the cut one.
TEST_F(JournalTest, OpeningItKeepsARecordBehindACutOne) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  std::ofstream(path_, std::ios::binary | std::ios::app) << "part of a record";
  values_[3] = 0x51;
  EXPECT_EQ(restore().restored, 1U);
  ASSERT_TRUE(KnobJournal::open(path_, kBoot).has_value());
  values_[3] = 0x51;  // an administrator's choice now
  EXPECT_EQ(restore().restored, 0U);
  EXPECT_EQ(values_[3], 0x51U);
  append({kTierIntent, {kTierKnobRegister, 4, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  values_[4] = 0x51;
  EXPECT_EQ(restore().restored, 1U);
}

// Forty knobs, thousands of writes: what is put back is the same whether the journal was rewritten or not.
TEST_F(JournalTest, StaysBoundedAndForgetsNothing) {
  constexpr std::uint32_t kKnobs = 40;
  constexpr JournalLimit kLimit{64, 4};
  const fs::path all_path = path_.string() + ".all";
  auto journal = KnobJournal::open(path_, kBoot, kLimit), all = KnobJournal::open(all_path, kBoot);
  ASSERT_TRUE(journal && all);
  std::mt19937 random(1);
  std::vector<std::uint64_t> now(kKnobs), first(kKnobs);
  for (auto& value : first) value = random();
  now = first;
  std::size_t rewritten = 0, before = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto unit = static_cast<std::uint32_t>(random() % kKnobs);
    const std::uint64_t after = random();
    const JournalEntry entry{
        kTierIntent, {kTierKnobRegister, unit, 1}, kTierNoUnit, ~0ULL, first[unit], now[unit], after};
    ASSERT_TRUE(journal->append(entry).has_value() && all->append(entry).has_value());
    now[unit] = after;
    const std::size_t records = fs::file_size(path_) / sizeof(TierJournalRecord);
    ASSERT_LE(records, 4 * kKnobs);
    rewritten += records < before ? 1 : 0, before = records;
    if (i % 500 != 499) continue;
    for (const fs::path& each : {path_, all_path}) {
      TierJournalLatest latest{};
      ASSERT_EQ(tier_journal_latest(each.c_str(), kBoot.c_str(), &latest), 0);
      ASSERT_EQ(latest.count, kKnobs);
      for (std::size_t k = 0; k < latest.count; ++k) {
        EXPECT_EQ(latest.records[k].after, now[latest.records[k].knob.unit]);
        EXPECT_EQ(latest.records[k].original, first[latest.records[k].knob.unit]);
      }
      std::free(latest.records);
    }
  }
  fs::remove(all_path);
  EXPECT_GT(rewritten, 20U);
  for (std::uint32_t unit = 0; unit < kKnobs; ++unit) values_[unit] = now[unit];
  EXPECT_EQ(restore().restored, kKnobs);
  for (std::uint32_t unit = 0; unit < kKnobs; ++unit) EXPECT_EQ(values_[unit], first[unit]);
}

// The way back appends through a file of its own.
TEST_F(JournalTest, CountsWhatTheWayBackAppends) {
  auto journal = KnobJournal::open(path_, kBoot, {16, 1});
  ASSERT_TRUE(journal);
  for (int turn = 0; turn < 100; ++turn) {
    values_[3] = 0x51;
    ASSERT_TRUE(
        journal->append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51}));
    ASSERT_EQ(restore().restored, 1U) << turn;
    ASSERT_LE(fs::file_size(path_), 17 * sizeof(TierJournalRecord));
  }
}

TEST_F(JournalTest, ARewritingDropsOtherBootsAndDamage) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51}, kOther);
  std::ofstream(path_, std::ios::binary | std::ios::app) << std::string(sizeof(TierJournalRecord), 'x');
  auto journal = KnobJournal::open(path_, kBoot, {2, 1});
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->append({kTierIntent, {kTierKnobRegister, 4, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51}));
  EXPECT_EQ(fs::file_size(path_), sizeof(TierJournalRecord));
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(JournalTest, WhatARewritingThatDidNotEndLeftIsRemoved) {
  append({kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  const fs::path left = path_.string() + ".new";
  std::ofstream(left) << "half of a journal";
  append({kTierIntent, {kTierKnobRegister, 4, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51});
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(fs::file_size(path_), 2 * sizeof(TierJournalRecord));
}

TEST_F(JournalTest, GrowsOnWhereItCannotBeRewritten) {
  auto journal = KnobJournal::open(path_, kBoot, {2, 1});
  ASSERT_TRUE(journal);
  const fs::path in_the_way = path_.string() + ".new";
  fs::create_directories(in_the_way / "kept");
  const JournalEntry entry{kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(journal->append(entry));
  EXPECT_EQ(fs::file_size(path_), 5 * sizeof(TierJournalRecord));
  fs::remove_all(in_the_way);
  ASSERT_TRUE(journal->append(entry));
  EXPECT_EQ(fs::file_size(path_), 2 * sizeof(TierJournalRecord));
}

TEST_F(JournalTest, RefusesWhatIsNoBootIdAndWhatIsNoFile) {
  EXPECT_EQ(KnobJournal::open(path_, "short").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(KnobJournal::open("/nowhere/journal", kBoot).error().kind, ErrorKind::kFailed);
}

}  // namespace
}  // namespace tier
