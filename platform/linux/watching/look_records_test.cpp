#include "platform/linux/watching/look_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace tier {
namespace {

tier_process_record record(unsigned pid, bool leads) {
  tier_process_record r{};
  r.version = TIER_PROCESS_RECORD_VERSION;
  r.pid = pid;
  r.leads = leads ? 1 : 0;
  r.start_ticks = 77;
  r.exec_id = 2;
  return r;
}

void append(std::vector<std::byte>& bytes, const tier_process_record& r) {
  const auto* begin = reinterpret_cast<const std::byte*>(&r);
  bytes.insert(bytes.end(), begin, begin + (r.leads != 0 ? sizeof(r) : TIER_THREAD_RECORD_BYTES));
}

std::vector<SeenProcess> read(const std::vector<std::byte>& bytes) {
  LookRecords records(4_KiB);
  EXPECT_EQ(records.add(bytes), static_cast<std::ptrdiff_t>(bytes.size()));
  return records.take();
}

TEST(LookRecords, ThreadsOfOneProcessAreAddedUp) {
  tier_process_record first = record(10, true), thread = record(10, false);
  first.pages = 3;
  std::strcpy(first.comm, "job");
  std::strcpy(first.file, "solver");
  for (auto* r : {&first, &thread}) r->ended_run = 1000, r->ended_user = 5;
  first.run = 100, first.user = 5;
  thread.run = 900, thread.system = 10;
  // A number that was used before sorts before the first thread's.
  for (const bool thread_first : {false, true}) {
    std::vector<std::byte> bytes;
    append(bytes, thread_first ? thread : first);
    append(bytes, thread_first ? first : thread);
    const auto processes = read(bytes);
    ASSERT_EQ(processes.size(), 1U);
    EXPECT_EQ(processes[0].pid, Pid{10});
    EXPECT_EQ(processes[0].start_time, 77U);
    EXPECT_EQ(processes[0].resident, 12_KiB);
    EXPECT_EQ(processes[0].file, "solver");
    EXPECT_EQ(processes[0].comm, "job");
    EXPECT_EQ(processes[0].run_time, Nanoseconds(2000));
    EXPECT_EQ(processes[0].user_time, Nanoseconds(1000)) << "half of the ticks were in user mode";
    EXPECT_NE(processes[0].program, 0U);
  }
}

TEST(LookRecords, ThreadsThatStandApartAreAddedUpToo) {
  std::vector<std::byte> bytes;
  for (const auto& [pid, leads] : {std::pair{20, false}, {10, true}, {20, true}, {10, false}, {20, false}}) {
    tier_process_record r = record(static_cast<unsigned>(pid), leads);
    r.run = 10, r.ended_run = 1, r.pages = 1;
    append(bytes, r);
  }
  const auto processes = read(bytes);
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].pid, Pid{10});
  EXPECT_EQ(processes[0].run_time, Nanoseconds(21));
  EXPECT_EQ(processes[1].run_time, Nanoseconds(31));
  EXPECT_EQ(processes[1].resident, 4_KiB);
}

TEST(LookRecords, AProcessWithoutItsFirstThreadIsOneProcess) {
  std::vector<std::byte> bytes;
  for (int thread = 0; thread < 3; ++thread) {
    tier_process_record r = record(10, true);
    r.pages = 8, r.run = 10, r.ended_run = 5;
    append(bytes, r);
  }
  const auto processes = read(bytes);
  ASSERT_EQ(processes.size(), 1U);
  EXPECT_EQ(processes[0].resident, 32_KiB);
  EXPECT_EQ(processes[0].run_time, Nanoseconds(35));
}

TEST(LookRecords, APartOfARecordWaitsForItsRest) {
  std::vector<std::byte> bytes;
  append(bytes, record(10, true));
  append(bytes, record(11, false));
  append(bytes, record(12, true));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    LookRecords records(4_KiB);
    const std::span<const std::byte> all(bytes);
    const std::ptrdiff_t taken = records.add(all.subspan(0, cut));
    ASSERT_GE(taken, 0);
    const auto rest = all.subspan(static_cast<std::size_t>(taken));
    EXPECT_EQ(records.add(rest), static_cast<std::ptrdiff_t>(rest.size()));
    EXPECT_EQ(records.take().size(), 2U) << "a thread alone describes no process";
  }
}

TEST(LookRecords, RecordsOfAnotherVersionAreRefused) {
  tier_process_record other = record(10, true);
  other.version = TIER_PROCESS_RECORD_VERSION + 1;
  std::vector<std::byte> bytes;
  append(bytes, other);
  EXPECT_EQ(LookRecords(4_KiB).add(bytes), -1);
}

TEST(LookRecords, ANameThatMayBeCutOffIsNotKnown) {
  tier_process_record r = record(10, true);
  std::memset(r.file, 'x', sizeof(r.file) - 1);
  std::memset(r.comm, 'y', sizeof(r.comm));  // without an end
  std::vector<std::byte> bytes;
  append(bytes, r);
  const auto processes = read(bytes);
  EXPECT_EQ(processes[0].file, "");
  EXPECT_EQ(processes[0].comm, std::string(16, 'y'));
}

TEST(LookRecords, UserTimeIsTheShareThatTicksFoundInUserMode) {
  EXPECT_EQ(user_part(0, 0, 500), 500U);
  EXPECT_EQ(user_part(1, 3, 400), 100U);
  EXPECT_EQ(user_part(0, 3, 400), 0U);
}

}  // namespace
}  // namespace tier
