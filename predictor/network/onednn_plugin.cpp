#include "predictor/network/onednn_plugin.h"

#include <fmt/format.h>

#include <dnnl.hpp>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "predictor/network/aligned.h"

// OpenMP API 5.0, section 3.2.1. omp.h would be the compiler's own, and the library is that of oneDNN.
extern "C" void omp_set_num_threads(int num_threads);

namespace tier {
namespace {

using dnnl::memory;
using Format = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

std::string version() {
  const dnnl_version_t* version = dnnl::version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

// A kernel's number of threads is that of the thread which makes it, so this stands before each creation; and
// before each run, the setting being the calling thread's own. With one, OpenMP starts no team: its idle
// threads would spin longer than the work takes.
void stay_on_this_thread() { omp_set_num_threads(1); }

// Calls `work` and turns what oneDNN throws into an error.
template <typename Work>
auto guarded(const char* what, Work work) -> Result<decltype(work())> {
  try {
    stay_on_this_thread();
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const dnnl::error& error) {
    return fail(ErrorKind::kUnsupported,
                fmt::format("oneDNN {}: {} fails: {}", version(), what, error.what()),
                "the plain kernels do the same; oneDNN needs a process that may map executable memory");
  }
}

// What all primitives of one convolution are made from.
struct Descriptors {
  memory::desc in, weight, bias, out;
  memory::dims stride, dilation, before, after;

  explicit Descriptors(const ConvolutionShape& s)
      : stride{to(s.stride), 1},
        dilation{to(s.dilation) - 1, 0},
        before{s.causal ? to(s.reach()) : 0, 0},
        after{0, 0} {
    const auto type = memory::data_type::f32;
    in = {{1, to(s.inputs), to(s.ticks), to(s.regions)}, type, Format::nhwc};
    out = {{1, to(s.outputs), to(s.ticks_out()), to(s.regions)}, type, Format::nhwc};
    // Left open: with weights in plain layout 2.6 takes its reference kernel.
    weight = {{to(s.outputs), to(s.inputs), to(s.taps), 1}, type, Format::any};
    bias = {{to(s.outputs)}, type, Format::x};
  }
  static memory::dim to(std::size_t count) { return static_cast<memory::dim>(count); }
};

memory::desc plain_weight(const ConvolutionShape& s) {
  return {{Descriptors::to(s.outputs), Descriptors::to(s.inputs), Descriptors::to(s.taps), 1},
          memory::data_type::f32,
          Format::oihw};
}

dnnl::primitive_attr attributes(bool add, bool relu) {
  dnnl::post_ops after;
  if (add) after.append_sum(1.0F);
#if DNNL_VERSION_MAJOR >= 3
  if (relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
#else
  if (relu) after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
#endif
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;
constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

#if DNNL_VERSION_MAJOR >= 3
Forward::primitive_desc forward_kernel(const Descriptors& d, dnnl::prop_kind kind,
                                       const dnnl::primitive_attr& attr, const dnnl::engine& engine) {
  return {engine, kind,     kAlgorithm, d.in,     d.weight, d.bias,
          d.out,  d.stride, d.dilation, d.before, d.after,  attr};
}
BackwardData::primitive_desc data_kernel(const Descriptors& d, const dnnl::primitive_attr& attr,
                                         const dnnl::engine& engine, const Forward::primitive_desc& hint) {
  return {engine, kAlgorithm, d.in, d.weight, d.out, d.stride, d.dilation, d.before, d.after, hint, attr};
}
BackwardWeights::primitive_desc weights_kernel(const Descriptors& d, const dnnl::primitive_attr& attr,
                                               const dnnl::engine& engine,
                                               const Forward::primitive_desc& hint) {
  return {engine,   kAlgorithm, d.in,     d.weight, d.bias, d.out,
          d.stride, d.dilation, d.before, d.after,  hint,   attr};
}
#else
Forward::primitive_desc forward_kernel(const Descriptors& d, dnnl::prop_kind kind,
                                       const dnnl::primitive_attr& attr, const dnnl::engine& engine) {
  return {{kind, kAlgorithm, d.in, d.weight, d.bias, d.out, d.stride, d.dilation, d.before, d.after},
          attr,
          engine};
}
BackwardData::primitive_desc data_kernel(const Descriptors& d, const dnnl::primitive_attr& attr,
                                         const dnnl::engine& engine, const Forward::primitive_desc& hint) {
  return {{kAlgorithm, d.in, d.weight, d.out, d.stride, d.dilation, d.before, d.after}, attr, engine, hint};
}
BackwardWeights::primitive_desc weights_kernel(const Descriptors& d, const dnnl::primitive_attr& attr,
                                               const dnnl::engine& engine,
                                               const Forward::primitive_desc& hint) {
  return {{kAlgorithm, d.in, d.weight, d.bias, d.out, d.stride, d.dilation, d.before, d.after},
          attr,
          engine,
          hint};
}
#endif

// One primitive with the memory it works on; activations are handed over at each run.
template <typename Primitive>
class Kernel {
 public:
  Kernel(const typename Primitive::primitive_desc& kernel, const dnnl::engine& engine)
      : primitive_(kernel),
        name_(kernel.impl_info_str()),
        scratch_(kernel.scratchpad_desc().get_size() / sizeof(float) + 1) {
    arguments_.emplace(DNNL_ARG_SCRATCHPAD, memory(kernel.scratchpad_desc(), engine, scratch_.data()));
  }
  void bind(int argument, const memory& bound) { arguments_.insert_or_assign(argument, bound); }
  void place(int argument, const float* data) {
    // oneDNN takes no pointers to const; it does not write what is an input.
    arguments_.at(argument).set_data_handle(const_cast<float*>(data));  // NOLINT
  }
  void run(dnnl::stream& stream) { primitive_.execute(stream, arguments_), stream.wait(); }
  // "brgconv:avx512_core", "jit:avx2", "ref:any".
  std::string_view name() const { return name_; }
  bool slow(bool gemm_too) const {
    return name_.find("ref") != std::string::npos || (gemm_too && name_.find("gemm") != std::string::npos);
  }

 private:
  Primitive primitive_;
  std::string name_;
  AlignedFloats scratch_;
  Arguments arguments_;
};

memory without_data(const memory::desc& desc, const dnnl::engine& engine) { return {desc, engine, nullptr}; }

class OnednnConvolution final : public Convolution {
 public:
  OnednnConvolution(const ConvolutionShape& shape, ConvolutionUse use)
      : shape_(shape), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), bias_(shape.outputs) {
    const Descriptors d(shape);
    const bool training = use == ConvolutionUse::kTraining;
    const auto kind = training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    bias_memory_ = memory(d.bias, engine_, bias_.data());
    plain_ = without_data(plain_weight(shape), engine_);
    make_forward(d, forward_kernel(d, kind, attributes(shape.add, shape.relu), engine_));
    if (training) make_backward(d, forward_kernel(d, kind, attributes(false, false), engine_));
  }

  // The first kernel that is too slow to be of use; empty if none.
  std::string slow_kernel() const {
    if (forward_->slow(true)) return std::string(forward_->name());
    if (data_ && data_->slow(true)) return std::string(data_->name());
    return weights_ && weights_->slow(false) ? std::string(weights_->name()) : "";
  }

  Result<void> set_weights(std::span<const float> weight, std::span<const float> bias) override {
    return guarded("setting weights", [&] {
      std::copy(bias.begin(), bias.end(), bias_.begin());
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): read alone
      plain_.set_data_handle(const_cast<float*>(weight.data()));
      pack_.execute(stream_, plain_, weight_);
      if (data_) pack_backward_.execute(stream_, plain_, weight_backward_);
      stream_.wait();
    });
  }

  Result<void> forward(const float* in, float* out) override {
    return guarded("a convolution", [&] {
      forward_->place(DNNL_ARG_SRC, in), forward_->place(DNNL_ARG_DST, out);
      forward_->run(stream_);
    });
  }

  Result<void> backward_data(const float* d_out, float* d_in) override {
    return guarded("a gradient of activations", [&] {
      data_->place(DNNL_ARG_DIFF_DST, d_out), data_->place(DNNL_ARG_DIFF_SRC, d_in);
      data_->run(stream_);
    });
  }

  Result<void> backward_weights(const float* in, const float* d_out, std::span<float> d_weight,
                                std::span<float> d_bias) override {
    return guarded("a gradient of weights", [&] {
      weights_->place(DNNL_ARG_SRC, in), weights_->place(DNNL_ARG_DIFF_DST, d_out);
      weights_->place(DNNL_ARG_DIFF_BIAS, d_bias.data());
      weights_->run(stream_);
      plain_.set_data_handle(d_weight.data());
      unpack_.execute(stream_, d_weight_, plain_), stream_.wait();
    });
  }

 private:
  void make_forward(const Descriptors& d, const Forward::primitive_desc& kernel) {
    forward_ = std::make_unique<Kernel<Forward>>(kernel, engine_);
    weight_ = memory(kernel.weights_desc(), engine_);
    pack_ = dnnl::reorder(plain_, weight_);
    forward_->bind(DNNL_ARG_WEIGHTS, weight_), forward_->bind(DNNL_ARG_BIAS, bias_memory_);
    forward_->bind(DNNL_ARG_SRC, without_data(d.in, engine_));
    forward_->bind(DNNL_ARG_DST, without_data(d.out, engine_));
  }

  void make_backward(const Descriptors& d, const Forward::primitive_desc& hint) {
    const auto data = data_kernel(d, attributes(false, false), engine_, hint);
    data_ = std::make_unique<Kernel<BackwardData>>(data, engine_);
    weight_backward_ = memory(data.weights_desc(), engine_);
    pack_backward_ = dnnl::reorder(plain_, weight_backward_);
    data_->bind(DNNL_ARG_WEIGHTS, weight_backward_);
    data_->bind(DNNL_ARG_DIFF_SRC, without_data(d.in, engine_));
    data_->bind(DNNL_ARG_DIFF_DST, without_data(d.out, engine_));
    const auto weights = weights_kernel(d, attributes(false, false), engine_, hint);
    weights_ = std::make_unique<Kernel<BackwardWeights>>(weights, engine_);
    d_weight_ = memory(weights.diff_weights_desc(), engine_);
    unpack_ = dnnl::reorder(d_weight_, plain_);
    weights_->bind(DNNL_ARG_DIFF_WEIGHTS, d_weight_);
    weights_->bind(DNNL_ARG_DIFF_BIAS, without_data(d.bias, engine_));
    weights_->bind(DNNL_ARG_SRC, without_data(d.in, engine_));
    weights_->bind(DNNL_ARG_DIFF_DST, without_data(d.out, engine_));
  }

  const ConvolutionShape shape_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  AlignedFloats bias_;
  memory plain_, bias_memory_, weight_, weight_backward_, d_weight_;  // plain_: the caller's
  dnnl::reorder pack_, pack_backward_, unpack_;                       // weights from and to the plain layout
  std::unique_ptr<Kernel<Forward>> forward_;
  std::unique_ptr<Kernel<BackwardData>> data_;
  std::unique_ptr<Kernel<BackwardWeights>> weights_;
};

Result<std::unique_ptr<Convolution>> convolution(const ConvolutionShape& shape, ConvolutionUse use) {
  auto made =
      guarded("making a convolution", [&] { return std::make_unique<OnednnConvolution>(shape, use); });
  if (!made) return tl::make_unexpected(made.error());
  if (const std::string slow = (*made)->slow_kernel(); !slow.empty())
    return fail(ErrorKind::kUnsupported,
                fmt::format("oneDNN {} has only the slow kernel {} for a convolution of {} to {} channels",
                            version(), slow, shape.inputs, shape.outputs),
                "the plain kernels do the same");
  return std::unique_ptr<Convolution>(std::move(*made));
}

constexpr OnednnPlugin kPlugin = {convolution, version};

}  // namespace
}  // namespace tier

const tier::OnednnPlugin* tierd_onednn_1() { return &tier::kPlugin; }
