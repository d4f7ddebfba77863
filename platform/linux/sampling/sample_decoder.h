// From tier_sample events to access samples: keeps what each instruction pointer decodes to.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>

#include "bpf/events.h"
#include "core/access_sample.h"
#include "core/address_range.h"
#include "core/clock.h"
#include "core/time_budget.h"
#include "platform/linux/sampling/waiting_share.h"
#include "platform/linux/sampling/x86_ahead.h"
#include "platform/linux/sampling/x86_decoder.h"
#include "platform/linux/sampling/x86_transition.h"

namespace tier {

// A checked view of one event of the `samples` ring: version, kind and length fit.
struct RawSample {
  const tier_sample* sample = nullptr;
  const tier_code_sample* code = nullptr;  // when the event brings code
};
std::optional<RawSample> parse_sample(std::span<const std::byte> event);

// How the access is picked among those that the code around ip shows.
struct PickRule {
  bool ip_is_behind = true;  // else the instruction at ip comes first
  bool with_evidence =
      false;  // also accesses further on and further back: evidence of access, not of waiting
};

struct PickedAccess {
  Address address = 0;
  AccessType type = AccessType::kUnknown;
  bool direct = false;  // of the instruction the machine points at, not a neighbour
};

struct DecodedSample {
  std::optional<PickedAccess> picked;
  std::optional<X86Transition> transition;  // nothing where the code around ip is not known
  std::optional<SampledPlace> place;        // where it says whether an access draws more than its share
  bool deferred = false;  // the code is new and there is no time for it now; it will be sent again
};

// Not thread-safe.
class SampleDecoder {
 public:
  // Share of the time that may go into code never seen, which costs a hundred times what a sample of known
  // code does, and how much of it at once. The hundred milliseconds are 4,000 instructions at 25 us each; a
  // program's hot ones come first, since they are sampled most.
  static constexpr double kLearningShare = 0.1;
  static constexpr Nanoseconds kLearningAtOnce = std::chrono::milliseconds(100);

  // `learnt` is called for each instruction pointer whose code was decoded, so that it need not be sent
  // again. `forget` when the cache was emptied: everything must be sent again.
  // `read`: memory of a process, for addresses that were made of what a program had loaded.
  using ReadMemory = std::function<std::optional<std::uint64_t>(std::uint32_t tgid, Address, unsigned bytes)>;
  SampleDecoder(std::function<void(const tier_known_code&)> learnt,
                std::function<void(const tier_known_code&)> forget, ReadMemory read, const Clock& clock)
      : learnt_(std::move(learnt)), forget_(std::move(forget)), read_(std::move(read)), clock_(clock) {}

  void set_learning_share(double share) { learning_.set_share(share); }  // of the time, 0..1
  DecodedSample decode(const RawSample& raw, const PickRule& rule);
  // Forgets all code: to be called when `with_evidence` changes, since what is kept depends on it.
  void clear();
  // Forgets what the process's code in the ranges decodes to. They are sorted and do not overlap.
  void forget(std::uint32_t tgid, std::span<const AddressRange> ranges);

 private:
  struct KeyHash {
    std::size_t operator()(const tier_known_code& key) const noexcept {
      return (key.ip ^ (std::uint64_t{key.tgid} << 40) ^ (std::uint64_t{key.exec_id} << 52)) *
                 0x9e3779b97f4a7c15U >>
             16U;
    }
  };
  struct KeyEqual {
    bool operator()(const tier_known_code& a, const tier_known_code& b) const noexcept {
      return a.ip == b.ip && a.tgid == b.tgid && a.exec_id == b.exec_id;
    }
  };

  std::function<void(const tier_known_code&)> learnt_, forget_;
  struct Known {
    std::vector<std::uint8_t>
        bytes;  // what it was decoded from: `before` bytes before the pointer, the rest after
    std::size_t before = 0;
    X86Decoded around;
    X86Ahead replay;  // of an access that overwrote its own address
    X86Ahead ahead;   // only where evidence is asked for
    std::optional<X86Transition> transition;
    // Where a pointer right behind an access has accesses in a row in front of it: bytes back to the place in
    // front of each of them, up to one behind which nothing can have been waited for. Empty where that is too
    // far or not known.
    std::vector<std::uint8_t> run;
    std::uint64_t seen = 0;  // samples, the older ones discounted
  };
  // False when there is no time for it now.
  bool learn(Known& known, X86Code code, const PickRule& rule);
  Known* known_of(const RawSample& raw, const PickRule& rule);
  Known* take_in(const tier_known_code& key, const RawSample& raw, const PickRule& rule);
  std::optional<SampledPlace> count(const tier_sample& sample, Known& known);
  std::optional<PickedAccess> pick(const Known& known, const tier_sample& sample, const PickRule& rule) const;
  std::unordered_map<tier_known_code, Known, KeyHash, KeyEqual> cache_;
  ReadMemory read_;
  const Clock& clock_;
  TimeBudget learning_{kLearningShare, kLearningAtOnce};
  bool deferred_ = false;  // of the present sample
};

X86Registers registers_of(const tier_registers& raw);

}  // namespace tier
