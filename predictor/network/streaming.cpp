// The network one tick at a time. Each convolution with dilation d keeps its inputs of the last 2d ticks in a
// ring; those of ticks t - 2d and t - d lie side by side, the first of them makes room for tick t, and the
// two convolutions of a block follow each other: at eight channels a tick touches two cache lines per block.
#include <algorithm>
#include <array>
#include <cstring>

#include "predictor/network/chunked_runner.h"
#include "predictor/network/layer_code.h"

namespace tier {
namespace {

constexpr std::size_t kMostInputs = 64;  // features or channels, see NetworkShape::check

class Streaming final : public ChunkedRunner {
 public:
  Streaming(const NetworkShape& shape, VectorCode code)
      : ChunkedRunner(shape, RunnerKind::kStreaming, state_size(shape)), code_(code) {}

  Result<void> set_weights(std::span<const float> weights) override {
    TIER_TRY(check_weights(weights));
    layers_ = pack_layers(shape(), weights);
    return {};
  }

 protected:
  bool run_chunk(std::span<const Row> rows) override {
    for (const Row& row : rows)
      if (row.known == 1) std::fill_n(row.history, state_size(shape()), 0.0F);
    code_ == VectorCode::kAvx2 ? run_avx2(rows) : run_any<VectorCode::kPortable>(rows);
    return true;
  }

 private:
  // Two convolutions a block, a ring of 2 · 2^block ticks each.
  static std::size_t state_size(const NetworkShape& shape) {
    return 4 * shape.channels * ((std::size_t{1} << shape.blocks) - 1);
  }

  // Where the running tick's pairs of a block lie in a region's state, and which of each pair is the older.
  struct Place {
    std::size_t offset, older;
  };
  TIER_INLINE Place place_of(std::size_t block) const {
    const std::uint64_t last = (std::uint64_t{1} << block) - 1;  // of the dilation's phases
    return {4 * shape().channels * (last + (tick() & last)), (tick() >> block) & 1};
  }

  TIER_INLINE void prefetch(std::span<const Row> rows, std::size_t first) const {
    for (std::size_t r = first; r < std::min(first + kGroup, rows.size()); ++r)
      for (std::size_t b = 0; b < shape().blocks; ++b) {
        const float* line = rows[r].history + place_of(b).offset;
        for (std::size_t at = 0; at < 4 * shape().channels; at += 16) __builtin_prefetch(line + at, 1);
      }
  }

  // Both older taps of eight regions out of their states, and the newest into the place of the oldest.
  template <VectorCode kCode>
  TIER_INLINE static void exchange(float* const (&state)[kGroup], std::size_t offset, std::size_t older,
                                   std::size_t channels, const float* newest, float* oldest, float* middle) {
    for (std::size_t r = 0; r < kGroup; ++r) {
      float* old = state[r] + offset + older * channels;
      const float* mid = state[r] + offset + (1 - older) * channels;
      for (std::size_t c = 0; c < channels; c += kLanes<kCode>) {
        vector_at<kCode>(oldest + r * channels + c) = vector_at<kCode>(old + c);
        vector_at<kCode>(middle + r * channels + c) = vector_at<kCode>(mid + c);
        vector_at<kCode>(old + c) = vector_at<kCode>(newest + r * channels + c);
      }
    }
  }

  // kChannels: constant where known, 0 for any.
  template <VectorCode kCode, std::size_t kChannels>
  TIER_INLINE void run_group(float* const (&state)[kGroup], const float* features, float* outputs) const {
    const std::size_t channels = kChannels ? kChannels : shape().channels;
    alignas(64) float x[kGroup * kMostInputs], hidden[kGroup * kMostInputs];
    alignas(64) float oldest[kGroup * kMostInputs], middle[kGroup * kMostInputs];
    run_layer<kCode>(layers_.front(), shape().features, 1, {.taps = {features}, .out = x});
    for (std::size_t b = 0; b < shape().blocks; ++b) {
      const Place place = place_of(b);
      exchange<kCode>(state, place.offset, place.older, channels, x, oldest, middle);
      run_layer<kCode>(layers_[1 + 2 * b], channels, kTaps, {.taps = {oldest, middle, x}, .out = hidden});
      exchange<kCode>(state, place.offset + 2 * channels, place.older, channels, hidden, oldest, middle);
      run_layer<kCode>(layers_[2 + 2 * b], channels, kTaps,
                       {.taps = {oldest, middle, hidden}, .residual = x, .out = x});
    }
    run_layer<kCode>(layers_.back(), channels, 1, {.taps = {x}, .out = outputs, .relu = false});
  }

  template <VectorCode kCode, std::size_t kChannels>
  TIER_INLINE void run_rows(std::span<const Row> rows) {
    alignas(64) float features[kGroup * kMostInputs], outputs[kGroup * (kHeadOutputs + kEight)];
    const std::size_t width = layers_.back().outputs;
    for (std::size_t first = 0; first < rows.size(); first += kGroup) {
      prefetch(rows, first + kGroup);
      const std::size_t count = std::min(kGroup, rows.size() - first);
      float* state[kGroup];
      for (std::size_t r = 0; r < kGroup; ++r) {
        const bool there = r < count;
        state[r] = there ? rows[first + r].history : nobody_.data();
        std::memcpy(features + r * shape().features, rows[first + (there ? r : 0)].features,
                    shape().features * sizeof(float));
      }
      run_group<kCode, kChannels>(state, features, outputs);
      for (std::size_t r = 0; r < count; ++r)
        std::memcpy(rows[first + r].outputs, outputs + r * width, kHeadOutputs * sizeof(float));
    }
  }

  template <VectorCode kCode>
  TIER_INLINE void run_any(std::span<const Row> rows) {
    if (shape().channels == 8) return run_rows<kCode, 8>(rows);
    if (shape().channels == 16) return run_rows<kCode, 16>(rows);
    run_rows<kCode, 0>(rows);
  }
  TIER_AVX2 void run_avx2(std::span<const Row> rows) { run_any<VectorCode::kAvx2>(rows); }

  VectorCode code_;
  std::vector<PackedLayer> layers_;
  AlignedFloats nobody_ = AlignedFloats(state_size(shape()) + kEight);  // state of a group's empty places
};

}  // namespace

std::unique_ptr<ChunkedRunner> make_streaming(const NetworkShape& shape, VectorCode code) {
  return std::make_unique<Streaming>(shape, code);
}

}  // namespace tier
