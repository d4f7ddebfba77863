// Who owns what bpftool's skeletons open.
#pragma once

#include <memory>

namespace tier {

struct BpfSkeletonDestroyer {
  template <typename T>
  void operator()(T* skeleton) const {
    T::destroy(skeleton);
  }
};
// BpfSkeleton<stall_bpf>, of the struct in stall.skel.h.
template <typename T>
using BpfSkeleton = std::unique_ptr<T, BpfSkeletonDestroyer>;

}  // namespace tier
