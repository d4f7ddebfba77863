#include "prefetch/guard/knob_guard.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace tier {
namespace {

// The C code's access to knobs.
TierKnobAccess plain(Knobs& knobs) {
  TierKnobAccess access{};
  access.self = &knobs;
  access.read = [](void* self, const TierKnob* knob, std::uint64_t* value) {
    const auto read = static_cast<Knobs*>(self)->read(*knob);
    if (read) *value = *read;
    return read ? 0 : EIO;
  };
  access.write = [](void* self, const TierKnob* knob, std::uint64_t value) {
    return static_cast<Knobs*>(self)->write(*knob, value).has_value() ? 0 : EIO;
  };
  return access;
}

JournalEntry entry_of(TierJournalKind kind, const ControlledKnob& which, std::uint64_t original,
                      std::uint64_t before, std::uint64_t after) {
  return {kind, which.knob, which.other_unit, which.mask, original, before, after};
}

Result<std::uint64_t> write_and_read(Knobs& knobs, const TierKnob& knob, std::uint64_t value) {
  TIER_TRY(knobs.write(knob, value));
  return knobs.read(knob);
}

}  // namespace

KnobGuard::KnobGuard(Knobs& knobs, KnobJournal journal, Nanoseconds lease,
                     std::function<void(const KnobWrite&)> log)
    : knobs_(knobs), journal_(std::move(journal)), lease_(lease), log_(std::move(log)) {}

KnobGuard::~KnobGuard() { (void)restore(); }

Result<RestoreReport> KnobGuard::begin(Nanoseconds now) {
  renew(now);
  return restore();
}

Result<RestoreReport> KnobGuard::restore() {
  RestoreReport report;
  const TierKnobAccess access = plain(knobs_);
  const int error = tier_restore(
      journal_.path().c_str(), journal_.boot_id().c_str(), &access,
      [](void* self, const TierRestoreEvent* event) {
        static_cast<RestoreReport*>(self)->events.push_back(*event);
      },
      &report, &report.summary);
  if (error != 0)
    return fail(ErrorKind::kFailed,
                fmt::format("cannot read the prefetch journal {}: {}", journal_.path().string(),
                            std::strerror(error)),
                "read it as root; a reboot resets everything");
  for (const TierRestoreEvent& event : report.events) {
    if (event.fate == kTierFateRestored && log_) log_({event.knob, event.found, event.left});
    if (event.fate == kTierFateFailed || event.fate == kTierFateForeign) refused_.insert(event.knob);
  }
  states_.clear();
  return report;
}

Result<void> KnobGuard::set(const ControlledKnob& which, std::uint64_t bits) {
  const Knob& key = which.knob;
  if (expired_) return fail(ErrorKind::kUnsupported, "the lease on all knobs has run out", "renew it first");
  if (refused_.contains(key))
    return fail(ErrorKind::kDiffers,
                to_string(which.knob) + " belongs to somebody else, or what it held is not known",
                "look who writes it; a reboot resets it");
  const auto now = TIER_TRY(knobs_.read(which.knob));
  const auto state = TIER_TRY(snapshot(which, now));
  if (const std::uint64_t ours = state->written & which.mask; (now & which.mask) != ours) {
    refused_.insert(key), states_.erase(key);
    // Nothing of ours is in it any more.
    (void)journal_.append(entry_of(kTierSnapshot, which, now, now, now));
    return fail(
        ErrorKind::kDiffers,
        fmt::format("{} holds {:#x} where tierd wrote {:#x}", to_string(which.knob), now & which.mask, ours),
        "look who else writes it; it is left alone from now on");
  }
  const std::uint64_t after = (now & ~which.mask) | (bits & which.mask);
  return after == now ? Result<void>{} : write(*state, now, after);
}

Result<KnobGuard::State*> KnobGuard::snapshot(const ControlledKnob& which, std::uint64_t now) {
  const Knob& key = which.knob;
  if (const auto it = states_.find(key); it != states_.end()) return &it->second;
  TIER_TRY(journal_.append(entry_of(kTierSnapshot, which, now, now, now)));
  return &states_.emplace(key, State{which, now, now}).first->second;
}

Result<void> KnobGuard::write(State& state, std::uint64_t before, std::uint64_t after) {
  const ControlledKnob which = state.which;
  TIER_TRY(journal_.append(entry_of(kTierIntent, which, state.original, before, after)));
  if (log_) log_({which.knob, before, after});
  auto written = knobs_.write(which.knob, after);
  const auto back = written ? knobs_.read(which.knob) : Result<std::uint64_t>(0);
  if (written && back && (*back & which.mask) == (after & which.mask)) {
    state.written = after;
    return {};
  }
  // Whatever took of it is taken back; the knob is not for us.
  const std::uint64_t original = (before & ~which.mask) | (state.original & which.mask);
  // The write back is announced as every other: bits that took in part are neither `before` nor `after`.
  if (written && back) (void)journal_.append(entry_of(kTierIntent, which, state.original, *back, original));
  const auto undone = write_and_read(knobs_, which.knob, original);
  if (undone) {
    const bool held = (*undone & which.mask) == (original & which.mask);
    // What it holds instead is our doing, and still to be put back.
    (void)journal_.append(
        entry_of(held ? kTierRestored : kTierIntent, which, state.original, *undone, original));
  }
  refused_.insert(which.knob), states_.erase(which.knob);
  if (!written) return written;
  if (!back) return tl::make_unexpected(back.error());
  return fail(ErrorKind::kUnsupported,
              fmt::format("{} did not take {:#x}: it holds {:#x}", to_string(which.knob), after & which.mask,
                          *back & which.mask),
              "hardware or a hypervisor refuses these bits; they are left alone from now on");
}

// Tried again as long as the journal cannot be read: only then are there states left.
std::optional<Result<RestoreReport>> KnobGuard::expire(Nanoseconds now) {
  if (now - renewed_ <= lease_ || (expired_ && states_.empty())) return {};
  expired_ = true;
  return restore();
}

Result<void> KnobGuard::forget_cpu(std::uint32_t cpu) {
  const auto of_cpu = [&](const Knob& knob) { return knob.kind == kTierKnobRegister && knob.unit == cpu; };
  std::set<Knob, KnobOrder> all = refused_;
  for (const auto& [knob, state] : states_) all.insert(knob);
  for (const Knob& knob : all)
    if (of_cpu(knob)) TIER_TRY(journal_.append({.kind = kTierSnapshot, .knob = knob}));
  std::erase_if(states_, [&](const auto& entry) { return of_cpu(entry.first); });
  std::erase_if(refused_, of_cpu);
  return {};
}

}  // namespace tier
