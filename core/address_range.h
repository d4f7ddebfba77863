// Half-open spans of user address space.
#pragma once

#include <algorithm>
#include <compare>

#include "core/units.h"

namespace tier {

struct AddressRange {
  Address start = 0;  // first byte
  Address end = 0;    // one past the last byte

  constexpr auto operator<=>(const AddressRange&) const = default;
  constexpr bool empty() const { return end <= start; }
  constexpr Bytes size() const { return {empty() ? 0 : end - start}; }
  constexpr bool contains(Address a) const { return a >= start && a < end; }
  constexpr bool overlaps(AddressRange o) const { return start < o.end && o.start < end; }
  constexpr AddressRange intersect(AddressRange o) const {
    return {std::max(start, o.start), std::min(end, o.end)};
  }
};

}  // namespace tier
