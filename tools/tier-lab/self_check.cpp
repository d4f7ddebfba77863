#include "tools/tier-lab/self_check.h"

#include <cmath>
#include <cstdio>

namespace tier::lab {
namespace {

using nlohmann::json;

template <typename... Values>
std::string text_of(const char* form, Values... values) {
  char text[200];
  std::snprintf(text, sizeof text, form, values...);
  return text;
}

double read_ns(const json& nodes, int node) {
  for (const json& one : nodes)
    if (one.at("node") == node) return one.at("read_ns").get<double>();
  return 0;
}

std::string chase_problem(const json& expected, const json& measured) {
  const double instruction = expected.at("instruction_ns").get<double>();
  for (const json& one : expected.at("nodes")) {
    const int node = one.at("node").get<int>();
    const double wanted = one.at("read_ns").get<double>();
    const double waited = read_ns(measured.at("nodes"), node) - instruction;
    if (std::abs(waited - wanted) > kChaseTolerance * wanted)
      return text_of("a dependent load of node %d waits for %.1f ns instead of %.1f", node, waited, wanted);
  }
  return {};
}

std::string sample_problem(const json& expected, const json& measured) {
  const json& samples = measured.at("samples");
  const auto all = samples.at("all").get<std::uint64_t>();
  if (all < kFewestSamples)
    return text_of("only %llu samples of the loop came", static_cast<unsigned long long>(all));
  for (const char* which : {"fast", "slow"}) {
    const int node = expected.at(which).get<int>();
    const double time = read_ns(measured.at("nodes"), node) / measured.at("pair_ns").get<double>();
    const double share = samples.at(which).get<double>() / static_cast<double>(all);
    if (std::abs(share - time) > kSampleTolerance)
      return text_of(
          "%.1f %% of the samples fall behind the load of node %d, which takes %.1f %% of the time",
          100 * share, node, 100 * time);
  }
  return {};
}

}  // namespace

std::string self_test_problem(const json& expected, const json& measured) {
  if (measured.contains("error")) return measured["error"].get<std::string>();
  std::string problem = chase_problem(expected, measured);
  if (problem.empty() && measured.contains("samples")) problem = sample_problem(expected, measured);
  return problem;
}

}  // namespace tier::lab
