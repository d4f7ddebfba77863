// The daemon's folder under /run, where programs that read no configuration look first: the restore program
// for the journal of prefetch settings, and tierctl for the control socket. What the configuration puts
// elsewhere is linked there.
#pragma once

#include <filesystem>
#include <string>

#include "core/result.h"
#include "prefetch/journal/known_journal.h"

namespace tier {

// Of the unit's RuntimeDirectory=, as $RUNTIME_DIRECTORY names it (systemd.exec(5)): root alone may write it.
// Empty where the variable is not set: a daemon that was started by hand keeps no links.
std::filesystem::path runtime_directory(const char* variable);

// Where the journal is, and the path by which the restore program finds it. kUsage: the restore program could
// not see a journal there, since the unit has a /tmp and /var/tmp of its own.
Result<JournalPlace> journal_place(const std::string& journal, const std::filesystem::path& runtime);

// Makes tierctl's default path lead to the socket, where that is elsewhere. A daemon that already listens at
// the default path keeps it: kFailed.
Result<void> link_socket(const std::filesystem::path& socket, const std::filesystem::path& runtime);

}  // namespace tier
