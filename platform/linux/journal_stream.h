// Whether what a program writes is read by the system's journal.
#pragma once

namespace tier {

// True where the descriptor is the stream that `journal_stream`, the value of $JOURNAL_STREAM, names as
// DEVICE:INODE. A child inherits the variable even where its output goes elsewhere (systemd.exec(5)). Null:
// the variable is not set.
bool is_journal_stream(const char* journal_stream, int descriptor);

}  // namespace tier
