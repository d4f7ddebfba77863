// Settings of the machine that are one number each: model-specific registers, read-ahead of block devices and
// of swap.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "core/result.h"
#include "platform/api/knob.h"

namespace tier {

using Knob = TierKnob;

struct KnobOrder {
  bool operator()(const Knob& a, const Knob& b) const {
    return std::tie(a.kind, a.unit, a.index) < std::tie(b.kind, b.unit, b.index);
  }
};

inline std::string to_string(const Knob& knob) {
  switch (knob.kind) {
    case kTierKnobRegister:
      return fmt::format("register {:#x} of CPU {}", knob.index, knob.unit);
    case kTierKnobReadahead:
      return fmt::format("read-ahead of block device {}:{}", knob.unit >> 20, knob.unit & 0xFFFFF);
    case kTierKnobPageCluster:
      return "read-ahead of swap (page-cluster)";
    default:
      return fmt::format("unknown knob {}", knob.kind);
  }
}

class Knobs {
 public:
  virtual ~Knobs() = default;
  // kUnsupported: there is no such thing here: the CPU is offline, has no such register, the device has gone.
  // kPermission. kFailed: it holds no number.
  virtual Result<std::uint64_t> read(const Knob& knob) = 0;
  virtual Result<void> write(const Knob& knob, std::uint64_t value) = 0;
};

}  // namespace tier
