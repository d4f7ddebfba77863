#include "platform/linux/mappings/vma_records.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace tier {
namespace {

constexpr std::uint64_t kPage = 4096, kStart = 4321;
constexpr std::uint64_t kReadWrite = 0x3, kLocked = 0x2000, kMayShare = 0x80;

tier_vma vma(std::uint64_t start, std::uint64_t end, std::uint64_t flags = kReadWrite) {
  tier_vma record{};
  record.version = TIER_MAPPINGS_VERSION;
  record.thread = 41;
  record.start_ticks = kStart;
  record.start = start;
  record.end = end;
  record.flags = flags;
  return record;
}

void append(std::vector<std::byte>& bytes, tier_vma record, std::string name = {}) {
  record.name_bytes = static_cast<unsigned short>(name.size());
  const auto* raw = reinterpret_cast<const std::byte*>(&record);
  bytes.insert(bytes.end(), raw, raw + sizeof(record));
  name.resize((name.size() + 7) & ~std::size_t{7});
  const auto* text = reinterpret_cast<const std::byte*>(name.data());
  bytes.insert(bytes.end(), text, text + name.size());
}

Result<std::vector<Mapping>> parse(const std::vector<std::byte>& bytes, std::size_t piece = 1 << 20,
                                   std::uint64_t start_time = kStart) {
  VmaRecords records(start_time, kPage);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto fed = records.feed(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    if (!fed) return tl::make_unexpected(fed.error());
    if (!*fed) break;
  }
  return records.finish();
}

void append_end(std::vector<std::byte>& bytes) {
  tier_vma end{};
  end.version = TIER_MAPPINGS_VERSION;
  end.kind = TIER_VMA_END;
  append(bytes, end);
}

tier_vma of_file(tier_vma record, std::uint64_t inode) {
  record.has_file = 1;
  record.inode = inode;
  record.device = 8U << 20 | 1;
  record.page_offset = 2;
  return record;
}

TEST(VmaRecords, FlagsPoliciesFilesAndKinds) {
  std::vector<std::byte> bytes;
  append(bytes, of_file(vma(0x10000, 0x20000, kReadWrite | kMayShare), 77), "/tmp/a\nb");
  tier_vma again = of_file(vma(0x20000, 0x30000), 77);
  again.same_file = 1;
  append(bytes, again);
  tier_vma heap = vma(0x30000, 0x40000, kReadWrite | kLocked);
  heap.kind = TIER_VMA_HEAP;
  append(bytes, heap);
  tier_vma bound = vma(0x50000, 0x60000);
  bound.policy = 2;  // MPOL_BIND
  append(bytes, bound);
  tier_vma local = vma(0x60000, 0x70000);
  local.policy = 4;  // MPOL_LOCAL
  append(bytes, local);
  tier_vma vdso = vma(0x70000, 0x71000);
  vdso.kind = TIER_VMA_SPECIAL;
  append(bytes, vdso);
  append_end(bytes);
  for (const std::size_t piece : {1U, 7U, 79U, 1U << 20}) {
    const auto found = parse(bytes, piece);
    ASSERT_TRUE(found) << found.error().text();
    ASSERT_EQ(found->size(), 5U);
    const auto& all = *found;
    EXPECT_EQ(all[0].name, "/tmp/a\\012b");
    EXPECT_EQ(all[1].name, "/tmp/a\\012b");
    EXPECT_EQ(all[0].object, (MemoryObject{std::uint64_t{8} << 32 | 1, 77}));
    EXPECT_EQ(all[0].offset, 2 * kPage);
    EXPECT_FALSE(all[1].object);  // private: what is written there is the process's own
    EXPECT_TRUE(all[0].shared && all[0].writable && !all[0].executable);
    EXPECT_EQ(all[1].backing, Backing::kFile);
    EXPECT_TRUE(all[1].writable);
    EXPECT_EQ(all[2].name, "[heap]");
    EXPECT_TRUE(all[2].mlocked);
    EXPECT_FALSE(all[2].own_policy);
    EXPECT_TRUE(all[3].own_policy);
    EXPECT_FALSE(all[4].own_policy);
    EXPECT_EQ(all[4].backing, Backing::kAnonymous);
  }
}

TEST(VmaRecords, NamesAreWrittenAsProcWritesThem) {
  const auto named = [](unsigned kind, const std::string& name, bool file = true) {
    std::vector<std::byte> bytes;
    tier_vma record = vma(0x10000, 0x20000, kReadWrite | kMayShare);
    if (file) record = of_file(record, 77);
    record.name_kind = kind;
    append(bytes, record, name);
    append_end(bytes);
    const auto found = parse(bytes);
    return found && found->size() == 1 ? found->front() : Mapping{};
  };
  EXPECT_EQ(named(TIER_NAME_PATH, "/a/b").name, "/a/b");
  EXPECT_EQ(named(TIER_NAME_UNLINKED, "/a/b").name, "/a/b (deleted)");
  EXPECT_EQ(named(TIER_NAME_UNLINKED, "").name, "");  // too long to be told
  EXPECT_EQ(named(TIER_NAME_NO_FOLDER, "memfd:a\n").name, "/memfd:a\\012 (deleted)");
  EXPECT_EQ(named(TIER_NAME_NO_FOLDER, "memfd:a").backing, Backing::kShared);
  EXPECT_EQ(named(TIER_NAME_ANON_INODE, "[io_uring]").name, "anon_inode:[io_uring]");
  EXPECT_FALSE(named(TIER_NAME_ANON_INODE, "[io_uring]").object);
  EXPECT_EQ(named(TIER_NAME_SOCKET, "").name, "socket:[77]");
  EXPECT_EQ(named(TIER_NAME_BUFFER, "dmabuf").name, "/dmabuf:");
  EXPECT_EQ(named(TIER_NAME_GIVEN, "x").name, "[anon_shmem:x]");
  EXPECT_EQ(named(TIER_NAME_GIVEN, "x").backing, Backing::kShared);
  EXPECT_EQ(named(TIER_NAME_GIVEN, "x", false).name, "[anon:x]");
  EXPECT_EQ(named(99, "/a/b").name, "/a/b");
}

TEST(VmaRecords, ANameIsOfOneMappingOrOfTheFilesThatFollowIt) {
  std::vector<std::byte> bytes;
  tier_vma given = vma(0x10000, 0x20000);
  given.name_kind = TIER_NAME_GIVEN;
  append(bytes, given, "arena");
  append(bytes, vma(0x20000, 0x30000));
  append_end(bytes);
  const auto found = parse(bytes);
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)[0].name, "[anon:arena]");
  EXPECT_EQ((*found)[1].name, "");
}

