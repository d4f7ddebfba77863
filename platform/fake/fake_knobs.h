// Registers that behave: shared between CPUs, offline CPUs, faults, bits that hardware owns and moves, and
// bits that do not take.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "platform/api/knobs.h"

namespace tier {

class FakeKnobs final : public Knobs {
 public:
  // CPUs 2n and 2n + 1 share all registers.
  Result<std::uint64_t> read(const Knob& knob) override {
    const auto it = values.find(shared(knob));
    if (offline.contains(knob.unit) || it == values.end())
      return fail(ErrorKind::kUnsupported, "there is no " + to_string(knob));
    it->second ^= moving;  // hardware's own
    return it->second;
  }
  Result<void> write(const Knob& knob, std::uint64_t value) override {
    const auto it = values.find(shared(knob));
    if (offline.contains(knob.unit) || it == values.end() || faulty.contains(knob.index))
      return fail(ErrorKind::kUnsupported, "nobody writes " + to_string(knob));
    if (writes_left == 0U) return fail(ErrorKind::kUnsupported, "no further write is taken");
    if (writes_left) --*writes_left;
    it->second = (it->second & stuck) | (value & ~stuck);
    writes.push_back(knob);
    return {};
  }
  std::uint64_t& at(const Knob& knob) { return values[shared(knob)]; }

  std::map<Knob, std::uint64_t, KnobOrder> values;  // by core
  std::set<std::uint32_t> offline, faulty;          // units; indices
  std::uint64_t stuck = 0, moving = 0;              // bits
  std::optional<unsigned> writes_left;              // then none is taken
  std::vector<Knob> writes;

 private:
  static Knob shared(Knob knob) {
    if (knob.kind == kTierKnobRegister) knob.unit /= 2;
    return knob;
  }
};

}  // namespace tier
