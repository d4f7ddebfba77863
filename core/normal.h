// The normal distribution's quantiles that intervals are told by.
#pragma once

namespace tier {

inline constexpr double kNormal95 = 1.959964, kNormal99 = 2.575829;  // both ends together 5 % and 1 %

}  // namespace tier
