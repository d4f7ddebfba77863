// Distinct types for quantities that must never be mixed: nodes, pids, bytes, addresses, ticks, seconds.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace tier {

// An identifier: comparable and hashable, no arithmetic.
template <typename Tag, typename Rep>
struct Id {
  Rep value{};
  constexpr auto operator<=>(const Id&) const = default;
};

// A quantity: adds and subtracts with its own kind, scales by plain numbers.
template <typename Tag, typename Rep>
struct Quantity {
  Rep value{};
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity other) { return value += other.value, *this; }
  constexpr Quantity& operator-=(Quantity other) { return value -= other.value, *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity{static_cast<Rep>(a.value + b.value)};
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity{static_cast<Rep>(a.value - b.value)};
  }
};

using NodeId = Id<struct NodeTag, int>;                // NUMA node number as the kernel counts
using TargetId = Id<struct TargetTag, std::uint32_t>;  // given by the daemon, never reused in its life
using Pid = Id<struct PidTag, std::int32_t>;           // a process (thread group)
using Tid = Id<struct TidTag, std::int32_t>;           // a thread
using Bytes = Quantity<struct BytesTag, std::uint64_t>;
using Tick = Id<struct TickTag, std::uint64_t>;  // count of aggregation intervals since start

using Address = std::uint64_t;  // a user virtual address
using Nanoseconds = std::chrono::nanoseconds;

// Seconds a program waits for memory: the project's unit of value. Benefits and costs are both in it.
using StallSeconds = Quantity<struct StallTag, double>;
constexpr StallSeconds operator*(StallSeconds s, double factor) { return {s.value * factor}; }

// Equivalent serialised accesses: stall divided by the latency of the tier it was served from, hence
// tier-neutral.
using Accesses = Quantity<struct AccessesTag, double>;
constexpr Accesses operator*(Accesses a, double factor) { return {a.value * factor}; }

constexpr double seconds(Nanoseconds t) { return std::chrono::duration<double>(t).count(); }
constexpr StallSeconds stall(Accesses demand, Nanoseconds latency) {
  return {demand.value * seconds(latency)};
}

constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }

}  // namespace tier

template <typename Tag, typename Rep>
struct std::hash<tier::Id<Tag, Rep>> {
  std::size_t operator()(const tier::Id<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
