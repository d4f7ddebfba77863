#include "prefetch/registers/register_guard.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace tier {
namespace {

// The C code's access to registers.
TierRegisters plain(Registers& registers) {
  TierRegisters access{};
  access.self = &registers;
  access.read = [](void* self, std::uint32_t cpu, std::uint32_t reg, std::uint64_t* value) {
    const auto read = static_cast<Registers*>(self)->read(cpu, reg);
    if (read) *value = *read;
    return read ? 0 : EIO;
  };
  access.write = [](void* self, std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) {
    return static_cast<Registers*>(self)->write(cpu, reg, value) ? 0 : EIO;
  };
  return access;
}

std::string name_of(const ControlledRegister& which) {
  return fmt::format("register {:#x} of CPU {}", which.reg, which.cpu);
}

JournalEntry entry_of(TierJournalKind kind, const ControlledRegister& which, std::uint64_t original,
                      std::uint64_t before, std::uint64_t after) {
  return {kind, which.cpu, which.other_cpu, which.reg, which.mask, original, before, after};
}

}  // namespace

RegisterGuard::RegisterGuard(Registers& registers, RegisterJournal journal, Nanoseconds lease,
                             std::function<void(const RegisterWrite&)> log)
    : registers_(registers), journal_(std::move(journal)), lease_(lease), log_(std::move(log)) {}

RegisterGuard::~RegisterGuard() { (void)restore(); }

Result<RestoreReport> RegisterGuard::begin(Nanoseconds now) {
  renew(now);
  return restore();
}

Result<RestoreReport> RegisterGuard::restore() {
  RestoreReport report;
  const TierRegisters access = plain(registers_);
  const int error = tier_restore(
      journal_.path().c_str(), journal_.boot_id().c_str(), &access,
      [](void* self, const TierRestoreEvent* event) {
        static_cast<RestoreReport*>(self)->events.push_back(*event);
      },
      &report, &report.summary);
  if (error != 0)
    return fail(ErrorKind::kFailed,
                fmt::format("cannot read the register journal {}: {}", journal_.path().string(),
                            std::strerror(error)),
                "read it as root; a reboot resets all registers");
  for (const TierRestoreEvent& event : report.events) {
    if (event.fate == kTierFateRestored && log_) log_({event.via, event.reg, event.found, event.left});
    if (event.fate == kTierFateFailed || event.fate == kTierFateForeign)
      refused_.insert({event.cpu, event.reg});
  }
  states_.clear();
  return report;
}

Result<void> RegisterGuard::set(const ControlledRegister& which, std::uint64_t bits) {
  const Key key{which.cpu, which.reg};
  if (expired_)
    return fail(ErrorKind::kUnsupported, "the lease on all registers has run out", "renew it first");
  if (refused_.contains(key))
    return fail(ErrorKind::kDiffers,
                name_of(which) + " belongs to somebody else, or what it held is not known",
                "look who writes it; a reboot resets it");
  const auto now = registers_.read(which.cpu, which.reg);
  if (!now) return tl::make_unexpected(now.error());
  const auto state = snapshot(which, *now);
  if (!state) return tl::make_unexpected(state.error());
  if ((*now & which.mask) != ((*state)->written & which.mask)) {
    refused_.insert(key), states_.erase(key);
    // Nothing of ours is in it any more.
    (void)journal_.append(entry_of(kTierSnapshot, which, *now, *now, *now));
    return fail(ErrorKind::kDiffers,
                fmt::format("{} holds {:#x} where tierd wrote {:#x}", name_of(which), *now & which.mask,
                            (*state)->written & which.mask),
                "look who else writes it; it is left alone from now on");
  }
  const std::uint64_t after = (*now & ~which.mask) | (bits & which.mask);
  return after == *now ? Result<void>{} : write(**state, *now, after);
}

Result<RegisterGuard::State*> RegisterGuard::snapshot(const ControlledRegister& which, std::uint64_t now) {
  const Key key{which.cpu, which.reg};
  if (const auto it = states_.find(key); it != states_.end()) return &it->second;
  if (auto kept = journal_.append(entry_of(kTierSnapshot, which, now, now, now)); !kept)
    return tl::make_unexpected(kept.error());
  return &states_.emplace(key, State{which, now, now}).first->second;
}

Result<void> RegisterGuard::write(State& state, std::uint64_t before, std::uint64_t after) {
  const ControlledRegister which = state.which;
  if (auto kept = journal_.append(entry_of(kTierIntent, which, state.original, before, after)); !kept)
    return kept;
  if (log_) log_({which.cpu, which.reg, before, after});
  auto written = registers_.write(which.cpu, which.reg, after);
  const auto back = written ? registers_.read(which.cpu, which.reg) : Result<std::uint64_t>(0);
  if (written && back && (*back & which.mask) == (after & which.mask)) {
    state.written = after;
    return {};
  }
  // Whatever took of it is taken back; the register is not for us.
  const std::uint64_t original = (before & ~which.mask) | (state.original & which.mask);
  const bool undone = registers_.write(which.cpu, which.reg, original).has_value();
  if (undone) (void)journal_.append(entry_of(kTierRestored, which, state.original, original, original));
  refused_.insert({which.cpu, which.reg}), states_.erase({which.cpu, which.reg});
  if (!written) return written;
  if (!back) return tl::make_unexpected(back.error());
  return fail(ErrorKind::kUnsupported,
              fmt::format("{} did not take {:#x}: it holds {:#x}", name_of(which), after & which.mask,
                          *back & which.mask),
              "hardware or a hypervisor refuses these bits; they are left alone from now on");
}

std::optional<RestoreReport> RegisterGuard::expire(Nanoseconds now) {
  if (expired_ || now - renewed_ <= lease_) return {};
  expired_ = true;
  auto report = restore();
  return report ? std::optional(*std::move(report)) : std::nullopt;
}

Result<void> RegisterGuard::forget_cpu(std::uint32_t cpu) {
  for (auto it = states_.begin(); it != states_.end();) {
    if (it->first.first != cpu) {
      ++it;
      continue;
    }
    const ControlledRegister& which = it->second.which;
    if (auto kept = journal_.append(entry_of(kTierSnapshot, which, 0, 0, 0)); !kept) return kept;
    it = states_.erase(it);
  }
  std::erase_if(refused_, [&](const Key& key) { return key.first == cpu; });
  return {};
}

}  // namespace tier
