// What the learned forecaster found out about workloads, in the daemon's state directory.
#pragma once

#include <filesystem>

#include "predictor/network/adapter.h"

namespace tier {

// Where the unit's StateDirectory puts it.
inline constexpr const char* kSignatureFile = "/var/lib/tierd/signatures";

// Keeps the bytes in the file, replaced whole (platform/api/durable_file.h). No file yet is nothing kept; one
// that is larger than a store can be is refused.
SignatureStorage signature_file(std::filesystem::path path = kSignatureFile);

}  // namespace tier
