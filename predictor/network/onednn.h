// oneDNN behind this room's own interface; its versions 2.6 (Debian 12) and 3.x (Debian 13) look alike here.
// It is loaded when it is first asked for (onednn_plugin.h).
#pragma once

#include <string>

#include "predictor/network/convolution.h"

namespace tier {

enum class ConvolutionUse {
  kInference,  // forward alone; kernels named "ref" or "gemm" are refused, being tens to hundreds of times
               // slower
  kTraining,   // gradients too; of those to the weights "gemm" is taken: there is no other with a dilation
};

// kUnsupported: oneDNN cannot be loaded, has no fast kernel for the shape here, or may not make machine code
// at all (it does so at run time, which a process without new executable memory cannot). Runs on the calling
// thread alone.
Result<std::unique_ptr<Convolution>> onednn_convolution(const ConvolutionShape& shape, ConvolutionUse use);

std::string onednn_version();  // of the library that runs, "2.6.3"; "none" where it cannot be loaded

}  // namespace tier
