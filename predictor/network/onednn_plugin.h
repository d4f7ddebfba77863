// The loadable part: oneDNN is 40 MB of machine code and relocations, which a daemon that has no use for it
// shall not hold in fast memory. Only onednn.cpp and the plugin itself include this.
#pragma once

#include "predictor/network/onednn.h"

namespace tier {

struct OnednnPlugin {
  Result<std::unique_ptr<Convolution>> (*convolution)(const ConvolutionShape& shape, ConvolutionUse use);
  std::string (*version)();
};

inline constexpr const char* kOnednnFile = "tierd-onednn.so";
// Counts up with every change of what crosses the border: a plugin of another build is refused.
inline constexpr const char* kOnednnEntry = "tierd_onednn_1";

}  // namespace tier

extern "C" [[gnu::visibility("default")]] const tier::OnednnPlugin* tierd_onednn_1();
