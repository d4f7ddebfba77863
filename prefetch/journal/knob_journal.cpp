#include "prefetch/journal/knob_journal.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace tier {

namespace fs = std::filesystem;

Result<KnobJournal> KnobJournal::open(const fs::path& path, const std::string& boot_id) {
  if (boot_id.size() != kTierBootIdSize)
    return fail(ErrorKind::kUsage, fmt::format("'{}' is no boot id of {} characters", boot_id,
                                               static_cast<int>(kTierBootIdSize)));
  const auto cannot = [&](const std::string& why) {
    return fail(ErrorKind::kFailed,
                fmt::format("cannot open the prefetch journal {}: {}", path.string(), why),
                "its folder must exist and be writable; nothing is written without it");
  };
  std::error_code error;
  if (const auto size = fs::file_size(path, error); !error && size % sizeof(TierJournalRecord) != 0) {
    fs::resize_file(path, size - size % sizeof(TierJournalRecord), error);
    if (error) return cannot(error.message());
  }
  std::FILE* const file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return cannot(std::strerror(errno));
  // One record is one write, so that nothing waits in this process when it is killed.
  std::setvbuf(file, nullptr, _IONBF, 0);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, error);
  return KnobJournal(path, boot_id, file);
}

Result<void> KnobJournal::append(const JournalEntry& entry) {
  TierJournalRecord record{};
  record.magic = kTierJournalMagic, record.kind = entry.kind;
  record.knob = entry.knob, record.other_unit = entry.other_unit;
  record.mask = entry.mask, record.original = entry.original;
  record.before = entry.before, record.after = entry.after;
  std::memcpy(record.boot_id, boot_id_.data(), kTierBootIdSize);
  record.checksum = tier_journal_checksum(&record);
  if (file_ && std::fwrite(&record, sizeof record, 1, file_.get()) == 1) return {};
  const std::string why = file_ ? std::strerror(errno) : "an earlier write failed";
  file_.reset();  // a part of a record may be in it, and what followed would not be read
  return fail(ErrorKind::kFailed,
              fmt::format("cannot write to the prefetch journal {}: {}", path_.string(), why),
              "make room on its file system; nothing is written without it");
}

}  // namespace tier
