#include <algorithm>
#include <cstring>

#include "predictor/network/aligned.h"
#include "predictor/network/chunked_runner.h"
#include "predictor/network/onednn.h"
#include "predictor/network/pyramid.h"

namespace tier {
namespace {

// Made once for whole chunks: a kernel for another number of regions would be compiled anew. What a chunk
// lacks is run all the same, and not looked at.
class OnednnPyramid final : public ChunkedRunner {
 public:
  explicit OnednnPyramid(const NetworkShape& shape)
      : ChunkedRunner(shape, RunnerKind::kOnednnPyramid, shape.receptive_field() * shape.features),
        plan_(pyramid_layers(shape)) {
    features_.resize(shape.receptive_field() * kRunnerChunk * shape.features);
    for (const PyramidLayer& layer : plan_)
      out_.emplace_back(layer.ticks_out * kRunnerChunk * shape.channels);
    outputs_.resize(kRunnerChunk * kHeadOutputs);
  }

  Result<void> make_kernels() {
    const auto add = [&](ConvolutionShape convolution) -> Result<void> {
      convolution.regions = kRunnerChunk, convolution.causal = false;
      auto made = TIER_TRY(onednn_convolution(convolution, ConvolutionUse::kInference));
      kernels_.push_back(std::move(made));
      return {};
    };
    const std::size_t channels = shape().channels;
    ConvolutionShape stem{
        .ticks = plan_[0].ticks_in, .inputs = shape().features, .outputs = channels, .relu = true};
    TIER_TRY(add(stem));
    for (std::size_t i = 1; i < plan_.size(); ++i) {
      ConvolutionShape layer{
          .ticks = plan_[i].ticks_in, .inputs = channels, .outputs = channels, .taps = kTaps};
      layer.stride = plan_[i].stride, layer.relu = true, layer.add = i % 2 == 0;
      TIER_TRY(add(layer));
    }
    return add({.ticks = 1, .inputs = channels, .outputs = kHeadOutputs});
  }

  Result<void> set_weights(std::span<const float> weights) override {
    TIER_TRY(check_weights(weights));
    const std::vector<TensorPlace> places = network_tensors(shape());
    for (std::size_t i = 0; i < kernels_.size(); ++i) {
      const auto of = [&](const TensorPlace& place) { return weights.subspan(place.offset, place.size); };
      TIER_TRY(kernels_[i]->set_weights(of(places[2 * i]), of(places[2 * i + 1])));
    }
    return {};
  }

  std::size_t bytes_used() const override {
    std::size_t floats = features_.capacity() + outputs_.capacity();
    for (const AlignedFloats& out : out_) floats += out.capacity();
    return ChunkedRunner::bytes_used() + floats * sizeof(float);
  }

 protected:
  bool run_chunk(std::span<const Row> rows) override {
    gather(rows);
    if (!run_layer(0, features_.data())) return false;
    for (std::size_t layer = 1; layer < plan_.size(); ++layer) {
      if (layer % 2 == 0) copy_residual(layer);
      if (!run_layer(layer, out_[layer - 1].data())) return false;
    }
    if (!done(kernels_.back()->forward(out_.back().data(), outputs_.data()))) return false;
    for (std::size_t r = 0; r < rows.size(); ++r)
      std::memcpy(rows[r].outputs, outputs_.data() + r * kHeadOutputs, kHeadOutputs * sizeof(float));
    return true;
  }

 private:
  void gather(std::span<const Row> rows) {
    const std::size_t window = shape().receptive_field(), width = shape().features;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::memcpy(rows[r].history + tick() % window * width, rows[r].features, width * sizeof(float));
      missing_[r] = static_cast<std::uint32_t>(window - std::min<std::uint64_t>(rows[r].known, window));
    }
    std::fill(missing_ + rows.size(), missing_ + kRunnerChunk, 0);
    for (std::size_t p = 0; p < window; ++p) {
      const std::size_t place = ring_place(tick(), p, window) * width;
      float* to = features_.data() + p * kRunnerChunk * width;
      for (std::size_t r = 0; r < rows.size(); ++r)
        std::memcpy(to + r * width, rows[r].history + place, width * sizeof(float));
    }
  }

  // What the block's second convolution is added to: every second tick of the block's input, from the fifth
  // on.
  void copy_residual(std::size_t layer) {
    const std::size_t tick_size = kRunnerChunk * shape().channels;
    for (std::size_t p = 0; p < plan_[layer].ticks_out; ++p)
      std::copy_n(out_[layer - 2].data() + (2 * p + 4) * tick_size, tick_size,
                  out_[layer].data() + p * tick_size);
  }

  bool run_layer(std::size_t layer, const float* in) {
    if (!done(kernels_[layer]->forward(in, out_[layer].data()))) return false;
    clear_missing(plan_[layer], missing_, kRunnerChunk, shape().channels, out_[layer].data());
    return true;
  }

  bool done(const Result<void>& run) {
    if (!run) set_status(std::string("onednn-pyramid; failed: ") + run.error().message);
    return run.has_value();
  }

  std::vector<PyramidLayer> plan_;
  std::vector<std::unique_ptr<Convolution>> kernels_;  // stem, two of each block, head
  AlignedFloats features_, outputs_;
  std::vector<AlignedFloats> out_;            // by layer
  std::uint32_t missing_[kRunnerChunk] = {};  // ticks of the window before the region's first
};

}  // namespace

Result<std::unique_ptr<ChunkedRunner>> make_onednn_pyramid(const NetworkShape& shape) {
  auto runner = std::make_unique<OnednnPyramid>(shape);
  TIER_TRY(runner->make_kernels());
  return runner;
}

}  // namespace tier
