// Appends to the prefetch journal (journal_format.h), and rewrites it before it has grown too long: beside
// it, in one write, then renamed. Whoever is killed in between leaves the old file or the new one, whole;
// nothing is synced, for a reboot empties the storage anyway.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "platform/api/knobs.h"
#include "prefetch/journal/journal_format.h"

namespace tier {

static_assert(sizeof(TierJournalRecord) == 104, "no padding: the checksum is over every byte");

// One entry, without what the journal fills in itself.
struct JournalEntry {
  TierJournalKind kind = kTierSnapshot;
  Knob knob{};
  std::uint32_t other_unit = kTierNoUnit;
  std::uint64_t mask = 0, original = 0, before = 0, after = 0;
};

// The journal is rewritten, with the latest record of each knob alone, when it has this many records.
struct JournalLimit {
  std::size_t records = 4096;  // 416 KiB; at least so many
  std::size_t per_knob = 8;    // and at least so many for each knob that the last rewriting kept
};

// Of an errno value that came from a journal, in words; and what can be done about it.
std::string journal_problem(int error);
std::string journal_fix(int error);

// Not thread-safe.
class KnobJournal {
 public:
  // Goes on with the file that is there; a record that was cut at its end is taken off, and what a rewriting
  // that did not end left beside it is removed. `boot_id`: 36 characters. kUsage: it is not; kFailed: the
  // file cannot be opened.
  static Result<KnobJournal> open(const std::filesystem::path& path, const std::string& boot_id,
                                  JournalLimit limit = {});

  // In the kernel's hands when it returns, so that it outlives this process. kFailed: it is not, and the
  // knob must not be written. A rewriting that fails is no failure: the journal grows on, and the next
  // append tries again.
  Result<void> append(const JournalEntry& entry);
  const std::filesystem::path& path() const { return path_; }
  const std::string& boot_id() const { return boot_id_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;
  KnobJournal(std::filesystem::path path, std::string boot_id, JournalLimit limit, File file)
      : path_(std::move(path)), boot_id_(std::move(boot_id)), limit_(limit), file_(std::move(file)) {}
  static File open_file(const std::filesystem::path& path);
  bool too_long() const;
  void rewrite();

  std::filesystem::path path_;
  std::string boot_id_;
  JournalLimit limit_;
  File file_;
  std::size_t kept_ = 0;  // records that the last rewriting kept
};

}  // namespace tier
