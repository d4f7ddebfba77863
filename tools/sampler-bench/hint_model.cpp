#include "tools/sampler-bench/hint_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "core/region.h"

namespace tier {
namespace {

constexpr std::uint64_t kRegion = kDefaultRegionSize.value;
constexpr int kFolds = 4;     // of the training seconds, each held out in turn
constexpr int kRepeats = 16;  // thinnings at random of each degree
constexpr int kSteps = 300;   // of expectation maximisation, at most
constexpr double kSettled = 1e-6;
constexpr double kSmallest = 1e-9;  // share of a part of the mixture
constexpr std::size_t kStackPointer = 4;
constexpr double kLeastGain = 0.03;  // nats a sample, of 32 times the samples, for them to be worth counting

using Counts = std::vector<double>;  // by region
using Selection = std::vector<const HintData::Sample*>;
constexpr double kTiny = 1e-300;

double total(const Counts& counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

Counts waits_of(const Selection& samples, std::size_t regions) {
  Counts counts(regions);
  for (const auto* sample : samples)
    if (sample->region >= 0) ++counts[static_cast<std::size_t>(sample->region)];
  return counts;
}

bool has(std::uint16_t bits, std::size_t number) { return (bits >> number & 1U) != 0; }

// Hits of those registers that `wanted(sample, number)` names, all of them.
template <typename Wanted>
Counts hits_of(const Selection& samples, std::size_t regions, Wanted&& wanted) {
  Counts counts(regions);
  for (const auto* sample : samples)
    for (std::size_t number = 0; number < kGeneralRegisters; ++number)
      if (sample->hit[number] >= 0 && wanted(*sample, number))
        ++counts[static_cast<std::size_t>(sample->hit[number])];
  return counts;
}

// Each region once a sample.
bool first_of_region(const HintData::Sample& sample, std::size_t number) {
  const auto end = sample.hit.begin() + static_cast<std::ptrdiff_t>(number);
  return std::find(sample.hit.begin(), end, sample.hit[number]) == end;
}

bool once_decoded(const HintData::Sample& sample, std::size_t number) {
  return sample.region >= 0 && first_of_region(sample, number);
}

Counts present(const Selection& samples, std::size_t regions) {
  Counts counts = hits_of(samples, regions, once_decoded);
  for (double& count : counts) count = std::min(count, 1.0);
  return counts;
}

// `computing`: of samples without a decoded address too.
Counts lines_of(const Selection& samples, std::size_t regions, bool computing) {
  std::set<std::uint64_t> lines;
  Counts counts(regions);
  for (const auto* sample : samples)
    for (std::size_t number = 0; number < kGeneralRegisters; ++number)
      if (sample->hit[number] >= 0 && (computing || sample->region >= 0) &&
          lines.insert(sample->line[number]).second)
        ++counts[static_cast<std::size_t>(sample->hit[number])];
  return counts;
}

Counts beside(const HintData& data, const Counts& waits) {
  Counts counts(waits.size());
  for (std::size_t i = 1; i < waits.size(); ++i) {
    if (data.regions[i] != data.regions[i - 1] + kRegion) continue;
    counts[i] += waits[i - 1];
    counts[i - 1] += waits[i];
  }
  return counts;
}

// The same where decoded samples lie and where none does, as two.
void add_apart(std::vector<Counts>& parts, const Counts& counts, const Counts& waits) {
  Counts unseen(counts.size()), seen(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) (waits[i] == 0 ? unseen : seen)[i] = counts[i];
  parts.push_back(std::move(unseen));
  parts.push_back(std::move(seen));
}

void add_roles(std::vector<Counts>& parts, const Selection& samples, std::size_t regions) {
  using Sample = HintData::Sample;
  parts.push_back(hits_of(samples, regions,
                          [](const Sample& s, std::size_t k) { return s.region >= 0 && has(s.own, k); }));
  parts.push_back(hits_of(samples, regions, [](const Sample& s, std::size_t k) {
    return s.region >= 0 && !has(s.own, k) && has(s.dereferenced, k);
  }));
  parts.push_back(hits_of(samples, regions, [](const Sample& s, std::size_t k) {
    return s.region >= 0 && !has(s.own, k) && !has(s.dereferenced, k);
  }));
}

// What the prediction is a weighted sum of: decoded samples, one for every region, and hits by the form.
std::vector<Counts> parts_of(const HintData& data, const Selection& samples, HintForm form) {
  const std::size_t regions = data.regions.size();
  std::vector<Counts> parts = {waits_of(samples, regions), Counts(regions, 1.0)};
  const Counts waits = parts.front();
  switch (form) {
    case HintForm::kNone:
      break;
    case HintForm::kNeighbours:
      parts.push_back(beside(data, waits));
      break;
    case HintForm::kConstant:
      parts.push_back(hits_of(samples, regions, once_decoded));
      break;
    case HintForm::kShuffled:
      parts.push_back(hits_of(samples, regions, once_decoded));
      std::shuffle(parts.back().begin(), parts.back().end(), std::mt19937_64(7));
      break;
    case HintForm::kPerRegister:
      for (std::size_t wanted = 0; wanted < kGeneralRegisters; ++wanted)
        if (wanted != kStackPointer)
          parts.push_back(hits_of(
              samples, regions, [&](const auto& s, std::size_t k) { return s.region >= 0 && k == wanted; }));
      break;
    case HintForm::kRoles:
      add_roles(parts, samples, regions);
      break;
    case HintForm::kDereferenced:
      parts.push_back(hits_of(samples, regions, [](const auto& s, std::size_t k) {
        return s.region >= 0 && has(s.dereferenced, k);
      }));
      break;
    case HintForm::kUnseen:
      add_apart(parts, hits_of(samples, regions, once_decoded), waits);
      parts.pop_back();
      break;
    case HintForm::kPresent:
      add_apart(parts, present(samples, regions), waits);
      break;
    case HintForm::kLines:
      add_apart(parts, lines_of(samples, regions, false), waits);
      break;
    case HintForm::kComputing:
      parts.push_back(hits_of(samples, regions, first_of_region));
      break;
    case HintForm::kComputingLines:
      add_apart(parts, lines_of(samples, regions, true), waits);
      break;
    case HintForm::kNeighboursLines:
      parts.push_back(beside(data, waits));
      add_apart(parts, lines_of(samples, regions, false), waits);
      break;
  }
  return parts;
}

// One region with held-out samples: how likely each part of the mixture makes it, and how many there are.
struct HeldOut {
  std::vector<double> likelihood;
  double count = 0;
};

std::vector<double> fit_mixture(const std::vector<HeldOut>& held_out, std::size_t parts) {
  std::vector<double> shares(parts, 1.0 / static_cast<double>(parts));
  double change = 1;
  for (int step = 0; step < kSteps && change > kSettled; ++step) {
    std::vector<double> next(parts, 0.0);
    for (const HeldOut& each : held_out) {
      const double sum = std::inner_product(shares.begin(), shares.end(), each.likelihood.begin(), kTiny);
      for (std::size_t k = 0; k < parts; ++k) next[k] += each.count * shares[k] * each.likelihood[k] / sum;
    }
    double sum = 0;
    for (double& share : next) share = std::max(share, kSmallest), sum += share;
    change = 0;
    for (std::size_t k = 0; k < parts; ++k) {
      change = std::max(change, std::abs(next[k] / sum - shares[k]));
      shares[k] = next[k] / sum;
    }
  }
  return shares;
}

// The weight of one count of each part: of the mixture's shares and how many counts there are on average.
std::vector<double> fitted_weights(const HintData& data, const std::vector<Selection>& folds, HintForm form) {
  std::vector<HeldOut> held_out;
  std::vector<double> totals;
  for (std::size_t out = 0; out < folds.size(); ++out) {
    Selection rest;
    for (std::size_t in = 0; in < folds.size(); ++in)
      if (in != out) rest.insert(rest.end(), folds[in].begin(), folds[in].end());
    const std::vector<Counts> parts = parts_of(data, rest, form);
    const Counts waits = waits_of(folds[out], data.regions.size());
    totals.resize(parts.size());
    std::vector<double> sums;
    sums.reserve(parts.size());
    for (const Counts& part : parts) sums.push_back(total(part));
    for (std::size_t k = 0; k < parts.size(); ++k) totals[k] += sums[k] / static_cast<double>(folds.size());
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i] == 0) continue;
      HeldOut each{{}, waits[i]};
      for (std::size_t k = 0; k < parts.size(); ++k)
        each.likelihood.push_back(parts[k][i] / std::max(sums[k], kTiny));
      held_out.push_back(std::move(each));
    }
  }
  std::vector<double> weights = fit_mixture(held_out, totals.size());
  for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = totals[k] > 0 ? weights[k] / totals[k] : 0;
  return weights;
}

