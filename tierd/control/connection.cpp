#include "tierd/control/connection.h"

#include <sys/socket.h>

#include <cerrno>

namespace tier {

Connection::Sent Connection::flush() {
  while (!drained()) {
    const ssize_t sent =
        ::send(socket.get(), output.data() + written, output.size() - written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      written += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN ? Sent::kSome : Sent::kBroken;
  }
  output.clear();
  if (output.capacity() > (1U << 20)) output.shrink_to_fit();  // a heat map was sent; do not keep its memory
  written = 0;
  return Sent::kAll;
}

}  // namespace tier
