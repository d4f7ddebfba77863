#include "tierd/daemon/sight.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tier {

const char* to_string(SightState state) {
  switch (state) {
    case SightState::kStarting:
      return "starting";
    case SightState::kSees:
      return "sees";
    case SightState::kIdle:
      return "idle";
    case SightState::kBlind:
      return "blind";
  }
  return "unknown";
}

void Sight::sources_changed(bool any) {
  any_source_ = any;
  since_change_ = 0;
  accounts_.clear();
  unseen_.clear(), held_.clear();
  // Who was blind stays so until the new sources have shown that they work.
  if (!any) state_ = SightState::kBlind;
  if (state_ == SightState::kBlind) return;
  state_ = SightState::kStarting;
  dark_seconds_ = dark_cpu_ = 0;
  few_ = true;
}

bool Sight::may_move() const {
  return state_ != SightState::kBlind && since_change_ >= settings_.proof && dark_cpu_ < settings_.doubt;
}

void Sight::arrived(std::uint64_t samples) { running_ += samples, since_change_ += samples; }

bool Sight::tick(double interval, std::span<const TargetTick> targets) {
  if (!(interval > 0) || !any_source_) return false;
  double user_seconds = 0;
  std::uint64_t samples = 0;
  for (const TargetTick& each : targets) user_seconds += each.user_seconds, samples += each.samples;
  since_change_ += samples - std::min(samples, running_);
  running_ = 0;
  few_ = static_cast<double>(samples) < settings_.fewest_per_second * interval;
  if (few_) {
    dark_seconds_ += interval, dark_cpu_ += user_seconds;
  } else {
    dark_seconds_ = dark_cpu_ = 0;
  }
  const SightState before = state_;
  settle();
  const bool others = judge_each(targets, user_seconds, samples);
  return state_ != before || others;
}

void Sight::settle() {
  if (dark_cpu_ >= settings_.blind_cpu && dark_seconds_ >= settings_.blind_for) {
    // Once blind, a few stray samples are no sight: the proof is asked for again.
    if (state_ != SightState::kBlind) since_change_ = 0;
    state_ = SightState::kBlind;
  } else if (since_change_ < settings_.proof) {
    if (state_ != SightState::kBlind) state_ = SightState::kStarting;
  } else {
    state_ = few_ && dark_cpu_ < settings_.doubt ? SightState::kIdle : SightState::kSees;
  }
}

bool Sight::judge_each(std::span<const TargetTick> targets, double user_seconds, std::uint64_t samples) {
  const auto before = std::pair(unseen_, held_);
  unseen_.clear(), held_.clear();
  std::map<TargetId, Account> accounts;
  for (const TargetTick& each : targets) {
    Account& account = accounts[each.target] = accounts_[each.target];
    ++account.ticks;
    if (each.samples > 0) {
      account = {.ever = true, .ticks = account.ticks};
      continue;
    }
    account.user_seconds += each.user_seconds;
    if (user_seconds > 0) account.promised += static_cast<double>(samples) * each.user_seconds / user_seconds;
    const bool unseen =
        account.user_seconds >= settings_.unseen_cpu && account.promised >= settings_.unseen_promised;
    // A first tick says nothing of its CPU time.
    const bool unknown = !account.ever && (account.ticks < 2 || account.user_seconds >= settings_.doubt);
    if (unseen) unseen_.insert(each.target);
    if (unseen || unknown) held_.insert(each.target);
  }
  accounts_ = std::move(accounts);
  return std::pair(unseen_, held_) != before;
}

std::string Sight::reason() const {
  if (!any_source_) return "no access source can run; `tierctl doctor` says what each one lacks";
  switch (state_) {
    case SightState::kStarting:
      return fmt::format("{} samples so far; nothing is moved before {}", since_change_, settings_.proof);
    case SightState::kSees:
      return dark_cpu_ < settings_.doubt
                 ? "samples arrive"
                 : fmt::format(
                       "no samples for {:.0f} s, in which the programs used {:.1f} s of CPU: "
                       "nothing is moved until samples arrive",
                       dark_seconds_, dark_cpu_);
    case SightState::kIdle:
      return "the watched programs use no CPU";
    case SightState::kBlind:
      if (dark_cpu_ < settings_.blind_cpu)
        return "the present sources have not shown yet that they work: nothing is moved";
      return fmt::format(
          "the watched programs used {:.1f} s of CPU in {:.0f} s and hardly a sample arrived: "
          "nothing is moved",
          dark_cpu_, dark_seconds_);
  }
  return {};
}

}  // namespace tier
