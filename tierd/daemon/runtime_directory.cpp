#include "tierd/daemon/runtime_directory.h"

#include <fmt/format.h>

#include <string_view>

#include "tierd/config/config.h"
#include "tierd/control/listener.h"

namespace tier {

namespace fs = std::filesystem;

namespace {

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_normal().lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// The built-in path's file name, in this folder.
fs::path in(const fs::path& runtime, const std::string& built_in) {
  return runtime / fs::path(built_in).filename();
}

}  // namespace

fs::path runtime_directory(const char* variable) {
  const std::string_view folders = variable == nullptr ? "" : variable;
  return folders.substr(0, folders.find(':'));
}

Result<JournalPlace> journal_place(const std::string& journal, const fs::path& runtime) {
  if (runtime.empty()) return JournalPlace{journal, {}};
  for (const char* folder : {"/tmp", "/var/tmp"})  // PrivateTmp=yes of the unit
    if (is_below(journal, folder) && !is_below(runtime, folder))
      return fail(ErrorKind::kUsage,
                  fmt::format("prefetch.journal: {} is in the service's own {}, which nothing else can see",
                              journal, folder),
                  "choose a path in /run/tierd or /var/lib/tierd");
  return JournalPlace{journal, in(runtime, PrefetchConfig{}.journal)};
}

Result<void> link_socket(const fs::path& socket, const fs::path& runtime) {
  if (runtime.empty()) return {};
  const fs::path known = in(runtime, ControlConfig{}.socket), fresh = known.string() + ".link";
  std::error_code error;
  if (fs::weakly_canonical(socket, error) == fs::weakly_canonical(runtime, error) / known.filename())
    return {};
  // Refused where another tierd listens there. The socket of one that was killed goes with this listener.
  if (fs::is_socket(fs::symlink_status(known, error))) TIER_TRY(Listener::open(known.string()));
  fs::remove(fresh, error);
  fs::create_symlink(socket, fresh, error);
  if (!error) fs::rename(fresh, known, error);
  if (!error) return {};
  return fail(ErrorKind::kFailed, fmt::format("cannot link {}: {}", known.string(), error.message()),
              fmt::format("use `tierctl --socket {}`", socket.string()));
}

}  // namespace tier
