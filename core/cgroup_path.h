// How people write cgroups, for the configuration and for whoever looks them up.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace tier {

// "system.slice/x.service", "/system.slice//x.service/" → "/system.slice/x.service": absolute below the
// hierarchy's root, whose own path is "/". kUsage: empty, with "." or "..", with control characters or NUL,
// or longer than paths and names may be (PATH_MAX, NAME_MAX).
Result<std::string> cgroup_path(std::string_view text);

// Whether `path` is `ancestor` or lies below it; both as cgroup_path() gives them.
bool within_cgroup(std::string_view path, std::string_view ancestor);

}  // namespace tier
