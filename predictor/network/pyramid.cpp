#include "predictor/network/pyramid.h"

#include <algorithm>
#include <cstring>

#include "predictor/network/chunked_runner.h"
#include "predictor/network/layer_code.h"

namespace tier {
namespace {

constexpr std::size_t kMostInputs = 64;  // features or channels, see NetworkShape::check

class Pyramid final : public ChunkedRunner {
 public:
  Pyramid(const NetworkShape& shape, VectorCode code)
      : ChunkedRunner(shape, RunnerKind::kPyramid, shape.receptive_field() * shape.features),
        code_(code),
        plan_(pyramid_layers(shape)),
        below_(shape.receptive_field() * kGroup * shape.channels),
        above_(below_.size()) {}

  Result<void> set_weights(std::span<const float> weights) override {
    TIER_TRY(check_weights(weights));
    layers_ = pack_layers(shape(), weights);
    return {};
  }

 protected:
  bool run_chunk(std::span<const Row> rows) override {
    code_ == VectorCode::kAvx2 ? run_avx2(rows) : run_any<VectorCode::kPortable>(rows);
    return true;
  }

 private:
  // The windows' features of a group through the stem, into below_.
  template <VectorCode kCode>
  TIER_INLINE void run_stem(const Row* const (&rows)[kGroup]) {
    alignas(64) float features[kGroup * kMostInputs];
    const std::size_t window = shape().receptive_field(), width = shape().features;
    for (std::size_t p = 0; p < window; ++p) {
      const std::size_t place = ring_place(tick(), p, window) * width;
      for (std::size_t r = 0; r < kGroup; ++r)
        std::memcpy(features + r * width, rows[r]->history + place, width * sizeof(float));
      run_layer<kCode>(layers_[0], width, 1,
                       {.taps = {features}, .out = below_.data() + p * kGroup * shape().channels});
    }
  }

  template <VectorCode kCode, std::size_t kChannels>
  TIER_INLINE void run_group(const Row* const (&rows)[kGroup], float* outputs) {
    const std::size_t channels = kChannels ? kChannels : shape().channels, tick_size = kGroup * channels;
    std::uint32_t missing[kGroup];
    const std::size_t window = shape().receptive_field();
    for (std::size_t r = 0; r < kGroup; ++r)
      missing[r] = static_cast<std::uint32_t>(window - std::min<std::uint64_t>(rows[r]->known, window));
    run_stem<kCode>(rows);
    clear_missing(plan_[0], missing, kGroup, channels, below_.data());
    for (std::size_t layer = 1; layer < plan_.size(); ++layer) {
      const PyramidLayer& plan = plan_[layer];
      const bool second = layer % 2 == 0;  // reads above_, adds below_ and writes there, behind what it reads
      const float* in = second ? above_.data() : below_.data();
      for (std::size_t p = 0; p < plan.ticks_out; ++p) {
        const float* x = in + p * plan.stride * tick_size;
        const float* residual = second ? below_.data() + (p * plan.stride + 4) * tick_size : nullptr;
        run_layer<kCode>(layers_[layer], channels, kTaps,
                         {.taps = {x, x + tick_size, x + 2 * tick_size},
                          .residual = residual,
                          .out = (second ? below_ : above_).data() + p * tick_size});
      }
      clear_missing(plan, missing, kGroup, channels, (second ? below_ : above_).data());
    }
    run_layer<kCode>(layers_.back(), channels, 1, {.taps = {below_.data()}, .out = outputs, .relu = false});
  }

  template <VectorCode kCode, std::size_t kChannels>
  TIER_INLINE void run_rows(std::span<const Row> rows) {
    alignas(64) float outputs[kGroup * (kHeadOutputs + kEight)];
    const std::size_t width = layers_.back().outputs, newest = tick() % shape().receptive_field();
    for (const Row& row : rows)
      std::memcpy(row.history + newest * shape().features, row.features, shape().features * sizeof(float));
    for (std::size_t first = 0; first < rows.size(); first += kGroup) {
      const std::size_t count = std::min(kGroup, rows.size() - first);
      const Row* group[kGroup];
      for (std::size_t r = 0; r < kGroup; ++r) group[r] = &rows[first + (r < count ? r : 0)];
      run_group<kCode, kChannels>(group, outputs);
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
  std::vector<PyramidLayer> plan_;
  std::vector<PackedLayer> layers_;
  AlignedFloats below_,
      above_;  // ticks x group x channels: a block's input and output; between its convolutions
};

}  // namespace

std::vector<PyramidLayer> pyramid_layers(const NetworkShape& shape) {
  PyramidLayer stem;
  stem.ticks_in = stem.ticks_out = shape.receptive_field();
  std::vector<PyramidLayer> layers{stem};
  for (std::uint32_t b = 0; b < shape.blocks; ++b) {
    const PyramidLayer input = layers.back();
    const std::size_t ticks = input.ticks_out;
    layers.push_back({ticks, ticks - 2, 1, input.first + 2 * input.step, input.step});
    layers.push_back({ticks - 2, (ticks - 3) / 2, 2, input.first + 4 * input.step, 2 * input.step});
  }
  return layers;
}

void clear_missing(const PyramidLayer& layer, const std::uint32_t* missing, std::size_t regions,
                   std::size_t channels, float* activations) {
  for (std::size_t r = 0; r < regions; ++r)
    for (std::size_t p = 0; p < layer.ticks_out && layer.first + p * layer.step < missing[r]; ++p)
      std::fill_n(activations + (p * regions + r) * channels, channels, 0.0F);
}

std::unique_ptr<ChunkedRunner> make_pyramid(const NetworkShape& shape, VectorCode code) {
  return std::make_unique<Pyramid>(shape, code);
}

}  // namespace tier
