// Feeds the prefetch journal's reader, the way back and the appending of records with any file. An input that
// begins with 's' has its pieces of a record's size sealed (magic, boot and checksum), any other byte before
// the file leaves it as it is.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "prefetch/journal/journal_latest.h"
#include "prefetch/journal/journal_restore.h"
#include "prefetch/journal/knob_journal.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;
using tier::fuzz::require;

const std::string kBoot(kTierBootIdSize, 'b');

std::string sealed(std::string bytes) {
  for (std::size_t at = 0; at + sizeof(TierJournalRecord) <= bytes.size(); at += sizeof(TierJournalRecord)) {
    TierJournalRecord record;
    std::memcpy(&record, bytes.data() + at, sizeof record);
    record.magic = kTierJournalMagic;
    std::memcpy(record.boot_id, kBoot.data(), kTierBootIdSize);
    record.checksum = tier_journal_checksum(&record);
    std::memcpy(bytes.data() + at, &record, sizeof record);
  }
  return bytes;
}

using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;
Key key_of(const TierKnob& knob) { return {knob.kind, knob.unit, knob.index}; }

bool same(const TierJournalRecord& a, const TierJournalRecord& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

std::map<Key, TierJournalRecord> latest_of(const fs::path& path) {
  TierJournalLatest latest{};
  const int error = tier_journal_latest(path.c_str(), kBoot.c_str(), &latest);
  const std::unique_ptr<TierJournalRecord, decltype(&std::free)> owned(latest.records, &std::free);
  require(error == 0, "a file of our own can be read", std::strerror(error));
  std::map<Key, TierJournalRecord> records;
  for (std::size_t i = 0; i < latest.count; ++i) {
    const TierJournalRecord& record = latest.records[i];
    require(record.magic == kTierJournalMagic && record.checksum == tier_journal_checksum(&record),
            "a record is sound");
    require(std::memcmp(record.boot_id, kBoot.data(), kTierBootIdSize) == 0, "a record is of this boot");
    require(records.emplace(key_of(record.knob), record).second, "each knob stands there once");
  }
  return records;
}

// Knobs of even index hold what their record says was written last, the others something else; CPUs whose
// number divides by five are offline.
struct Machine {
  explicit Machine(const std::map<Key, TierJournalRecord>& journal) : records(journal) {
    for (const auto& [key, record] : records)
      values[key] = record.knob.index % 2 == 0 ? record.after : ~record.after;
  }
  static int read(void* self, const TierKnob* knob, std::uint64_t* value) {
    if (knob->unit % 5 == 0) return EIO;
    *value = static_cast<Machine*>(self)->values[key_of(*knob)];
    return 0;
  }
  static int write(void* self, const TierKnob* knob, std::uint64_t value) {
    auto* const machine = static_cast<Machine*>(self);
    require(knob->unit % 5 != 0, "what cannot be read is not written");
    std::uint64_t& held = machine->values[key_of(*knob)];
    const auto record = machine->records.find(key_of(*knob));
    if (record != machine->records.end() && !machine->indirect)
      require(((held ^ value) & ~record->second.mask) == 0, "bits outside the mask stay");
    held = value;
    ++machine->writes;
    return 0;
  }
  static void report(void* self, const TierRestoreEvent* event) {
    if (event->via != event->knob.unit) static_cast<Machine*>(self)->indirect = true;
  }

  const std::map<Key, TierJournalRecord>& records;
  std::map<Key, std::uint64_t> values;
  std::size_t writes = 0;
  bool indirect = false;  // a knob was reached through another unit, whose own record is another
};

TierRestoreSummary restore(const fs::path& path, Machine& machine) {
  const TierKnobAccess access{&Machine::read, &Machine::write, &machine};
  TierRestoreSummary summary{};
  require(tier_restore(path.c_str(), kBoot.c_str(), &access, &Machine::report, &machine, &summary) == 0,
          "the way back reads the journal");
  require(summary.restored + summary.same + summary.foreign + summary.failed == summary.knobs,
          "each knob has one fate");
  return summary;
}

void check_way_back(const fs::path& path) {
  const std::map<Key, TierJournalRecord> before = latest_of(path);
  Machine machine(before);
  for (const auto& [key, record] : before)
    machine.indirect = machine.indirect || record.other_unit != kTierNoUnit;
  require(restore(path, machine).knobs == before.size(), "no knob is left out");
  const std::size_t writes = machine.writes;
  const TierRestoreSummary again = restore(path, machine);
  require(again.knobs == before.size(), "the journal keeps its knobs");
  if (!machine.indirect) require(machine.writes == writes, "what is done is not done twice");
}

void check_append(const fs::path& path) {
  std::map<Key, TierJournalRecord> before = latest_of(path);
  auto journal = tier::KnobJournal::open(path, kBoot);
  require(journal.has_value(), "a file of our own can be opened", journal ? "" : journal.error().text());
  const auto opened = latest_of(path);
  require(std::equal(before.begin(), before.end(), opened.begin(), opened.end(),
                     [](const auto& a, const auto& b) { return same(a.second, b.second); }),
          "opening a journal loses no record");
  const tier::JournalEntry entry{kTierIntent, {kTierKnobRegister, 3, 1}, kTierNoUnit, 0xF, 0x50, 0x50, 0x51};
  require(journal->append(entry).has_value(), "a record can be appended");
  const auto after = latest_of(path);
  const auto added = after.find(key_of(entry.knob));
  require(added != after.end() && added->second.after == entry.after, "what was appended counts");
  before[key_of(entry.knob)] = added->second;
  require(before.size() == after.size(), "other records stay");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tier::fuzz::Folder folder;
  const std::string input = tier::fuzz::text_of(data, size);
  if (input.empty()) return 0;
  const std::string bytes = input.front() == 's' ? sealed(input.substr(1)) : input.substr(1);
  for (const auto check : {check_way_back, check_append}) {
    const fs::path path = folder.write("journal", bytes);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    check(path);
  }
  return 0;
}
