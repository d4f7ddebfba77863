// Who is at the other end of a unix socket, by the kernel's word.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/result.h"
#include "tierd/control/backend.h"

namespace tier {

// From SO_PEERCRED and SO_PEERGROUPS, taken at connect time: a process that changes its user later keeps what
// it had. Decisions rest on the uid and the groups, never on the pid, which may be reused; the pid is for the
// log. privileged: uid 0, or `group` among its groups.
Result<Caller> peer_of(int socket, std::optional<gid_t> group);

// Nothing when there is no such group: then only root is privileged.
std::optional<gid_t> find_group(const std::string& name);

}  // namespace tier
