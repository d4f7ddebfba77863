// The daemon's answers as views and as documents, for the commands.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/result.h"
#include "tierd/control/views_json.h"

namespace tier {

// A single document is indented for people, those of a stream take a line each.
inline std::string document(const nlohmann::json& value, bool stream) {
  return dump_json(value, stream ? -1 : 2) + "\n";
}

template <typename View>
Result<View> as_view(const nlohmann::json& value) {
  try {
    return value.get<View>();
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorKind::kFailed, std::string("the daemon's answer cannot be read: ") + error.what(),
                "use the tierctl of the same version as the daemon");
  }
}

}  // namespace tier