// The kernel lets go of the lock between pieces: what was reported may have grown, or be replaced.
TEST(VmaRecords, WhatChangedMeanwhileDoesNotOverlap) {
  std::vector<std::byte> bytes;
  append(bytes, vma(0x10000, 0x20000));
  append(bytes, vma(0x10000, 0x40000));  // grew
  append(bytes, vma(0x30000, 0x50000));  // its end was replaced
  append(bytes, vma(0x50000, 0x58000));
  append(bytes, vma(0x50000, 0x54000));  // shrank
  append_end(bytes);
  const auto found = parse(bytes);
  ASSERT_TRUE(found);
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_FALSE((*found)[i].range.empty());
    if (i == 0) continue;
    EXPECT_LE((*found)[i - 1].range.end, (*found)[i].range.start);
  }
  EXPECT_EQ(found->front().range, (AddressRange{0x10000, 0x30000}));
  EXPECT_EQ(found->back().range, (AddressRange{0x50000, 0x54000}));
  EXPECT_EQ(found->size(), 3U);
}

TEST(VmaRecords, AMappingThatGrewDownwardsIsNoEnd) {
  std::vector<std::byte> bytes;
  append(bytes, vma(0x10000, 0x20000));
  append(bytes, vma(0x28000, 0x30000));
  append(bytes, vma(0x30000, 0x40000));
  append(bytes, vma(0x18000, 0x40000));  // merged with what came below, which replaced what was there
  append(bytes, vma(0x50000, 0x60000));
  append_end(bytes);
  const auto found = parse(bytes);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].range, (AddressRange{0x10000, 0x18000}));
  EXPECT_EQ((*found)[1].range, (AddressRange{0x18000, 0x40000}));
  EXPECT_EQ((*found)[2].range, (AddressRange{0x50000, 0x60000}));
}

