// Knobs of the running machine. Each access opens its file: accesses are rare, and what went away shows.
#pragma once

#include "platform/api/knobs.h"
#include "platform/linux/knob_file.h"

namespace tier {

class LinuxKnobs final : public Knobs {
 public:
  explicit LinuxKnobs(const TierKnobFiles& files = kTierKnobFiles) : files_(files) {}
  Result<std::uint64_t> read(const Knob& knob) override;
  Result<void> write(const Knob& knob, std::uint64_t value) override;

 private:
  TierKnobFiles files_;
};

}  // namespace tier
