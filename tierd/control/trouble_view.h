// What went wrong lately.
#pragma once

#include <cstdint>
#include <string>

namespace tier {

// Something that went wrong, once or again and again.
struct TroubleView {
  std::string message;      // as it came first; repetitions may differ in numbers
  std::uint64_t count = 0;  // how often
  double seconds_ago = 0;   // since it came last
};

}  // namespace tier
