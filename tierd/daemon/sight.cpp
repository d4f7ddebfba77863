#include "tierd/daemon/sight.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tier {
namespace {

constexpr double kAccountDue = 200;  // samples due at which an account is halved
constexpr double kDecodedShare = 0.01;

}  // namespace

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
  dark_seconds_ = dark_cpu_ = dark_due_ = 0;
  few_ = true;
  accounts_.clear();
  unseen_.clear(), held_.clear();
  if (!any) {
    state_ = SightState::kBlind;
    was_blind_ = true;
  } else if (state_ != SightState::kBlind) {
    state_ = SightState::kStarting;
  }
}

bool Sight::may_move() const {
  const bool doubtful =
      dark_cpu_ >= settings_.doubt && (rate_.per_cpu_second <= 0 || dark_due_ >= settings_.doubt_missing);
  return state_ != SightState::kBlind && since_change_ >= settings_.proof && !doubtful;
}

bool Sight::dark() const {
  return dark_cpu_ >= settings_.blind_cpu &&
         dark_seconds_ >= std::max(settings_.blind_for, 2 * rate_.silence) &&
         (rate_.per_cpu_second <= 0 || dark_due_ >= settings_.blind_missing);
}

void Sight::arrived(std::uint64_t samples) { running_ += samples, since_change_ += samples; }

bool Sight::tick(double interval, std::span<const TargetTick> targets, const SightRate& rate) {
  if (!(interval > 0) || !any_source_) return false;
  rate_ = rate;
  double user_seconds = 0;
  std::uint64_t samples = 0;
  for (const TargetTick& each : targets) user_seconds += each.user_seconds, samples += each.samples;
  since_change_ += samples - std::min(samples, running_);
  running_ = 0;
  const double due = user_seconds * rate.per_cpu_second;
  few_ = static_cast<double>(samples) < std::max(1.0, settings_.fewest * due);
  if (few_) {
    dark_seconds_ += interval;
    if (dark_seconds_ > rate.silence) dark_cpu_ += user_seconds, dark_due_ += due;
  } else {
    dark_seconds_ = dark_cpu_ = dark_due_ = 0;
  }
  // Nobody is left of whom it could be blind.
  if (targets.empty()) was_blind_ = false, dark_seconds_ = dark_cpu_ = dark_due_ = 0;
  const SightState before = state_;
  settle(user_seconds);
  const bool others = judge_each(targets, user_seconds, samples, rate);
  return state_ != before || others;
}

void Sight::settle(double user_seconds) {
  if (dark()) was_blind_ = true;
  // While blind, samples are proof only when they come one after the other: a few strays are not.
  if (was_blind_ && few_ && user_seconds > 0 && dark_cpu_ > 0) since_change_ = 0;
  if (since_change_ >= settings_.proof && !dark()) was_blind_ = false;
  if (was_blind_) {
    // New sources of which nothing is known yet are no reason for an alarm while the programs rest.
    const bool still = user_seconds > 0 && state_ == SightState::kBlind;
    state_ = dark_cpu_ > 0 || still ? SightState::kBlind : SightState::kStarting;
  } else if (since_change_ < settings_.proof) {
    state_ = SightState::kStarting;
  } else {
    state_ = few_ && dark_cpu_ < settings_.doubt ? SightState::kIdle : SightState::kSees;
  }
}

bool Sight::is_unseen(const Account& account, const SightRate& rate) const {
  const double fewest = rate.per_cpu_second > 0 ? settings_.fewest * account.due : 0;
  const bool silent = account.user_seconds >= settings_.unseen_cpu && account.due >= settings_.unseen_due &&
                      account.samples <= fewest;
  const bool undecoded =
      account.samples >= settings_.undecoded && account.decoded < kDecodedShare * account.samples;
  return silent || undecoded;
}

bool Sight::judge_each(std::span<const TargetTick> targets, double user_seconds, std::uint64_t samples,
                       const SightRate& rate) {
  const auto before = std::pair(unseen_, held_);
  unseen_.clear(), held_.clear();
  ++ticks_;
  for (const TargetTick& each : targets) {
    Account& account = accounts_[each.target];
    ++account.ticks, account.last = ticks_;
    account.ever = account.ever || each.samples > 0;
    account.user_seconds += each.user_seconds;
    account.samples += static_cast<double>(each.samples);
    account.decoded += static_cast<double>(each.decoded + each.deferred);
    if (rate.per_cpu_second > 0)
      account.due += each.user_seconds * rate.per_cpu_second;
    else if (user_seconds > 0)
      account.due += static_cast<double>(samples) * each.user_seconds / user_seconds;
    const bool unseen = is_unseen(account, rate);
    // A first tick says nothing of its CPU time.
    const bool unknown = !account.ever && (account.ticks < 2 || account.user_seconds >= settings_.doubt);
    if (unseen) unseen_.insert(each.target);
    if (unseen || unknown) held_.insert(each.target);
    // Without a known rate only a sample says that it is seen: the account begins anew with it.
    if (rate.per_cpu_second <= 0 && each.samples > 0 && !unseen)
      account.user_seconds = account.due = 0, account.samples = account.decoded = 0;
    if (std::max(account.due, account.samples) >= 2 * kAccountDue)
      account.user_seconds /= 2, account.due /= 2, account.samples /= 2, account.decoded /= 2;
  }
  if (accounts_.size() != targets.size())
    std::erase_if(accounts_, [this](const auto& known) { return known.second.last != ticks_; });
  return std::pair(unseen_, held_) != before;
}

std::string Sight::reason() const {
  if (!any_source_) return "no access source can run; `tierctl doctor` says what each one lacks";
  const std::string dark = fmt::format(
      "the watched programs used {:.1f} s of CPU in {:.0f} s without samples", dark_cpu_, dark_seconds_);
  switch (state_) {
    case SightState::kStarting:
      return fmt::format("{} samples so far; nothing is moved before {}", since_change_, settings_.proof);
    case SightState::kSees:
      return may_move() ? "samples arrive" : dark + ": moves wait until they arrive again";
    case SightState::kIdle:
      return "the watched programs use no CPU";
    case SightState::kBlind:
      return dark_cpu_ > 0
                 ? dark + ": nothing is moved"
                 : fmt::format("{} samples since samples failed to come; nothing is moved before {}",
                               since_change_, settings_.proof);
  }
  return {};
}

}  // namespace tier
