#include "prefetch/journal/knob_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "prefetch/journal/journal_latest.h"

namespace tier {

namespace fs = std::filesystem;

namespace {

fs::path beside(const fs::path& path) { return path.string() + ".new"; }

}  // namespace

std::string journal_problem(int error) {
  if (error == EPERM) return "it belongs to another user, or others may write it";
  if (error == ENOLINK) return "it is a link to a file that does not exist";
  if (error == ELOOP) return "it is a loop of symbolic links";
  if (error == ENXIO) return "it is not a regular file";
  return std::strerror(error);
}

std::string journal_fix(int error) {
  if (error == EPERM)
    return "registers are written by what it says: find out who wrote it, then remove it; choose a folder "
           "that root alone may write";
  if (error == ELOOP || error == ENXIO) return "remove what is there, or choose another path";
  // systemd.exec(5), ProtectSystem=strict.
  if (error == EROFS)
    return "under systemd tierd may write /run/tierd and /var/lib/tierd alone: choose one of them, or add "
           "ReadWritePaths=FOLDER with `systemctl edit tierd`";
  return "its folder must exist and be writable; nothing is written without it";
}

// NULL with errno: it cannot be opened, or is not to be trusted. What others append (journal_restore.c) is
// not written over.
KnobJournal::File KnobJournal::open_file(const fs::path& path) {
  File file(tier_journal_open(path.c_str(), 1));
  if (!file) return file;
  // One fwrite is one write, so that nothing waits in this process when it is killed.
  std::setvbuf(file.get(), nullptr, _IONBF, 0);
  if (const int error = tier_journal_trusted(file.get()); error != 0) {
    file.reset();
    errno = error;
    return file;
  }
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, ignored);
  return file;
}

Result<KnobJournal> KnobJournal::open(const fs::path& path, const std::string& boot_id, JournalLimit limit) {
  if (boot_id.size() != kTierBootIdSize)
    return fail(ErrorKind::kUsage, fmt::format("'{}' is no boot id of {} characters", boot_id,
                                               static_cast<int>(kTierBootIdSize)));
  const auto cannot = [&](int why) {
    return fail(ErrorKind::kFailed,
                fmt::format("cannot open the prefetch journal {}: {}", path.string(), journal_problem(why)),
                journal_fix(why));
  };
  File file = open_file(path);
  if (!file) return cannot(errno);
  TierJournalLatest latest{};
  const int unread = tier_journal_latest(path.c_str(), boot_id.c_str(), &latest);
  std::free(latest.records);
  if (unread != 0) return cannot(unread);
  std::error_code error;
  if (const auto size = fs::file_size(path, error);
      !error && size > latest.end && size - latest.end < sizeof(TierJournalRecord)) {
    fs::resize_file(path, latest.end, error);
    if (error) return cannot(error.value());
  }
  fs::remove(beside(path), error);
  return KnobJournal(path, boot_id, limit, std::move(file));
}

// By the file's size: the way back appends to it too, here and in the restore program.
bool KnobJournal::too_long() const {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path_, error);
  return !error && size / sizeof(TierJournalRecord) >= std::max(limit_.records, limit_.per_knob * kept_);
}

void KnobJournal::rewrite() {
  TierJournalLatest latest{};
  if (tier_journal_latest(path_.c_str(), boot_id_.c_str(), &latest) != 0) return;
  const std::unique_ptr<TierJournalRecord, decltype(&std::free)> owned(latest.records, &std::free);
  std::error_code error;
  fs::remove(beside(path_), error);
  File fresh = open_file(beside(path_));
  if (!fresh) return;
  const std::size_t count = latest.count;  // none where all records are of another boot
  const bool whole =
      count == 0 || std::fwrite(latest.records, sizeof *latest.records, count, fresh.get()) == count;
  if (whole) fs::rename(beside(path_), path_, error);
  if (!whole || error) {
    fs::remove(beside(path_), error);
    return;
  }
  file_ = std::move(fresh), kept_ = count;
}

Result<void> KnobJournal::append(const JournalEntry& entry) {
  TierJournalRecord record{};
  record.magic = kTierJournalMagic, record.kind = entry.kind;
  record.knob = entry.knob, record.other_unit = entry.other_unit;
  record.mask = entry.mask, record.original = entry.original;
  record.before = entry.before, record.after = entry.after;
  std::memcpy(record.boot_id, boot_id_.data(), kTierBootIdSize);
  record.checksum = tier_journal_checksum(&record);
  if (file_ && too_long()) rewrite();
  if (file_ && std::fwrite(&record, sizeof record, 1, file_.get()) == 1) return {};
  const std::string why = file_ ? std::strerror(errno) : "an earlier write failed";
  file_.reset();  // a part of a record may be in it, and what followed would not be read
  return fail(ErrorKind::kFailed,
              fmt::format("cannot write to the prefetch journal {}: {}", path_.string(), why),
              "make room on its file system; nothing is written without it");
}

}  // namespace tier