// Share of the waits that falls into so large a part of the regions, those with the highest rate first. Of
// regions with equal rates each has its part.
double share_in(const Counts& rates, const Counts& waits, double part) {
  std::vector<std::size_t> order(rates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rates[a] > rates[b]; });
  double room = part * static_cast<double>(rates.size()), got = 0;
  for (std::size_t begin = 0, end = 0; begin < order.size() && room > 0; begin = end) {
    double equal = 0;
    for (; end < order.size() && rates[order[end]] == rates[order[begin]]; ++end) equal += waits[order[end]];
    const auto size = static_cast<double>(end - begin);
    got += equal * std::min(1.0, room / size);
    room -= size;
  }
  return got / std::max(total(waits), kTiny);
}

HintScore score_of(const Counts& rates, const Counts& waits) {
  const double sum = std::max(total(rates), kTiny), samples = std::max(total(waits), kTiny);
  HintScore score;
  for (std::size_t i = 0; i < rates.size(); ++i)
    if (waits[i] > 0) score.log_likelihood += waits[i] / samples * std::log(std::max(rates[i], kTiny) / sum);
  score.eighth = share_in(rates, waits, 1.0 / 8);
  score.quarter = share_in(rates, waits, 1.0 / 4);
  return score;
}

HintScore predict(const HintData& data, const std::vector<Selection>& folds, HintForm form,
                  const Counts& test) {
  const std::vector<double> weights = fitted_weights(data, folds, form);
  Selection all;
  for (const Selection& fold : folds) all.insert(all.end(), fold.begin(), fold.end());
  const std::vector<Counts> parts = parts_of(data, all, form);
  Counts rates(data.regions.size());
  for (std::size_t k = 0; k < parts.size(); ++k)
    for (std::size_t i = 0; i < rates.size(); ++i) rates[i] += weights[k] * parts[k][i];
  return score_of(rates, test);
}

