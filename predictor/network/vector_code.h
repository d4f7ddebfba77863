// Functions compiled twice: for any CPU, and for those with AVX2 and FMA, chosen when the program runs. What
// they call is inlined by force, so that it is compiled twice too; lambdas would not be.
#pragma once

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

}  // namespace tier
