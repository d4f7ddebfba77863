#include "prefetch/patterns/access_patterns.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kNominalWait = 100e-9;     // seconds of a counted access: a load from DRAM
constexpr std::uint32_t kMostCpus = 8192;   // NR_CPUS of the largest kernels; a larger number is wrong
constexpr Address kUserSpace = 1ULL << 52;  // differences, times 1024, stay within 63 bits
constexpr double kLeastKnown = 0.25;        // of what is waited, for a verdict on all of it
constexpr double kForgotten = 1e-9;         // seconds

std::size_t index(AccessPattern pattern) { return static_cast<std::size_t>(pattern); }

}  // namespace

AccessPatterns::AccessPatterns(PatternSettings settings) : settings_(settings) {
  settings_.instructions = std::max<std::size_t>(settings_.instructions, 1);
  instructions_.reserve(settings_.instructions);
}

void AccessPatterns::add(const AccessSample& sample) {
  const bool of_loads = sample.source == SourceKind::kStall || sample.source == SourceKind::kHardware;
  if (!of_loads || sample.ip == 0 || sample.time.count() <= 0 || sample.address >= kUserSpace) return;
  const double waited =
      sample.meaning == WeightMeaning::kStall ? sample.weight : sample.weight * kNominalWait;
  if (!(waited > 0) || !std::isfinite(waited)) return;
  const std::size_t place = place_of(sample, waited);
  wait(instructions_[place], sample.cpu < kMostCpus ? sample.cpu : kNoCpu, waited);
  step(instructions_[place], sample);
}

// Space-saving (Metwally, Agrawal, El Abbadi 2005): who is new takes the place of the least, and its weight,
// so that what is hot stays and what might be hot has its chance.
std::size_t AccessPatterns::place_of(const AccessSample& sample, double waited) {
  const auto known = places_.find({sample.target, sample.ip});
  if (known != places_.end()) {
    instructions_[known->second].waited += waited;
    return known->second;
  }
  std::size_t place = instructions_.size();
  double inherited = 0;
  if (place < settings_.instructions) {
    instructions_.emplace_back();
  } else {
    const auto least = std::min_element(instructions_.begin(), instructions_.end(),
                                        [](const auto& a, const auto& b) { return a.waited < b.waited; });
    place = static_cast<std::size_t>(least - instructions_.begin());
    settle(*least);
    places_.erase(least->code);
    inherited = least->waited;
    *least = {};
  }
  Instruction& fresh = instructions_[place];
  fresh.code = {sample.target, sample.ip};
  fresh.waited = inherited + waited;
  places_[fresh.code] = place;
  return place;
}

void AccessPatterns::step(Instruction& of, const AccessSample& sample) const {
  Last* last = &of.last.front();
  for (Last& each : of.last) {
    if (each.tid == sample.tid && each.time.count() > 0) {
      last = &each;
      break;
    }
    if (each.time < last->time) last = &each;
  }
  const Nanoseconds time = sample.time - last->time;
  const bool follows = last->tid == sample.tid && last->time.count() > 0 && time.count() > 0;
  if (follows && time <= settings_.longest_step) {
    of.steps[of.steps_seen++ % kSteps] = {static_cast<std::int64_t>(sample.address - last->address), time};
    of.fresh = true;
  }
  *last = {sample.tid, sample.address, sample.time};
}

void AccessPatterns::wait(Instruction& of, std::uint32_t cpu, double waited) {
  const auto find = [&] {
    return std::find_if(of.on_cpu.begin(), of.on_cpu.end(),
                        [&](const OnCpu& each) { return each.waited == 0 || each.cpu == cpu; });
  };
  auto found = find();
  if (found == of.on_cpu.end()) {
    settle(of);
    found = find();
  }
  found->cpu = cpu;
  found->waited += waited;
}

// What was waited at it goes to its CPUs, by the pattern that is known of it now.
void AccessPatterns::settle(Instruction& of) {
  for (OnCpu& each : of.on_cpu)
    if (each.waited > 0) by_cpu_[each.cpu][index(of.pattern)] += each.waited;
  of.on_cpu = {};
}

void AccessPatterns::close() {
  for (auto it = by_cpu_.begin(); it != by_cpu_.end();) {
    double all = 0;
    for (double& weight : it->second) all += weight *= settings_.keep;
    it = all < kForgotten ? by_cpu_.erase(it) : std::next(it);
  }
  for (Instruction& each : instructions_) {
    if (each.fresh)
      each.pattern = pattern_of(std::span(each.steps).first(std::min<std::size_t>(each.steps_seen, kSteps)));
    each.fresh = false;
    settle(each);
    each.waited *= settings_.keep;
  }
}

AccessPattern AccessPatterns::pattern(std::span<const std::uint32_t> cpus) const {
  Weights sum{};
  const auto take = [&](const Weights& of) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += of[i];
  };
  if (cpus.empty())
    for (const auto& [cpu, weights] : by_cpu_) take(weights);
  for (const std::uint32_t cpu : cpus)
    if (const auto found = by_cpu_.find(cpu); found != by_cpu_.end()) take(found->second);
  double known = 0;
  AccessPattern most = AccessPattern::kUnknown;
  for (const auto each : {AccessPattern::kSequential, AccessPattern::kStrided, AccessPattern::kRandom}) {
    known += sum[index(each)];
    if (most == AccessPattern::kUnknown || sum[index(each)] > sum[index(most)]) most = each;
  }
  const double unknown = sum[index(AccessPattern::kUnknown)];
  const bool told = known > 0 && known >= kLeastKnown * (known + unknown) && 2 * sum[index(most)] >= known;
  return told ? most : AccessPattern::kUnknown;
}

std::vector<InstructionPattern> AccessPatterns::instructions() const {
  std::vector<InstructionPattern> out;
  for (const Instruction& each : instructions_)
    out.push_back({each.code.target, each.code.ip, each.pattern, each.waited});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.waited > b.waited; });
  return out;
}

std::size_t AccessPatterns::bytes_used() const {
  constexpr std::size_t kNode = 4 * sizeof(void*);  // of a container's own, in the usual library
  return instructions_.capacity() * sizeof(Instruction) +
         places_.size() * (sizeof(decltype(places_)::value_type) + kNode) +
         by_cpu_.size() * (sizeof(decltype(by_cpu_)::value_type) + kNode);
}

}  // namespace tier
