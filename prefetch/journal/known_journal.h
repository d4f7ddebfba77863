// Keeps the journal where the restore program finds it. That program reads no configuration: it looks at one
// known path, which is the journal itself or, where the configuration puts the journal elsewhere, a link to
// it. The known path lies in a folder that root alone may write (/run/tierd), so nobody else can redirect it;
// a reboot empties that folder, as it resets what the journal tells of.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "prefetch/journal/knob_journal.h"

namespace tier {

struct JournalPlace {
  std::filesystem::path journal;  // where records are written: prefetch.journal of the configuration
  std::filesystem::path known;    // the path that the restore program looks at; empty: none is kept
};

// True if an earlier process may have left something to put back at either path.
bool journal_left(const JournalPlace& place);

// Opens the journal, and sees to it that the known path leads to it. Where the known path led to another
// journal, as after a change of the configuration, what that one still has to put back is first copied into
// this one; a kill at any point loses none of it. Fails, and leaves the known path as it is, where the former
// journal cannot be read: kFailed; else as KnobJournal::open does. `say` gets what the reader should know.
Result<KnobJournal> open_known_journal(const JournalPlace& place, const std::string& boot_id,
                                       const std::function<void(const std::string&)>& say,
                                       JournalLimit limit = {});

}  // namespace tier
