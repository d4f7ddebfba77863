// Small files that must survive a crash whole: models, what was learnt.
#pragma once

#include <filesystem>
#include <string_view>

#include "core/result.h"

namespace tier {

// Puts `bytes` in the place of the file `path`, in one step: whoever opens it, and whatever is left after a
// crash or a power cut, is the old file or the new one, whole. On return the new one is on disk, and the old
// one, if there was one, is kept as `path`.previous. On failure `path` is as it was; nothing else is left
// behind unless the process dies, when a temporary beside it (`path`.new.XXXXXX) may be. The new file has the
// old one's permissions, else 0644. Two writers at once are safe; the later one stays. One failure comes
// after the change, and says so: the folder that could not be synced. Linked from platform/linux.
Result<void> replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace tier
