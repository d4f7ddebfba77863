// Functions compiled twice: for any CPU, and for those with AVX2 and FMA, chosen when the program runs. What
// they call is inlined by force, so that it is compiled twice too; lambdas would not be. Vectors are the
// compiler's own (GCC and Clang); one wider than the CPU's would lie in memory, so their width goes with the
// code.
#pragma once

#include <cstddef>

#define TIER_INLINE [[gnu::always_inline]] inline

#if defined(__x86_64__)
#define TIER_AVX2 __attribute__((target("avx2,fma")))
#else
#define TIER_AVX2
#endif

namespace tier {

enum class VectorCode { kPortable, kAvx2 };

inline VectorCode best_vector_code() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return VectorCode::kAvx2;
#endif
  return VectorCode::kPortable;
}

// Eight floats for AVX2, four for SSE2, NEON and the like. Loose: anywhere in memory.
template <VectorCode>
struct VectorOf {
  using Type = float __attribute__((vector_size(16)));
  using Loose = float __attribute__((vector_size(16), aligned(4), may_alias));
};
template <>
struct VectorOf<VectorCode::kAvx2> {
  using Type = float __attribute__((vector_size(32)));
  using Loose = float __attribute__((vector_size(32), aligned(4), may_alias));
};
template <VectorCode kCode>
using Vector = typename VectorOf<kCode>::Type;
template <VectorCode kCode>
using LooseVector = typename VectorOf<kCode>::Loose;
template <VectorCode kCode>
inline constexpr std::size_t kLanes = sizeof(Vector<kCode>) / sizeof(float);

template <VectorCode kCode>
TIER_INLINE const LooseVector<kCode>& vector_at(const float* from) {
  return *reinterpret_cast<const LooseVector<kCode>*>(from);
}
template <VectorCode kCode>
TIER_INLINE LooseVector<kCode>& vector_at(float* to) {
  return *reinterpret_cast<LooseVector<kCode>*>(to);
}

}  // namespace tier
