#include "predictor/network/network_expert.h"

#include <algorithm>

#include "predictor/network/head.h"

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();
// Of a sample: a region whose averages over 8 and over 50 ticks lie below asks for nothing worth a forecast.
constexpr float kSilent = 1e-3F;
constexpr std::size_t kQuick = 1, kSlow = 3;  // of kAverageRates

}  // namespace

NetworkExpert::NetworkExpert(std::shared_ptr<const NamedModel> model, NetworkSettings settings)
    : model_(std::move(model)), settings_(settings), weights_(model_->model.network_size()) {
  RunnerSettings runner{settings.runner, settings.clock};
  auto made = make_runner(model_->model.shape().network, runner);
  if (!made) made = make_runner(model_->model.shape().network, {RunnerKind::kStreaming});
  runner_ = std::move(*made);  // a model's shape has been checked, and plain kernels work everywhere
  status_.model = model_->hash;
  model_->model.generate({}, weights_);
  (void)runner_->set_weights(weights_);  // as many as the shape has
}

void NetworkExpert::observe(const RegionSnapshot& snapshot, const RegionStatistics& statistics,
                            const Counsel& counsel) {
  ++ticks_;
  extractor_.observe(snapshot, statistics, counsel);
  windows_.add(describe_tick(snapshot, statistics));
  // Soon after the start and after a change, then now and then.
  if (ticks_ % settings_.condition_every == 0 || windows_.ticks() == kWindowTicks / 2) condition();
  find_idle(statistics);
  const std::size_t rows = extractor_.rows();
  outputs_.resize(rows * kHeadOutputs);
  mean_.resize(rows * kCount);
  std::function<bool()> go_on = [] { return true; };
  if (settings_.clock != nullptr && settings_.budget.count() > 0) {
    const Nanoseconds until = settings_.clock->now() + settings_.budget;
    go_on = [this, until] { return settings_.clock->now() < until; };
  }
  reached_all_ = runner_->step(statistics.roster(), {extractor_.features(), idle_}, outputs_, go_on);
  if (!reached_all_) ++status_.late;
  apply_head({outputs_, extractor_.baselines(), extractor_.unit()}, {{}, mean_, {}});
}

void NetworkExpert::find_idle(const RegionStatistics& statistics) {
  const auto quick = statistics.average(kQuick), slow = statistics.average(kSlow);
  const float least = kSilent * extractor_.unit();
  idle_.resize(quick.size());
  for (std::size_t row = 0; row < quick.size(); ++row)
    idle_[row] = quick[row] < least && slow[row] < least ? 1 : 0;
}

void NetworkExpert::condition() {
  const Model& model = model_->model;
  if (model.shape().encoder.rank == 0) return;
  const auto tokens = tokens_.tokens(windows_);
  const Encoding encoding = encode(model.shape().encoder, model.encoder(), tokens);
  encoded_ = encoding.z;
  ++status_.conditioned;
  status_.tokens.resize(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    status_.tokens[i].token = tokens[i].name;
    std::copy_n(&encoding.attention[i * kHeads], kHeads, status_.tokens[i].attention.begin());
  }
  generate();
}

void NetworkExpert::generate() {
  status_.z = encoded_;
  for (std::size_t r = 0; r < std::min(status_.z.size(), offset_.size()); ++r) status_.z[r] += offset_[r];
  model_->model.generate(status_.z, weights_);
  (void)runner_->set_weights(weights_);
}

void NetworkExpert::set_offset(std::span<const float> offset) {
  offset_.assign(offset.begin(), offset.end());
  generate();
}

void NetworkExpert::forget() {
  windows_.forget();
  extractor_.forget();
  encoded_.clear(), offset_.clear(), status_.tokens.clear();
  generate();
}

NetworkStatus NetworkExpert::describe() const {
  NetworkStatus status = status_;
  status.runner = runner_->status();
  status.offset = offset_;
  return status;
}

std::size_t NetworkExpert::bytes_used() const {
  return extractor_.bytes_used() + runner_->bytes_used() + idle_.capacity() +
         (weights_.capacity() + outputs_.capacity() + mean_.capacity()) * sizeof(float);
}

}  // namespace tier
