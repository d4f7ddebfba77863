#include "tierd/control/peer.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace tier {
namespace {

// Supplementary groups; empty when the kernel is older than 4.13 or the list is longer than a sane limit.
std::vector<gid_t> peer_groups(int socket) {
  std::vector<gid_t> groups(64);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
      groups.resize(size / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || size > 65536 * sizeof(gid_t)) break;  // NGROUPS_MAX
    groups.resize(size / sizeof(gid_t));
  }
  return {};
}

}  // namespace

Result<Caller> peer_of(int socket, std::optional<gid_t> group) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return fail(ErrorKind::kFailed, std::string("cannot tell who connected: ") + std::strerror(errno));
  Caller caller{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid, .privileged = false};
  caller.privileged = caller.uid == 0;
  if (group && !caller.privileged) {
    const auto groups = peer_groups(socket);
    caller.privileged =
        caller.gid == *group || std::find(groups.begin(), groups.end(), *group) != groups.end();
  }
  return caller;
}

std::optional<gid_t> find_group(const std::string& name) {
  std::vector<char> buffer(16384);
  group entry{};
  group* found = nullptr;
  while (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE &&
         buffer.size() < (1 << 24))
    buffer.resize(buffer.size() * 2);
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

}  // namespace tier
