// Which sanitizer a test was compiled with, for what it does to memory and leaks of libraries.
#pragma once

// GCC defines a macro, Clang has a feature.
#if defined(__SANITIZE_ADDRESS__)
#define TIER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TIER_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(TIER_ADDRESS_SANITIZER)
#include <sanitizer/lsan_interface.h>
#endif
