#include "predictor/switch.h"

#include <algorithm>
#include <cmath>

#include "core/score.h"

namespace tier {
namespace {

// Means of the captured share over 3 and 33 ticks (measured: reference switch, 48 resets over 36 changes of
// workload, 4 of them false).
constexpr double kShort = 0.7, kLong = 0.97;
constexpr std::uint64_t kSettled = 16;  // ticks without a verdict after the start and after a reset
constexpr const char* kBlend = "blend";

std::vector<ExpertEntry> chosen(const SwitchSettings& settings, std::span<const ExpertEntry> table) {
  std::vector<ExpertEntry> list;
  for (const ExpertEntry& entry : table) {
    const auto& names = settings.experts;
    if (names.empty() || std::find(names.begin(), names.end(), entry.name) != names.end())
      list.push_back(entry);
  }
  return list;
}

std::size_t candidates_of(const SwitchSettings& settings, std::span<const ExpertEntry> table) {
  const std::size_t experts = chosen(settings, table).size();
  return experts + (settings.blend && experts > 1 ? 1 : 0);
}

}  // namespace

Switch::Switch(SwitchSettings settings, std::span<const ExpertEntry> table)
    : settings_(std::move(settings)), waiting_(candidates_of(settings_, table)) {
  std::size_t first = 0;
  for (const ExpertEntry& entry : chosen(settings_, table)) {
    if (entry.name == settings_.first) first = candidates_.size();
    candidates_.push_back({entry.name, entry.make(), 0, {}});
  }
  const std::size_t experts = candidates_.size();
  if (settings_.blend && experts > 1) candidates_.push_back({kBlend, nullptr, 0, {}});
  barred_.resize(candidates_.size());
  for (std::size_t h = 0; h < kCount; ++h) {
    contests_.emplace_back(candidates_.size(), first, settings_.contest);
    blends_.emplace_back(experts);
    issued_[h] = first;
  }
}

void Switch::observe(const NodeContext& node) {
  fast_bytes_ = node.tiers.size() > 1 ? static_cast<double>(node.tiers.front().total.value) : 0;
}

// Of the snapshot's regions those that fit into the fast tier, 0..1. What is quiet does not compete for it.
double Switch::fast_share(const RegionSnapshot& snapshot) const {
  const auto listed = static_cast<double>(snapshot.regions.size());
  if (!(listed > 0)) return 0;
  double bytes = 0;
  for (const Region& region : snapshot.regions) bytes += static_cast<double>(region.resident.value);
  if (fast_bytes_ > 0 && bytes > 0) return std::min(1.0, fast_bytes_ / bytes);
  return std::min(1.0, settings_.fast_share * (listed + static_cast<double>(snapshot.quiet)) / listed);
}

ForecastSet Switch::forecast(const RegionSnapshot& snapshot) {
  ++tick_;
  statistics_.observe(snapshot);
  for (Candidate& candidate : candidates_)
    if (candidate.expert) candidate.expert->observe(snapshot, statistics_);
  panel_.update(statistics_);
  waiting_.tick(panel_);
  learn();
  bar();
  elect();
  ForecastSet set{snapshot.sequence, name(), {}, settings_.caution};
  set.forecasts.resize(snapshot.regions.size());
  const double weight = statistics_.sample_weight();
  for (std::size_t row = 0; row < set.forecasts.size(); ++row)
    set.forecasts[row].key = snapshot.regions[row].key;
  for (std::size_t h = 0; h < kCount; ++h) {
    follow(h);
    const auto& spreads = candidates_[issued_[h]].spread;
    spreads[h].about(means_[h], weight, spreads[0], h, set.forecasts);
  }
  ask_panel(snapshot);
  return set;
}

void Switch::learn() {
  const double weight = statistics_.sample_weight();
  for (std::size_t h = 0; h < kCount; ++h) {
    const Outcomes* outcomes = waiting_.due(h);
    contests_[h].add(waiting_.of(h), outcomes);
    if (outcomes == nullptr) continue;
    if (candidates_.size() > 1 && is_blend(candidates_.size() - 1))
      blends_[h].add(*outcomes, kScoredEvery[h]);
    // Every candidate's errors are looked at now and then, the leader's each time.
    const std::size_t turn = (tick_ / kScoredEvery[h]) % candidates_.size();
    candidates_[turn].spread[h].add(*outcomes, turn, h, weight);
    if (outcomes->issued != turn)
      candidates_[outcomes->issued].spread[h].add(*outcomes, outcomes->issued, h, weight);
    if (h == 0) watch_drift(*outcomes);
  }
}

void Switch::watch_drift(const Outcomes& outcomes) {
  if (!(outcomes.asked > 0)) return;
  const double share = outcomes.captured[outcomes.issued] / outcomes.asked;
  ++watched_;
  // Plain means at first.
  const double begun = 1 / static_cast<double>(watched_);
  short_share_ += std::max(1 - kShort, begun) * (share - short_share_);
  long_share_ += std::max(1 - kLong, begun) * (share - long_share_);
  if (watched_ < kSettled || short_share_ >= settings_.drift * long_share_) return;
  ++drift_resets_;
  watched_ = 0;
  for (Contest& contest : contests_) contest.forget(settings_.kept_on_drift);
  for (Blend& blend : blends_) blend.forget(settings_.kept_on_drift);
  for (Candidate& candidate : candidates_)
    if (candidate.expert) candidate.expert->forget();
}

void Switch::bar() {
  for (std::size_t c = 0; c < candidates_.size(); ++c) {
    const Candidate& candidate = candidates_[c];
    const bool ready = is_blend(c) ? blends_[0].ready() && blends_[1].ready() && blends_[2].ready()
                                   : candidate.expert->ready();
    barred_[c] = !ready || tick_ < candidate.barred_until ? 1 : 0;
  }
}

void Switch::elect() {
  for (std::size_t h = 0; h < kCount; ++h) {
    const std::size_t was = contests_[h].leader();
    contests_[h].elect(barred_);
    if (contests_[h].leader() != was) ++changes_[h];
    // The blend is shrunk towards the best of the others.
    std::size_t best = 0;
    for (std::size_t c = 0; c < candidates_.size(); ++c)
      if (!is_blend(c) && barred_[c] == 0 && contests_[h].score(c) > contests_[h].score(best)) best = c;
    if (is_blend(candidates_.size() - 1) && waiting_.due(h) != nullptr) blends_[h].solve(best, barred_);
  }
}

void Switch::ask(std::size_t candidate, std::size_t horizon, const Rows& rows, std::span<float> out) {
  if (!is_blend(candidate)) {
    candidates_[candidate].expert->forecast(statistics_, horizon, rows, out);
    return;
  }
  std::fill(out.begin(), out.end(), 0.0F);
  scratch_.resize(out.size());
  for (std::size_t c = 0; c + 1 < candidates_.size(); ++c) {
    const auto weight = static_cast<float>(blends_[horizon].weights()[c]);
    if (weight == 0 || barred_[c] != 0) continue;
    candidates_[c].expert->forecast(statistics_, horizon, rows, scratch_);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += weight * scratch_[i];
  }
}

// Whoever says what is no demand is barred for a while.
bool Switch::sound(std::size_t candidate, std::span<const float> values) {
  float unsound = 0;  // infinities and what is not a number stay what they are
  bool negative = false;
  for (const float value : values) unsound += 0 * value, negative |= value < 0;
  if (unsound == 0 && !negative) return true;
  candidates_[candidate].barred_until = tick_ + settings_.barred_for;
  candidates_[candidate].expert ? candidates_[candidate].expert->forget() : void();
  barred_[candidate] = 1;
  return false;
}

// The leader's forecast, or where that is unsound the next one's. Where all fail: no demand.
void Switch::follow(std::size_t horizon) {
  const Rows rows = Rows::all(statistics_.size());
  means_[horizon].resize(statistics_.size());
  for (std::size_t tried = 0; tried < candidates_.size(); ++tried) {
    const std::size_t leader = contests_[horizon].leader();
    if (barred_[leader] == 0) {
      ask(leader, horizon, rows, means_[horizon]);
      issued_[horizon] = leader;
      if (sound(leader, means_[horizon])) return;
    }
    contests_[horizon].elect(barred_);
    if (contests_[horizon].leader() == leader) break;
  }
  std::fill(means_[horizon].begin(), means_[horizon].end(), 0.0F);
}

void Switch::ask_panel(const RegionSnapshot& snapshot) {
  const auto members = static_cast<double>(panel_.rows().size());
  panel_capacity_ =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(fast_share(snapshot) * members)));
  const Rows rows = Rows::some(panel_.rows());
  for (std::size_t h = 0; h < kCount; ++h) {
    Outcomes* const outcomes = waiting_.begin(h, panel_, panel_capacity_, issued_[h]);
    if (outcomes == nullptr) continue;
    for (std::size_t c = 0; c < candidates_.size(); ++c) {
      if (barred_[c] != 0) continue;
      ask(c, h, rows, outcomes->of(c));
      outcomes->valid[c] = sound(c, outcomes->of(c));
      if (!outcomes->valid[c]) std::ranges::fill(outcomes->of(c), 0.0F);
      choose_highest(outcomes->of(c), outcomes->capacity, outcomes->chosen_by(c), scratch_);
    }
  }
}

