#include "platform/linux/journal_stream.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace tier {

bool is_journal_stream(const char* journal_stream, int descriptor) {
  struct stat status {};
  if (journal_stream == nullptr || ::fstat(descriptor, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
}

}  // namespace tier