struct Split {
  std::vector<Selection> folds{kFolds};  // of the training seconds
  Selection test;
};

// What is held out of alternate seconds is seconds between the others. Of a half it is a stretch of time, as
// the other half is: weights that only hold for the moment do badly there too.
Split split_of(const HintData& data, HintSplit how) {
  Split split;
  const auto half = std::max<std::int64_t>(static_cast<std::int64_t>(data.length_s / 2), kFolds);
  for (const HintData::Sample& sample : data.samples) {
    const bool alternate = how == HintSplit::kAlternate;
    const bool trains = alternate ? sample.second % 2 == 0 : sample.second < half;
    const std::int64_t fold = alternate ? sample.second / 2 % kFolds : sample.second * kFolds / half;
    if (trains)
      split.folds[static_cast<std::size_t>(fold)].push_back(&sample);
    else
      split.test.push_back(&sample);
  }
  return split;
}

std::vector<Selection> thinned(const std::vector<Selection>& folds, double kept, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform;
  std::vector<Selection> left(folds.size());
  for (std::size_t fold = 0; fold < folds.size(); ++fold)
    for (const auto* sample : folds[fold])
      if (uniform(generator) < kept) left[fold].push_back(sample);
  return left;
}

// Of regions without a decoded sample in training: whether those that registers point into have one later.
void add_coverage(const HintData& data, const Split& split, const Counts& test, HintResult& result) {
  Selection all;
  for (const Selection& fold : split.folds) all.insert(all.end(), fold.begin(), fold.end());
  const Counts waits = waits_of(all, data.regions.size());
  const Counts hits = hits_of(all, data.regions.size(), once_decoded);
  double hit_later = 0, other_later = 0, unseen = 0;
  for (std::size_t i = 0; i < waits.size(); ++i) {
    if (waits[i] > 0) continue;
    ++(hits[i] > 0 ? result.hit_regions : result.other_regions);
    (hits[i] > 0 ? hit_later : other_later) += test[i] > 0 ? 1 : 0;
    unseen += test[i];
  }
  const auto share = [](double part, std::uint64_t of) {
    return of == 0 ? 0 : part / static_cast<double>(of);
  };
  result.hit_later = share(hit_later, result.hit_regions);
  result.other_later = share(other_later, result.other_regions);
  result.unseen_share = unseen / std::max(total(test), kTiny);
}

