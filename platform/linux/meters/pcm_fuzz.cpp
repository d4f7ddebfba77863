// Feeds the reader of the document of Intel PCM's sensor server.
#include <set>

#include "platform/linux/meters/pcm_json.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tier::fuzz::require;
  const auto sockets = tier::parse_pcm(tier::fuzz::text_of(data, size));
  if (!sockets) {
    tier::fuzz::require_told(sockets.error());
    return 0;
  }
  std::set<std::uint64_t> seen;
  for (const tier::PcmSocket& socket : *sockets) {
    require(seen.insert(socket.id).second, "a socket stands there once");
    for (const auto& counter : {socket.read, socket.written, socket.hbm_read, socket.hbm_written})
      require(counter != 0U, "a counter is not 0");
  }
  return 0;
}
