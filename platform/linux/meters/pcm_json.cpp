#include "platform/linux/meters/pcm_json.h"

#include <nlohmann/json.hpp>
#include <set>

namespace tier {
namespace {

using nlohmann::json;

// PCM's own goes to eight: system, sockets, socket, cores, core, threads, thread, counters.
constexpr int kDeepest = 16;

const json* field(const json& object, const char* name) {
  const auto it = object.is_object() ? object.find(name) : object.end();
  return it == object.end() ? nullptr : &*it;
}

std::optional<std::uint64_t> number(const json* value) {
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::uint64_t>();
}

std::optional<std::uint64_t> counted(const json& counters, const char* name) {
  const auto value = number(field(counters, name));
  return value == 0U ? std::nullopt : value;
}

Result<json> parse(const std::string& document) {
  // The parser takes a NUL for the end, and would pass over what comes behind it.
  if (document.find('\0') != std::string::npos)
    return fail(ErrorKind::kFailed, "the answer holds a NUL byte");
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  json parsed = json::parse(document, watch, /*allow_exceptions=*/false);
  if (too_deep || parsed.is_discarded())
    return fail(ErrorKind::kFailed, too_deep ? "the answer is nested too deeply" : "the answer is not JSON");
  return parsed;
}

}  // namespace

Result<std::vector<PcmSocket>> parse_pcm(const std::string& document) {
  const auto parsed = TIER_TRY(parse(document));
  const json* const sockets = field(parsed, "Sockets");
  if (sockets == nullptr || !sockets->is_array())
    return fail(ErrorKind::kFailed, "the answer has no \"Sockets\"",
                "the address of a pcm-sensor-server, as PCM 202302 and later have it");
  std::vector<PcmSocket> all;
  std::set<std::uint64_t> seen;
  for (const json& socket : *sockets) {
    const auto id = number(field(socket, "Socket ID"));
    const json* const uncore = field(socket, "Uncore");
    const json* const counters = uncore == nullptr ? nullptr : field(*uncore, "Uncore Counters");
    if (!id || counters == nullptr || !seen.insert(*id).second) continue;
    all.push_back({*id, counted(*counters, "DRAM Reads"), counted(*counters, "DRAM Writes"),
                   counted(*counters, "Embedded DRAM Reads"), counted(*counters, "Embedded DRAM Writes")});
  }
  return all;
}

}  // namespace tier
