#include "prefetch/journal/known_journal.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <vector>

#include "prefetch/journal/journal_latest.h"

namespace tier {

namespace fs = std::filesystem;

namespace {

// Of the same name in the same folder, however the folder is written; neither file need exist.
bool same_place(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return a.filename() == b.filename() &&
         fs::weakly_canonical(a.parent_path(), error) == fs::weakly_canonical(b.parent_path(), error);
}

struct Standing {
  std::optional<fs::path> former;  // another journal, which the known path is or leads to
  bool leads_here = false;         // the known path is the journal, or a link to it
};

Result<Standing> look_at(const JournalPlace& place) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(place.known, error);
  if (status.type() == fs::file_type::not_found) return Standing{{}, same_place(place.known, place.journal)};
  if (status.type() == fs::file_type::regular) {
    if (same_place(place.known, place.journal)) return Standing{{}, true};
    return Standing{place.known, false};
  }
  if (status.type() != fs::file_type::symlink)
    return fail(ErrorKind::kFailed, place.known.string() + " is neither a file nor a link",
                "remove it: the restore program finds the prefetch journal there");
  const fs::path target = place.known.parent_path() / fs::read_symlink(place.known, error);
  if (!error && same_place(target, place.journal) && !same_place(place.known, place.journal))
    return Standing{{}, true};
  return Standing{target, false};
}

// What a journal still has to put back.
Result<std::vector<JournalEntry>> unfinished(const fs::path& known, const fs::path& former,
                                             const std::string& boot_id) {
  TierJournalLatest latest{};
  // By the known path, so that a link that leads nowhere is told from a journal without records.
  const int error = tier_journal_latest(known.c_str(), boot_id.c_str(), &latest);
  const std::unique_ptr<TierJournalRecord, decltype(&std::free)> owned(latest.records, &std::free);
  if (error != 0)
    return fail(ErrorKind::kFailed,
                fmt::format("the prefetch journal of an earlier tierd, {} ({}), cannot be read: {}",
                            former.string(), known.string(), journal_problem(error)),
                fmt::format("make it readable and run tierd-restore-prefetch; if it is lost, remove {}",
                            known.string()));
  std::vector<JournalEntry> entries;
  for (std::size_t i = 0; i < latest.count; ++i) {
    const TierJournalRecord& record = latest.records[i];
    if (record.kind == kTierIntent)
      entries.push_back({kTierIntent, record.knob, record.other_unit, record.mask, record.original,
                         record.before, record.after});
  }
  return entries;
}

Result<void> append_all(KnobJournal& journal, const std::vector<JournalEntry>& entries) {
  for (const JournalEntry& entry : entries) TIER_TRY(journal.append(entry));
  return {};
}

Result<void> cannot_replace(const fs::path& path, const std::error_code& error) {
  return fail(ErrorKind::kFailed, fmt::format("cannot replace {}: {}", path.string(), error.message()),
              "its folder must be writable: the restore program finds the prefetch journal there");
}

// In one step: the restore program finds the old file or the new one.
Result<void> replace_by_link(const fs::path& known, const fs::path& journal) {
  const fs::path fresh = known.string() + ".link";
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_symlink(fs::absolute(journal), fresh, error);
  if (!error) fs::rename(fresh, known, error);
  return error ? cannot_replace(known, error) : Result<void>{};
}

Result<void> replace_by_journal(const fs::path& known, const std::vector<JournalEntry>& entries,
                                const std::string& boot_id) {
  const fs::path fresh = known.string() + ".fresh";
  std::error_code error;
  fs::remove(fresh, error);
  auto journal = TIER_TRY(KnobJournal::open(fresh, boot_id));
  TIER_TRY(append_all(journal, entries));
  fs::rename(fresh, known, error);
  return error ? cannot_replace(known, error) : Result<void>{};
}

// The former journal has nothing to put back any more, or it would do so again should it be chosen later.
Result<void> mark_finished(const fs::path& former, std::vector<JournalEntry> entries,
                           const std::string& boot_id) {
  if (entries.empty()) return {};
  auto journal = TIER_TRY(KnobJournal::open(former, boot_id));
  for (JournalEntry& entry : entries) {
    entry.kind = kTierRestored;
    entry.before = entry.after = entry.original;
  }
  return append_all(journal, entries);
}

// What follows when the settings of `former` stand in the journal at `place`.
void leave_former(const JournalPlace& place, const fs::path& former, std::vector<JournalEntry> entries,
                  const std::string& boot_id, const std::function<void(const std::string&)>& say) {
  if (say)
    say(fmt::format("the journal is {} now; {} settings are taken over from {}", place.journal.string(),
                    entries.size(), former.string()));
  if (former == place.known) return;
  const auto marked = mark_finished(former, std::move(entries), boot_id);
  if (!marked && say) say("the former journal keeps records that are done with: " + marked.error().text());
}

}  // namespace

bool journal_left(const JournalPlace& place) {
  std::error_code error;
  return fs::exists(place.journal, error) ||
         (!place.known.empty() && fs::exists(fs::symlink_status(place.known, error)));
}

Result<KnobJournal> open_known_journal(const JournalPlace& place, const std::string& boot_id,
                                       const std::function<void(const std::string&)>& say,
                                       JournalLimit limit) {
  if (place.known.empty()) return KnobJournal::open(place.journal, boot_id, limit);
  const auto standing = TIER_TRY(look_at(place));
  std::vector<JournalEntry> entries;
  if (standing.former) entries = TIER_TRY(unfinished(place.known, *standing.former, boot_id));
  const bool is_known = same_place(place.known, place.journal);
  if (is_known && !standing.leads_here) TIER_TRY(replace_by_journal(place.known, entries, boot_id));
  auto journal = KnobJournal::open(place.journal, boot_id, limit);
  if (!journal || standing.leads_here) return journal;
  if (!is_known) {
    TIER_TRY(append_all(*journal, entries));
    TIER_TRY(replace_by_link(place.known, place.journal));
  }
  if (standing.former) leave_former(place, *standing.former, std::move(entries), boot_id, say);
  return journal;
}

}  // namespace tier