SwitchStatus Switch::describe() const {
  SwitchStatus status;
  for (std::size_t c = 0; c < candidates_.size(); ++c) {
    ExpertStatus expert{candidates_[c].name, barred_[c] != 0, {}, {}, {}};
    for (std::size_t h = 0; h < kCount; ++h) {
      expert.score[h] = contests_[h].score(c);
      expert.captured[h] = contests_[h].captured(c);
      if (!is_blend(c)) expert.weight[h] = blends_[h].weights()[c];
    }
    status.experts.push_back(std::move(expert));
  }
  for (std::size_t h = 0; h < kCount; ++h) status.leader[h] = candidates_[issued_[h]].name;
  status.changes = changes_;
  status.drift_resets = drift_resets_;
  status.panel = panel_.rows().size();
  return status;
}

std::vector<std::string> Switch::leaders() const {
  std::vector<std::string> names;
  for (const std::size_t candidate : issued_) names.push_back(candidates_[candidate].name);
  return names;
}

std::size_t Switch::bytes_used() const {
  std::size_t bytes = statistics_.bytes_used() + panel_.bytes_used() + waiting_.bytes_used() +
                      candidates_.size() * sizeof(Candidate) + scratch_.capacity() * sizeof(float);
  for (const auto& means : means_) bytes += means.capacity() * sizeof(float);
  for (const Candidate& candidate : candidates_)
    if (candidate.expert) bytes += candidate.expert->bytes_used();
  return bytes;
}

std::unique_ptr<Forecaster> make_switch() { return std::make_unique<Switch>(); }

}  // namespace tier
