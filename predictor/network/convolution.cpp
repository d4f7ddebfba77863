#include "predictor/network/convolution.h"

#include <algorithm>
#include <vector>

namespace tier {
namespace {

class PlainConvolution final : public Convolution {
 public:
  explicit PlainConvolution(const ConvolutionShape& shape) : shape_(shape) {}

  Result<void> set_weights(std::span<const float> weight, std::span<const float> bias) override {
    bias_.assign(bias.begin(), bias.end());
    weight_.resize(weight.size());
    for (std::size_t o = 0; o < shape_.outputs; ++o)
      for (std::size_t i = 0; i < shape_.inputs; ++i)
        for (std::size_t tap = 0; tap < shape_.taps; ++tap)
          weight_[(tap * shape_.inputs + i) * shape_.outputs + o] =
              weight[(o * shape_.inputs + i) * shape_.taps + tap];
    return {};
  }

  Result<void> forward(const float* in, float* out) override {
    std::vector<float> sum(shape_.outputs);
    each_place(
        [&](std::size_t tick, std::size_t region, float* place) {
          for (std::size_t o = 0; o < sum.size(); ++o) sum[o] = bias_[o] + (shape_.add ? place[o] : 0);
          for (std::size_t tap = 0; tap < shape_.taps; ++tap)
            if (const float* x = input(in, tick, tap, region))
              for (std::size_t i = 0; i < shape_.inputs; ++i) {
                const float* w = weights_of(tap, i);
                for (std::size_t o = 0; o < sum.size(); ++o) sum[o] += w[o] * x[i];
              }
          for (std::size_t o = 0; o < sum.size(); ++o)
            place[o] = shape_.relu ? std::max(sum[o], 0.0F) : sum[o];
        },
        out);
    return {};
  }

  Result<void> backward_data(const float* d_out, float* d_in) override {
    std::fill_n(d_in, shape_.in_size(), 0.0F);
    each_place(
        [&](std::size_t tick, std::size_t region, const float* d) {
          for (std::size_t tap = 0; tap < shape_.taps; ++tap)
            if (float* x = input(d_in, tick, tap, region))
              for (std::size_t i = 0; i < shape_.inputs; ++i) {
                const float* w = weights_of(tap, i);
                float sum = 0;
                for (std::size_t o = 0; o < shape_.outputs; ++o) sum += w[o] * d[o];
                x[i] += sum;
              }
        },
        d_out);
    return {};
  }

  // Sums in double: of one weight there are as many terms as ticks times regions.
  Result<void> backward_weights(const float* in, const float* d_out, std::span<float> d_weight,
                                std::span<float> d_bias) override {
    std::vector<double> weight(weight_.size()), bias(bias_.size());
    each_place(
        [&](std::size_t tick, std::size_t region, const float* d) {
          for (std::size_t o = 0; o < shape_.outputs; ++o) bias[o] += d[o];
          for (std::size_t tap = 0; tap < shape_.taps; ++tap)
            if (const float* x = input(in, tick, tap, region))
              for (std::size_t i = 0; i < shape_.inputs; ++i)
                for (std::size_t o = 0; o < shape_.outputs; ++o)
                  weight[(tap * shape_.inputs + i) * shape_.outputs + o] += static_cast<double>(x[i]) * d[o];
        },
        d_out);
    std::copy(bias.begin(), bias.end(), d_bias.begin());
    for (std::size_t o = 0; o < shape_.outputs; ++o)
      for (std::size_t i = 0; i < shape_.inputs; ++i)
        for (std::size_t tap = 0; tap < shape_.taps; ++tap)
          d_weight[(o * shape_.inputs + i) * shape_.taps + tap] =
              static_cast<float>(weight[(tap * shape_.inputs + i) * shape_.outputs + o]);
    return {};
  }

 private:
  // Calls with each tick and region that come out and with their place in `out`.
  template <typename Float, typename Visit>
  void each_place(Visit visit, Float* out) const {
    for (std::size_t tick = 0; tick < shape_.ticks_out(); ++tick)
      for (std::size_t region = 0; region < shape_.regions; ++region, out += shape_.outputs)
        visit(tick, region, out);
  }
  // What `tap` of the output at `tick` sees; null for the zeros before the first tick.
  template <typename Float>
  Float* input(Float* in, std::size_t tick, std::size_t tap, std::size_t region) const {
    const std::size_t at = tick * shape_.stride + tap * shape_.dilation,
                      zeros = shape_.causal ? shape_.reach() : 0;
    return at < zeros ? nullptr : in + ((at - zeros) * shape_.regions + region) * shape_.inputs;
  }
  const float* weights_of(std::size_t tap, std::size_t i) const {
    return weight_.data() + (tap * shape_.inputs + i) * shape_.outputs;
  }

  const ConvolutionShape shape_;
  std::vector<float> weight_, bias_;  // weight: tap, in, out: the inner loop runs over contiguous numbers
};

}  // namespace

std::unique_ptr<Convolution> plain_convolution(const ConvolutionShape& shape) {
  return std::make_unique<PlainConvolution>(shape);
}

}  // namespace tier
