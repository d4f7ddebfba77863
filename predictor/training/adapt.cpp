#include "predictor/training/adapt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();
constexpr double kFirstDecay = 0.9, kSecondDecay = 0.99, kTiny = 1e-8;  // Adam's, for few steps
constexpr std::size_t kLeastTrained = 16;                               // ticks
// Plain kernels take ten times as long: of so many regions a pass takes as long as of all with oneDNN.
constexpr std::size_t kPlainRegions = 24;

double distance_square(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
  return sum;
}

}  // namespace

void hide_from(TrainingTask& task, std::size_t split) {
  for (std::size_t h = 0; h < kCount; ++h) {
    const auto ahead = static_cast<std::size_t>(kHorizons[h]);
    for (std::size_t t = split > ahead ? split - ahead : 0; t < split; ++t)
      for (std::size_t r = 0; r < task.regions; ++r)
        task.came[(t * task.regions + r) * kCount + h] = kNotKnown;
  }
}

const char* name_of(AdaptationVerdict verdict) {
  switch (verdict) {
    case AdaptationVerdict::kKept:
      return "kept";
    case AdaptationVerdict::kAdapted:
      return "adapted";
    case AdaptationVerdict::kStored:
      return "stored";
    case AdaptationVerdict::kDropped:
      return "dropped";
  }
  return "";
}

Result<std::unique_ptr<Adaptation>> Adaptation::make(std::shared_ptr<const NamedModel> model,
                                                     TrainingTask support, AdaptationStart start,
                                                     const AdaptationSettings& settings) {
  const std::size_t rank = model->model.shape().encoder.rank;
  if (rank == 0) return fail(ErrorKind::kUsage, "the model has no context to adapt", "use one with a rank");
  const auto fits = [&](const std::vector<float>& z) {
    return z.size() == rank &&
           std::all_of(z.begin(), z.end(), [](float value) { return std::isfinite(value); });
  };
  if (!fits(start.encoded) || !fits(start.current) || (!start.stored.empty() && !fits(start.stored)))
    return fail(ErrorKind::kUsage, "a context to start from is not the model's",
                fmt::format("give {} finite numbers", rank));
  const std::size_t least = settings.unscored + kLeastTrained + settings.held_back;
  if (support.ticks < least)
    return fail(ErrorKind::kUsage, fmt::format("{} ticks are too few to adapt by", support.ticks),
                fmt::format("wait for {}", least));
  PassSettings pass{support.ticks, support.regions, settings.loss};
  const NetworkShape& shape = model->model.shape().network;
  auto made = Pass::make(shape, pass, settings.kernels);
  if (!made || settings.kernels == Kernels::kPlain) {
    pass.regions = std::min(pass.regions, kPlainRegions);
    made = Pass::make(shape, pass, Kernels::kPlain);
  }
  if (!made) return tl::make_unexpected(made.error());
  std::unique_ptr<Adaptation> adaptation(
      new Adaptation(std::move(model), std::move(support), std::move(start), settings));
  adaptation->pass_ = std::move(*made);
  return adaptation;
}

Adaptation::Adaptation(std::shared_ptr<const NamedModel> model, TrainingTask support, AdaptationStart start,
                       const AdaptationSettings& settings)
    : model_(std::move(model)), support_(std::move(support)), settings_(settings) {
  split_ = support_.ticks - settings_.held_back;
  hide_from(support_, split_);
  weights_.resize(model_->model.network_size());
  report_.z = start.current;
  candidates_.push_back({AdaptationVerdict::kDropped, std::move(start.encoded)});
  candidates_.push_back({AdaptationVerdict::kKept, std::move(start.current)});
  if (!start.stored.empty()) candidates_.push_back({AdaptationVerdict::kStored, std::move(start.stored)});
}

Result<double> Adaptation::loss_of(std::span<const float> z, const Window& window) {
  ++report_.passes;
  model_->model.generate(z, weights_);
  const auto loss = TIER_TRY(pass_->forward(weights_, window));
  const double total = loss.total(settings_.loss);
  if (!std::isfinite(total)) return fail(ErrorKind::kFailed, "the loss is no number", "see the model");
  return total;
}

Result<double> Adaptation::held_back_loss(std::span<const float> z) {
  return loss_of(z, {&support_, 0, split_});
}

