#include "tierd/daemon/node_meters.h"

#include <fmt/format.h>

#include <algorithm>

namespace tier {
namespace {

// A meter that gave a sound rate within so many intervals delivers. PCM's answers are one tick late, and one
// that is lost is no trouble yet.
constexpr int kLately = 3;
// Readings younger than this part of the interval, made for prefetch control, serve the engine too.
constexpr int kFresh = 4;

std::array<std::uint64_t, kRateRefusals> refusals(const SignalRates& rates) {
  std::array<std::uint64_t, kRateRefusals> all{};
  for (std::size_t s = 0; s < kSignals; ++s)
    for (std::size_t r = 0; r < kRateRefusals; ++r)
      all[r] += rates.refused(static_cast<Signal>(s), static_cast<RateRefusal>(r));
  return all;
}

bool delivers_now(const SignalRates& rates) {
  for (std::size_t s = 0; s < kSignals; ++s)
    if (!rates.by_unit(static_cast<Signal>(s)).empty()) return true;
  return false;
}

}  // namespace

NodeMeters::NodeMeters(NodeMetersParts parts, const NodeMetersSettings& settings)
    : parts_(std::move(parts)), settings_(settings) {
  for (MeterEntry& entry : parts_.table) {
    Row row;
    row.entry = std::move(entry);
    rows_.push_back(std::move(row));
  }
  start_wanted();
}

bool NodeMeters::wanted(const Row& row) const {
  return row.entry.actuator.empty() || actuators_.contains(row.entry.actuator);
}

void NodeMeters::serve(const std::set<std::string>& actuators) {
  for (const std::string& each : actuators)
    for (Row& row : rows_)
      // An order to arm is a reason to try at once.
      if (row.entry.actuator == each && !actuators_.contains(each)) row.delay = row.retry_at = {};
  actuators_ = actuators;
  for (Row& row : rows_) {
    if (wanted(row) || !row.meter) continue;
    row.meter.reset(), row.latest.clear(), row.delivered.reset(), row.refused.reset();
  }
  start_wanted();
}

void NodeMeters::start_wanted() {
  now_ = parts_.clock.now();
  for (Row& row : rows_)
    if (wanted(row) && !row.meter && (row.delay.count() == 0 || now_ >= row.retry_at)) start(row, now_);
}

void NodeMeters::start(Row& row, Nanoseconds now) const {
  auto made = row.entry.make();
  if (!made) {
    row.refusal = made.error().text();
    row.delay = row.delay.count() == 0 ? settings_.retry : std::min(2 * row.delay, settings_.most_retry);
    row.retry_at = now + row.delay;
    return;
  }
  row.meter = *std::move(made);
  row.refusal.clear(), row.delay = {};
  RateSettings rules;
  rules.cpus = settings_.cpus;
  row.rates = SignalRates(rules);
}

std::vector<MeterReadings> NodeMeters::read_meters() {
  std::vector<MeterReadings> all;
  for (Row& row : rows_) {
    if (!row.meter) continue;
    row.latest = row.meter->read();
    all.push_back({row.meter->name(), row.latest});
  }
  read_ = parts_.clock.now();
  return all;
}

MachineReadings NodeMeters::read() {
  start_wanted();
  if (!read_ || now_ - *read_ >= settings_.interval / kFresh) (void)read_meters();
  // The time after them, or they would lie in the future.
  now_ = parts_.clock.now();
  // Two ticks soon after each other, as after a long one, are no reason to find readings stale.
  const Nanoseconds passed = taken_ ? std::max(now_ - *taken_, settings_.interval) : settings_.interval;
  taken_ = now_;
  for (Row& row : rows_)
    if (row.meter) take(row, now_, passed);
  MachineReadings out = parts_.sensors != nullptr ? parts_.sensors->read() : MachineReadings{};
  out.refaults = rate(Signal::kRefaults);
  out.memory_traffic = memory_traffic();
  out.local_bandwidth = rate(Signal::kLocalTraffic), out.remote_bandwidth = rate(Signal::kRemoteTraffic);
  return out;
}

void NodeMeters::take(Row& row, Nanoseconds now, Nanoseconds passed) {
  const auto before = refusals(row.rates);
  const MeterReadings readings{row.meter->name(), row.latest};
  row.rates.take({&readings, 1}, now, passed);
  if (delivers_now(row.rates)) {
    row.delivered = now;
    return row.refused.reset();
  }
  const auto after = refusals(row.rates);
  std::uint64_t most = 0;
  row.refused.reset();
  for (std::size_t r = 0; r < kRateRefusals; ++r)
    if (const std::uint64_t fresh = after[r] - before[r]; fresh > most)
      most = fresh, row.refused = static_cast<RateRefusal>(r);
}

std::optional<double> NodeMeters::rate(Signal signal) const {
  for (const Row& row : rows_)
    if (row.meter)
      if (const auto sum = row.rates.rate(signal)) return sum;
  return {};
}

// Of one meter as a whole: where the rate of one node is missing, which others' traffic it would be taken
// for cannot be told.
std::vector<NodeTraffic> NodeMeters::memory_traffic() const {
  for (const Row& row : rows_) {
    if (!row.meter || !row.rates.rate(Signal::kMemoryRead) || !row.rates.rate(Signal::kMemoryWritten))
      continue;
    std::vector<NodeTraffic> all;
    for (const auto& [node, read] : row.rates.by_unit(Signal::kMemoryRead))
      if (const auto written = row.rates.rate(Signal::kMemoryWritten, node))
        all.push_back({NodeId{static_cast<int>(node)}, read + *written});
    return all;
  }
  return {};
}

// Why a meter that runs gives nothing.
std::string NodeMeters::silence_of(const Row& row) const {
  if (std::string trouble = row.meter->trouble(); !trouble.empty()) return trouble;
  if (row.refused == RateRefusal::kFirst || !taken_)
    return "a rate needs two readings, which is one tick more";
  if (row.refused) return fmt::format("its counters are refused: {}", to_string(*row.refused));
  return "it reads nothing";
}

std::vector<MeterDecision> NodeMeters::meters() const {
  std::vector<MeterDecision> all;
  for (const Row& row : rows_) {
    MeterDecision decision{row.entry.name, row.meter != nullptr, row.entry.gives};
    if (!row.meter && !wanted(row))
      decision.reason = fmt::format("it runs while the actuator {} of prefetch control is armed: {}",
                                    row.entry.actuator, row.entry.cost);
    else if (!row.meter)
      decision.reason = row.refusal;
    decision.delivers = row.delivered && now_ - *row.delivered <= kLately * settings_.interval;
    if (row.meter && !decision.delivers) decision.reason += fmt::format("; nothing now: {}", silence_of(row));
    all.push_back(std::move(decision));
  }
  return all;
}

}  // namespace tier
