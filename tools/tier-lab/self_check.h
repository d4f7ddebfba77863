// Does waiting for memory take the time that the scenario says? What the guest measured before a count,
// judged. Pure; one file for the agent, which stops the run, and for tier-lab.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tier::lab {

// How far a chase may be from the node's latency, as a share of it, and a share of samples from its share of
// time.
inline constexpr double kChaseTolerance = 0.05;
inline constexpr double kSampleTolerance = 0.03;
// Fewer samples than these say nothing.
inline constexpr std::uint64_t kFewestSamples = 300;

// `expected`: {"instruction_ns", "nodes": [{"node", "read_ns"}], "fast", "slow", "circle_kib": memory of each
// node to chase through, "flush": whether the modelled cache could hold it}. `measured`: {"nodes":
// [{"node", "read_ns"}], of one dependent load with its own instruction} and, where two nodes were sampled,
// {"pair_ns": time of one load of each, "samples": {"all", "fast", "slow"}}; or {"error"} alone. Returns what
// is wrong in words, empty when nothing is.
std::string self_test_problem(const nlohmann::json& expected, const nlohmann::json& measured);

}  // namespace tier::lab