Result<double> Adaptation::training_loss(std::span<const float> z, std::vector<float>* gradient) {
  auto loss = loss_of(z, {&support_, 0, settings_.unscored, split_});
  if (!loss) return loss;
  const std::vector<float>& centre = candidates_[0].z;
  *loss += settings_.decay * distance_square(z, centre);
  if (gradient == nullptr) return loss;
  d_weights_.assign(weights_.size(), 0);
  TIER_TRY(pass_->backward(1, d_weights_));
  gradient->resize(z.size());
  for (std::size_t r = 0; r < z.size(); ++r) {
    const auto direction = model_->model.basis(r);
    double sum = 2 * settings_.decay * (z[r] - centre[r]);
    for (std::size_t i = 0; i < direction.size(); ++i)
      sum += static_cast<double>(d_weights_[i]) * direction[i];
    (*gradient)[r] = static_cast<float>(sum);
  }
  return loss;
}

bool Adaptation::step() {
  if (done()) return false;
  if (const auto advanced = advance(); !advanced) phase_ = Phase::kDone;
  return !done();
}

Result<void> Adaptation::advance() {
  switch (phase_) {
    case Phase::kJudgeStarts: {
      const auto loss = TIER_TRY(held_back_loss(candidates_[next_].z));
      candidates_[next_].held_back = loss;
      if (++next_ == candidates_.size()) next_ = 0, phase_ = Phase::kChooseStart;
      return {};
    }
    case Phase::kChooseStart: {
      // By the older ticks: those held back judge, they do not choose.
      const auto loss = TIER_TRY(training_loss(candidates_[next_].z, nullptr));
      candidates_[next_].training = loss;
      if (++next_ < candidates_.size()) return {};
      const auto best =
          std::min_element(candidates_.begin(), candidates_.end(),
                           [](const auto& a, const auto& b) { return a.training < b.training; });
      z_ = best_ = best->z, best_loss_ = best->training;
      first_.assign(z_.size(), 0), second_.assign(z_.size(), 0);
      phase_ = settings_.most_steps > 0 ? Phase::kDescend : Phase::kJudgeEnd;
      return {};
    }
    case Phase::kDescend:
      return descend();
    case Phase::kJudgeEnd: {
      const auto loss = TIER_TRY(held_back_loss(best_));
      report_.adapted = loss;
      conclude();
      return {};
    }
    case Phase::kDone:
      break;
  }
  return {};
}

Result<void> Adaptation::descend() {
  std::vector<float> gradient;
  const auto loss = TIER_TRY(training_loss(z_, &gradient));
  if (loss < best_loss_) best_ = z_, best_loss_ = loss;
  const auto t = static_cast<double>(++report_.steps);
  const double scale =
      settings_.rate * std::sqrt(1 - std::pow(kSecondDecay, t)) / (1 - std::pow(kFirstDecay, t));
  for (std::size_t r = 0; r < z_.size(); ++r) {
    const float g = gradient[r];
    first_[r] += static_cast<float>(1 - kFirstDecay) * (g - first_[r]);
    second_[r] += static_cast<float>(1 - kSecondDecay) * (g * g - second_[r]);
    z_[r] -= static_cast<float>(scale * first_[r] / (std::sqrt(second_[r]) + kTiny));
  }
  if (report_.steps == settings_.most_steps) phase_ = Phase::kJudgeEnd;
  return {};
}

void Adaptation::conclude() {
  phase_ = Phase::kDone;
  report_.encoded = candidates_[0].held_back, report_.current = candidates_[1].held_back;
  if (candidates_.size() > 2) report_.stored = candidates_[2].held_back;
  const double limit = (1 - settings_.margin) * std::min(report_.encoded, report_.current);
  const bool found = report_.adapted < limit;
  const bool known = candidates_.size() > 2 && report_.stored < limit;
  const auto take = [&](AdaptationVerdict verdict, const std::vector<float>& z) {
    report_.verdict = verdict, report_.z = z;
  };
  if (known && (!found || report_.stored <= report_.adapted)) {
    take(AdaptationVerdict::kStored, candidates_[2].z);
  } else if (found) {
    take(AdaptationVerdict::kAdapted, best_);
  } else if (report_.encoded < (1 - settings_.margin) * report_.current) {
    take(AdaptationVerdict::kDropped, candidates_[0].z);
  }
}

}  // namespace tier
