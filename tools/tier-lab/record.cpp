#include "tools/tier-lab/record.h"

#include <numeric>
#include <stdexcept>

namespace tier::lab {
namespace {

using nlohmann::json;

KindMisses kinds_from(const json& row) {
  return {row.at(0).get<std::uint32_t>(), row.at(1).get<std::uint32_t>(), row.at(2).get<std::uint32_t>(),
          row.at(3).get<std::uint32_t>()};
}

PeriodCounts period_from(const json& event) {
  PeriodCounts period;
  for (const json& node : event.at("nodes"))
    period.nodes.push_back({node.at(0).get<std::uint64_t>(), node.at(1).get<std::uint64_t>(),
                            node.at(2).get<std::uint64_t>(), node.at(3).get<std::uint64_t>()});
  if (event.contains("waits_ns"))
    for (std::size_t node = 0; node < period.nodes.size(); ++node) {
      const json& waits = event["waits_ns"].at(node);
      period.nodes[node].user_wait_ns = waits.at(0).get<std::uint64_t>();
      period.nodes[node].kernel_wait_ns = waits.at(1).get<std::uint64_t>();
    }
  for (const json& row : event.at("regions")) {
    RegionCounts region;
    region.region = row.at(0).get<std::uint64_t>();
    for (std::size_t i = 1; i < row.size(); ++i) region.misses.push_back(row[i].get<std::uint64_t>());
    if (region.misses.size() != period.nodes.size())
      throw std::out_of_range("a region with another number of nodes");
    if (event.contains("region_waits_ns"))
      region.wait_ns = event["region_waits_ns"].at(period.regions.size()).get<std::uint64_t>();
    if (event.contains("kinds")) region.kinds = kinds_from(event["kinds"].at(period.regions.size()));
    period.regions.push_back(std::move(region));
  }
  return period;
}

void accept_plugin(const json& event, RunRecord& into) {
  const std::string kind = event.at("plugin");
  if (kind == "period") into.periods.push_back(period_from(event));
  if (kind == "stop") into.stopped = true;
}

void accept_guest(const json& event, RunRecord& into) {
  const std::string kind = event.at("guest");
  if (kind == "machine") into.machine = event.at("facts");
  if (kind == "before") into.free_kib = event.at("free_kib").get<std::vector<long long>>();
  if (kind == "tick") into.ticks.push_back(event);
  if (kind == "collected") into.collected.push_back(event);
  if (kind == "self_test") into.self_test = event;
  if (kind == "exit") into.exits.push_back(event);
  if (kind == "tool_stop") into.tool_stop = event;
  if (kind == "error") into.errors.push_back(event.at("text"));
  if (kind == "line")
    into.lines.push_back(event.at("from").get<std::string>() + ": " + event.at("text").get<std::string>());
  if (kind == "phase" && event.at("name") == "done") into.done = true;
}

}  // namespace

std::uint64_t RegionCounts::total() const {
  return std::accumulate(misses.begin(), misses.end(), std::uint64_t{0});
}

Result<json> accept_event(const std::string& line, RunRecord& into) {
  try {
    json event = json::parse(line);
    if (event.contains("plugin"))
      accept_plugin(event, into);
    else if (event.contains("guest"))
      accept_guest(event, into);
    else
      throw std::out_of_range("neither plugin nor guest");
    return event;
  } catch (const std::exception& reason) {
    return fail(ErrorKind::kFailed, "the run's events hold a bad line (" + std::string(reason.what()) +
                                        "): " + line.substr(0, 200));
  }
}

}  // namespace tier::lab
