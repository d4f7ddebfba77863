// Appends to the prefetch journal (journal_format.h).
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

// Not thread-safe.
class KnobJournal {
 public:
  // Goes on with the file that is there; a record that was cut at its end is taken off. `boot_id`: 36
  // characters. kUsage: it is not; kFailed: the file cannot be opened.
  static Result<KnobJournal> open(const std::filesystem::path& path, const std::string& boot_id);

  // In the kernel's hands when it returns, so that it outlives this process. kFailed: it is not, and the
  // knob must not be written.
  Result<void> append(const JournalEntry& entry);
  const std::filesystem::path& path() const { return path_; }
  const std::string& boot_id() const { return boot_id_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  KnobJournal(std::filesystem::path path, std::string boot_id, std::FILE* file)
      : path_(std::move(path)), boot_id_(std::move(boot_id)), file_(file) {}

  std::filesystem::path path_;
  std::string boot_id_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace tier
