#pragma once

namespace tier {

inline constexpr const char* kVersion = TIERD_VERSION;  // from the build: CMakeLists.txt's project()

}  // namespace tier
