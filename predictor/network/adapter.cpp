#include "predictor/network/adapter.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kShort = 1.0 / 8, kLong = 1.0 / 64;  // weights of the newest error
constexpr std::uint64_t kSettled = 32;                // ticks without surprise after the begin
constexpr const char* kStoreName = "the workload signatures";

}  // namespace

Adapter::Adapter(std::shared_ptr<const NamedModel> model, AdapterSettings settings)
    : model_(std::move(model)), settings_(std::move(settings)), store_(model_->hash) {
  if (model_->model.shape().encoder.rank == 0) settings_.enabled = false;
  if (!settings_.enabled || !settings_.storage.load) return;
  const auto bytes = settings_.storage.load();
  if (!bytes) {
    status_.trouble = bytes.error().text();
  } else if (!bytes->empty()) {
    const auto loaded = store_.load(std::as_bytes(std::span(*bytes)), kStoreName);
    if (!loaded) status_.trouble = loaded.error().text();
  }
}

void Adapter::observe(const NetworkExpert& network, const Roster& roster,
                      std::span<const std::uint32_t> rows) {
  if (!settings_.enabled) return;
  ++tick_;
  support_.add(network.extractor(), roster, rows);
  status_.signature = workload_signature(network.windows());
}

void Adapter::note_error(double error) {
  if (!std::isfinite(error)) return;
  ++errors_;
  const double begun = 1 / static_cast<double>(errors_);  // plain means at first
  short_error_ += std::max(kShort, begun) * (error - short_error_);
  long_error_ += std::max(kLong, begun) * (error - long_error_);
  status_.surprise = long_error_ > 0 ? short_error_ / long_error_ : 0;
}

void Adapter::forget() {
  if (adaptation_) ++status_.abandoned;
  adaptation_.reset();
  support_.forget();
  status_.signature.reset(), tried_.reset();
  short_error_ = long_error_ = status_.surprise = 0, errors_ = 0;
  rest_until_ = 0;
}

bool Adapter::due() const {
  if (!settings_.enabled || tick_ < rest_until_) return false;
  if (support_.ticks() < settings_.least_ticks || !status_.signature) return false;
  const bool other = !tried_ || signature_distance(*tried_, *status_.signature) > kSameWorkload;
  return other || (errors_ >= kSettled && status_.surprise > settings_.surprise);
}

bool Adapter::work(NetworkExpert& network) {
  if (unsaved_) {
    save();
  } else if (adaptation_) {
    if (!adaptation_->step()) finish(network);
  } else if (due()) {
    begin(network);
  }
  return unsaved_ || adaptation_ != nullptr || due();
}

void Adapter::begin(const NetworkExpert& network) {
  tried_ = status_.signature;
  rest_until_ = tick_ + settings_.rest;
  encoded_.assign(network.encoded().begin(), network.encoded().end());
  AdaptationStart start{encoded_, encoded_, {}};
  const auto offset = network.offset();
  for (std::size_t r = 0; r < offset.size(); ++r) start.current[r] += offset[r];
  const SignatureEntry* const entry = nearest_entry(store_.entries(), *tried_);
  if (entry != nullptr && entry->vector.size() == encoded_.size()) {
    start.stored = encoded_;
    for (std::size_t r = 0; r < encoded_.size(); ++r) start.stored[r] += entry->vector[r];
  }
  auto made = Adaptation::make(model_, support_.task(), std::move(start), settings_.adaptation);
  if (!made) return;
  adaptation_ = std::move(*made);
  ++status_.begun;
}

void Adapter::finish(NetworkExpert& network) {
  status_.last = adaptation_->report();
  adaptation_.reset();
  ++status_.ended;
  rest_until_ = tick_ + settings_.rest;
  const AdaptationReport& report = status_.last;
  if (report.verdict == AdaptationVerdict::kKept) {
    ++status_.kept;
    return;
  }
  std::vector<float> offset(encoded_.size());
  for (std::size_t r = 0; r < offset.size(); ++r) offset[r] = report.z[r] - encoded_[r];
  if (report.verdict == AdaptationVerdict::kDropped) {
    ++status_.dropped;
    network.set_offset({});
    return;
  }
  ++(report.verdict == AdaptationVerdict::kStored ? status_.stored : status_.adapted);
  network.set_offset(offset);
  remember(offset);
}

// What is stored as it was counts as used; all else takes the place of what is stored for such a workload.
void Adapter::remember(const std::vector<float>& offset) {
  const SignatureEntry* const known = nearest_entry(store_.entries(), *tried_);
  const std::uint64_t signature = known != nullptr ? known->signature : *tried_;
  if (status_.last.verdict == AdaptationVerdict::kStored) {
    (void)store_.find(signature, unix_now());
  } else if (auto put = store_.put({signature, offset, unix_now(),
                                    static_cast<float>(status_.last.encoded - status_.last.adapted)});
             !put) {
    status_.trouble = put.error().text();
    return;
  }
  unsaved_ = static_cast<bool>(settings_.storage.save);
}

void Adapter::save() {
  unsaved_ = false;
  if (const auto saved = settings_.storage.save(store_.save()); !saved)
    status_.trouble = saved.error().text();
}

AdapterStatus Adapter::describe() const {
  AdapterStatus status = status_;
  status.under_way = adaptation_ != nullptr;
  status.entries = store_.entries().size();
  status.known = status.signature && nearest_entry(store_.entries(), *status.signature) != nullptr;
  return status;
}

std::size_t Adapter::bytes_used() const {
  return support_.bytes_used() + (adaptation_ ? adaptation_->bytes_used() : 0);
}

}  // namespace tier