// Linux 6.18 gives the last piece again and again to who reads on after the end.
TEST(VmaRecords, AKernelThatBeginsAgainIsNotFollowed) {
  std::vector<std::byte> bytes;
  for (int round = 0; round < 3; ++round) {
    append(bytes, vma(0x10000, 0x20000));
    append(bytes, vma(0x20000, 0x30000));
  }
  VmaRecords records(kStart, kPage);
  EXPECT_EQ(records.feed(bytes), false);
  EXPECT_EQ(records.finish()->size(), 2U);
}

TEST(VmaRecords, AnotherThreadsViewOfTheSameMappingsIsLeftOut) {
  std::vector<std::byte> bytes;
  append(bytes, vma(0x10000, 0x20000));
  tier_vma other = vma(0x10000, 0x20000);
  other.thread = 42;
  append(bytes, other);
  const auto found = parse(bytes);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 1U);
}

TEST(VmaRecords, AnotherProcessIsAnErrorThatSaysSo) {
  std::vector<std::byte> bytes;
  append(bytes, vma(0x10000, 0x20000));
  EXPECT_NE(parse(bytes, 1 << 20, 99).error().message.find("reused"), std::string::npos);
  std::vector<std::byte> whole = bytes;
  append_end(whole);
  EXPECT_TRUE(parse(whole, 1 << 20, 0));
  tier_vma other = vma(0x20000, 0x30000);
  other.start_ticks = kStart + 1;
  append(bytes, other);
  EXPECT_FALSE(parse(bytes, 1 << 20, 0).has_value());
}

TEST(VmaRecords, NonsenseIsAnError) {
  std::vector<std::byte> bytes;
  EXPECT_FALSE(parse(bytes).has_value());  // no record at all
  append(bytes, vma(0x10000, 0x20000));
  bytes.resize(bytes.size() - 8);
  EXPECT_FALSE(parse(bytes).has_value());  // half a record
  bytes.clear();
  append(bytes, vma(0x10000, 0x20000));
  EXPECT_FALSE(parse(bytes).has_value());  // without an end
  bytes.clear();
  append(bytes, vma(0x20000, 0x20000));
  EXPECT_FALSE(parse(bytes).has_value());
  bytes.clear();
  tier_vma old = vma(0x10000, 0x20000);
  old.version = 0;
  append(bytes, old);
  EXPECT_FALSE(parse(bytes).has_value());
  bytes.clear();
  append(bytes, of_file(vma(0x10000, 0x20000), 1), std::string(5000, 'x'));
  EXPECT_FALSE(parse(bytes).has_value());
}

// Whatever bytes come: an error or mappings in order, and never a look outside of them.
TEST(VmaRecords, DamagedOutputGivesAnErrorOrMappingsInOrder) {
  std::vector<std::byte> good;
  for (std::uint64_t i = 1; i <= 20; ++i)
    append(good, of_file(vma(i << 16, (i << 16) + kPage), i), "/lib/file" + std::to_string(i));
  append_end(good);
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> bytes = good;
    for (int i = 0; i < 4; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    bytes.resize(random() % bytes.size());
    const auto found = parse(bytes, 1 + random() % 200);
    if (!found) continue;
    for (std::size_t i = 1; i < found->size(); ++i)
      ASSERT_LE((*found)[i - 1].range.end, (*found)[i].range.start);
  }
}

}  // namespace
}  // namespace tier
