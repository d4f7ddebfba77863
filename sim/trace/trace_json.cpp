#include "sim/trace/trace_json.h"

#include <fmt/format.h>

#include "core/printable.h"
#include "sim/trace/trace_check.h"

namespace tier::sim {
namespace {

using nlohmann::json;

json to_json(const WorkloadInfo& info) {
  json targets = json::array(), streams = json::array();
  for (const WorkloadTarget& target : info.targets)
    targets.push_back({{"name", target.name}, {"threads", target.threads}});
  for (const Stream& stream : info.streams)
    streams.push_back({{"name", stream.name},
                       {"target", stream.target},
                       {"parallelism", stream.parallelism},
                       {"prefetchable", stream.prefetchable}});
  return {{"name", info.name},
          {"region_size", info.region_size.value},
          {"interval_ns", info.interval.count()},
          {"regions", info.regions},
          {"targets", std::move(targets)},
          {"streams", std::move(streams)}};
}

std::string text(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Thrown and caught in this file alone: a header has some twenty fields, each may be missing or of any type.
struct Wrong {
  std::string what;
};

const json& field(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) throw Wrong{fmt::format("\"{}\" is missing", name)};
  return *found;
}

std::uint64_t whole(const json& object, const char* name, std::uint64_t most) {
  const json& value = field(object, name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
    throw Wrong{fmt::format("\"{}\" is not a whole number up to {}", name, most)};
  return value.get<std::uint64_t>();
}

template <typename T>
T read(const json& object, const char* name, bool (json::*is)() const noexcept, const char* kind) {
  const json& value = field(object, name);
  if (!(value.*is)()) throw Wrong{fmt::format("\"{}\" is not {}", name, kind)};
  return value.get<T>();
}

double number(const json& object, const char* name) {
  return read<double>(object, name, &json::is_number, "a number");
}
std::string string(const json& object, const char* name) {
  return read<std::string>(object, name, &json::is_string, "a text");
}

const json& objects(const json& object, const char* name) {
  const json& list = field(object, name);
  if (!list.is_array()) throw Wrong{fmt::format("\"{}\" is not a list", name)};
  for (const json& entry : list)
    if (!entry.is_object()) throw Wrong{fmt::format("\"{}\" has an entry that is not an object", name)};
  return list;
}

WorkloadInfo read_workload(const json& object) {
  if (!object.is_object()) throw Wrong{"the workload is not an object"};
  WorkloadInfo info;
  info.name = string(object, "name");
  info.region_size = Bytes{whole(object, "region_size", UINT64_MAX)};
  info.interval = Nanoseconds(static_cast<std::int64_t>(whole(object, "interval_ns", INT64_MAX)));
  info.regions = static_cast<std::uint32_t>(whole(object, "regions", UINT32_MAX));
  for (const json& target : objects(object, "targets"))
    info.targets.push_back({.name = string(target, "name"), .threads = number(target, "threads")});
  for (const json& stream : objects(object, "streams"))
    info.streams.push_back({.name = string(stream, "name"),
                            .target = static_cast<std::uint32_t>(whole(stream, "target", UINT32_MAX)),
                            .parallelism = number(stream, "parallelism"),
                            .prefetchable = number(stream, "prefetchable")});
  return info;
}

TraceHeader read_header(const json& object) {
  TraceHeader header;
  header.workload = read_workload(field(object, "workload"));
  header.machine = field(object, "machine");
  const json& provenance = field(object, "provenance");
  if (!provenance.is_object()) throw Wrong{"\"provenance\" is not an object"};
  for (const auto& [key, value] : provenance.items()) {
    if (!value.is_string()) throw Wrong{fmt::format("\"{}\" is not a text", escaped_short(key))};
    header.provenance[key] = value.get<std::string>();
  }
  header.exact = read<bool>(object, "exact", &json::is_boolean, "true or false");
  header.has_stall = read<bool>(object, "has_stall", &json::is_boolean, "true or false");
  return header;
}

json parse(std::string_view text) {
  if (text.size() > kMostJsonBytes) throw Wrong{"it is longer than headers are"};
  bool too_deep = false;
  const auto watch_depth = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kDeepestJson;
    return !too_deep;
  };
  json document = json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (too_deep || !document.is_object()) throw Wrong{"it is not a JSON object of bounded depth"};
  return document;
}

template <typename T>
Result<T> checked(T value) {
  if (auto sound = check(value); !sound) return fail(ErrorKind::kFailed, sound.error().message);
  return value;
}

}  // namespace

std::string to_json_text(const TraceHeader& header) {
  return text({{"workload", to_json(header.workload)},
               {"machine", header.machine},
               {"provenance", header.provenance},
               {"exact", header.exact},
               {"has_stall", header.has_stall}});
}

std::string to_json_text(const WorkloadInfo& workload) { return text(to_json(workload)); }

Result<TraceHeader> parse_header(std::string_view text) try {
  return checked(read_header(parse(text)));
} catch (const Wrong& wrong) {
  return fail(ErrorKind::kFailed, wrong.what);
}

Result<WorkloadInfo> parse_workload(std::string_view text) try {
  return checked(read_workload(parse(text)));
} catch (const Wrong& wrong) {
  return fail(ErrorKind::kFailed, wrong.what);
}

}  // namespace tier::sim
