// Memory bandwidth by NUMA node from Intel PCM's sensor server: for machines where somebody runs it anyway.
#pragma once

#include <string>

#include "core/clock.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/meters/http_get.h"

namespace tier {

// kMemoryRead and kMemoryWritten. Each read() gives the latest answer and has the next one fetched, by a
// thread of its own: readings are one tick old, and a server that hangs makes them stale. The clock is used
// by that thread.
std::unique_ptr<Meter> make_pcm_meter(const Clock& clock, const std::string& root, HttpGet get);

// As the settings say: "HOST" or "HOST:PORT" (9738). kUsage: that is no address. kUnsupported: there is none,
// or no libcurl.
MeterResult make_pcm_meter(const Clock& clock, const std::string& root, const std::string& address);

}  // namespace tier