// Halvings of the samples, fractions too, at which a curve that falls with them has come down to `value`.
double halvings_at(std::array<double, kThinnings> curve, double value) {
  for (std::size_t i = 1; i < curve.size(); ++i) curve[i] = std::min(curve[i], curve[i - 1]);
  if (value >= curve.front()) return 0;
  for (std::size_t i = 1; i < curve.size(); ++i)
    if (value >= curve[i])
      return static_cast<double>(i - 1) + (curve[i - 1] - value) / std::max(curve[i - 1] - curve[i], kTiny);
  return static_cast<double>(curve.size() - 1);
}

}  // namespace

const char* name_of(HintForm form) {
  static constexpr std::array<const char*, kHintForms> kNames = {"decoded samples alone",
                                                                 "neighbours, no register",
                                                                 "one weight",
                                                                 "by register number",
                                                                 "by role",
                                                                 "dereferenced nearby",
                                                                 "unseen regions only",
                                                                 "present or not",
                                                                 "different lines",
                                                                 "one weight, computing too",
                                                                 "lines, computing too",
                                                                 "lines, and neighbours",
                                                                 "shuffled"};
  return kNames[static_cast<std::size_t>(form)];
}

HintData indexed(const RegisterRecording& recording) {
  HintData data;
  data.length_s = recording.length_s;
  std::set<Address> regions(recording.resident.begin(), recording.resident.end());
  for (const RegisterSample& sample : recording.samples) {
    if (sample.address != 0) regions.insert(sample.address / kRegion * kRegion);
    for (std::size_t number = 0; number < kGeneralRegisters; ++number)
      if (const Address value = sample.data(number); value != 0) regions.insert(value / kRegion * kRegion);
  }
  data.regions.assign(regions.begin(), regions.end());
  const auto number_of = [&](Address value) {
    const auto at = std::lower_bound(data.regions.begin(), data.regions.end(), value / kRegion * kRegion);
    return value == 0 ? -1 : static_cast<int>(at - data.regions.begin());
  };
  double delivered = 0, others = 0;
  for (const RegisterSample& raw : recording.samples) {
    HintData::Sample& sample = data.samples.emplace_back();
    sample.second = raw.time / std::chrono::seconds(1);
    sample.region = number_of(raw.address);
    sample.own = raw.own;
    sample.dereferenced = raw.dereferenced;
    for (std::size_t number = 0; number < kGeneralRegisters; ++number) {
      const int region = number_of(raw.data(number));
      sample.hit[number] = region == sample.region ? -1 : region;
      sample.line[number] = raw.data(number) / 64;
      if (sample.region >= 0 && sample.hit[number] >= 0 && first_of_region(sample, number)) ++others;
    }
    if (sample.region < 0) continue;
    ++delivered;
    data.into_stack += raw.into_stack;
  }
  data.others = others / std::max(delivered, 1.0);
  data.into_stack /= std::max(delivered, 1.0);
  data.delivered_per_s = delivered / std::max(data.length_s, 1e-9);
  return data;
}

std::optional<double> HintResult::factor(HintForm form, HintForm base, std::size_t thinning) const {
  std::array<double, kThinnings> without{}, with{};
  for (std::size_t i = 0; i < kThinnings; ++i) {
    without[i] = score(base, i).log_likelihood;
    with[i] = score(form, i).log_likelihood;
  }
  if (without.front() < without.back() + kLeastGain) return std::nullopt;
  // Better than all samples without registers: how few samples with them do as well.
  if (with[thinning] > without.front()) return std::exp2(halvings_at(with, without.front()));
  return std::exp2(static_cast<double>(thinning) - halvings_at(without, with[thinning]));
}

HintResult judge(const HintData& data, HintSplit how, double kept) {
  const Split split = split_of(data, how);
  const Counts test = waits_of(split.test, data.regions.size());
  HintResult result;
  result.oracle = score_of(test, test);
  add_coverage(data, split, test, result);
  for (std::size_t thinning = 0; thinning < kThinnings; ++thinning) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const double left = kept * std::exp2(-static_cast<double>(thinning));
      const auto folds = thinned(split.folds, left, thinning * 1000 + static_cast<std::uint64_t>(repeat));
      for (std::size_t form = 0; form < kHintForms; ++form) {
        const HintScore score = predict(data, folds, static_cast<HintForm>(form), test);
        HintScore& mean = result.scores[form][thinning];
        mean.log_likelihood += score.log_likelihood / kRepeats;
        mean.eighth += score.eighth / kRepeats;
        mean.quarter += score.quarter / kRepeats;
      }
    }
  }
  return result;
}

}  // namespace tier
