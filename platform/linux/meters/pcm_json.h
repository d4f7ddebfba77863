// The document of Intel PCM's sensor server (pcm-sensor-server, http://ADDRESS/ with "Accept:
// application/json").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier {

// Bytes since PCM began to count. None where the document has no number, or 0: what PCM cannot count it gives
// as 0, and no machine reads nothing.
struct PcmSocket {
  std::uint64_t id = 0;
  std::optional<std::uint64_t> read, written;          // DRAM, and what else is at its controllers
  std::optional<std::uint64_t> hbm_read, hbm_written;  // high-bandwidth memory of the package
};

// Takes any bytes at all. kFailed: it is no such document.
Result<std::vector<PcmSocket>> parse_pcm(const std::string& document);

}  // namespace tier
