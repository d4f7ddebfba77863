#include "platform/linux/sampling/hardware_events.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "platform/linux/file.h"

namespace tier {
namespace {

// A PMU and the events to open on it. Intel: aliases that the kernel publishes for its memory events, at the
// highest precision (PEBS); where mem-loads-aux is published (Sapphire Rapids and later) it must lead the
// group. AMD: an IBS op event counts any op, so half of its samples have no address; bit 19 (cnt_ctl) counts
// ops instead of cycles. Arm: SPE fills its own buffer and is not read by BPF.
struct Row {
  const char* pmu;
  const char* name;
  std::array<const char*, 2> aliases;  // load, store; nullptr: none
  const char* terms;                   // instead of aliases
  std::uint32_t precise;
};

constexpr std::array<Row, 3> kTable = {{
    {"cpu", "PEBS mem-loads and mem-stores", {"mem-loads", "mem-stores"}, nullptr, 3},
    {"cpu_core",
     "PEBS mem-loads and mem-stores (performance cores)",
     {"mem-loads", "mem-stores"},
     nullptr,
     3},
    {"ibs_op", "IBS op", {nullptr, nullptr}, "cnt_ctl=1", 0},
}};

// "config1:0-15" or "config:8" or "config:0-7,32-35": where the bits of a term go.
struct Place {
  std::string word;
  std::vector<std::pair<unsigned, unsigned>> bits;  // first, last
};

Result<Place> parse_format(const std::string& text) {
  Place place;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos)
    return fail(ErrorKind::kFailed, "a PMU's format file holds \"" + text + "\"");
  place.word = text.substr(0, colon);
  std::istringstream ranges(text.substr(colon + 1));
  for (std::string range; std::getline(ranges, range, ',');) {
    char* end = nullptr;
    const auto first = static_cast<unsigned>(std::strtoul(range.c_str(), &end, 10));
    const unsigned last = *end == '-' ? static_cast<unsigned>(std::strtoul(end + 1, nullptr, 10)) : first;
    if (first > 63 || last > 63 || last < first)
      return fail(ErrorKind::kFailed, "a PMU's format file holds \"" + text + "\"");
    place.bits.emplace_back(first, last);
  }
  return place;
}

std::uint64_t spread(std::uint64_t value, const Place& place) {
  std::uint64_t word = 0;
  for (const auto& [first, last] : place.bits)
    for (unsigned bit = first; bit <= last; ++bit, value >>= 1U) word |= (value & 1U) << bit;
  return word;
}

Result<void> add_term(const std::string& pmu_directory, const std::string& term, HardwareEncoding& encoding) {
  const std::size_t equals = term.find('=');
  const std::string name = term.substr(0, equals);
  const std::uint64_t value =
      equals == std::string::npos ? 1 : std::strtoull(term.c_str() + equals + 1, nullptr, 0);
  const Result<std::string> text = read_file(pmu_directory + "/format/" + name);
  if (!text) return tl::make_unexpected(text.error());
  const Result<Place> place = parse_format(*text);
  if (!place) return tl::make_unexpected(place.error());
  std::uint64_t* word = place->word == "config"    ? &encoding.config
                        : place->word == "config1" ? &encoding.config1
                        : place->word == "config2" ? &encoding.config2
                                                   : nullptr;
  if (word == nullptr) return fail(ErrorKind::kFailed, "a PMU places a term in \"" + place->word + "\"");
  *word |= spread(value, *place);
  return {};
}

Result<HardwareEvent> from_row(const std::string& directory, const Row& row) {
  HardwareEvent event;
  event.name = row.name;
  event.has_latency = true;
  const std::array<AccessType, 2> kinds = {AccessType::kLoad, AccessType::kStore};
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    std::string terms = row.terms != nullptr ? row.terms : "";
    if (row.terms == nullptr) {
      const Result<std::string> alias = read_file(directory + "/events/" + row.aliases[kind]);
      if (!alias) continue;  // some processors publish loads only
      terms = *alias;
    }
    Result<HardwareEncoding> encoding = encode_alias(directory, terms);
    if (!encoding) return tl::make_unexpected(encoding.error());
    encoding->precise = row.precise;
    if (kinds[kind] == AccessType::kLoad)
      if (const Result<std::string> aux = read_file(directory + "/events/mem-loads-aux"))
        if (const Result<HardwareEncoding> leader = encode_alias(directory, *aux))
          encoding->leader_config = leader->config;
    encoding->access = row.terms != nullptr ? AccessType::kUnknown : kinds[kind];
    event.encodings.push_back(*encoding);
    if (row.terms != nullptr) break;
  }
  if (event.encodings.empty())
    return fail(ErrorKind::kUnsupported, directory + "/events has neither mem-loads nor mem-stores");
  return event;
}

}  // namespace

Result<HardwareEncoding> encode_alias(const std::string& pmu_directory, const std::string& alias_text) {
  HardwareEncoding encoding;
  const Result<std::string> type = read_file(pmu_directory + "/type");
  if (!type) return tl::make_unexpected(type.error());
  encoding.type = static_cast<std::uint32_t>(std::strtoul(type->c_str(), nullptr, 10));
  std::istringstream terms(alias_text.substr(0, alias_text.find('\n')));
  for (std::string term; std::getline(terms, term, ',');)
    if (Result<void> added = add_term(pmu_directory, term, encoding); !added)
      return tl::make_unexpected(added.error());
  return encoding;
}

Result<HardwareEvent> find_hardware_event(const std::string& root) {
  std::string looked_for;
  for (const Row& row : kTable) {
    const std::string directory = under(root, std::string("/sys/bus/event_source/devices/") + row.pmu);
    std::error_code ignored;
    if (!std::filesystem::exists(directory, ignored)) {
      looked_for += std::string(looked_for.empty() ? "" : ", ") + row.pmu;
      continue;
    }
    Result<HardwareEvent> event = from_row(directory, row);
    if (event) return event;
    looked_for += std::string(looked_for.empty() ? "" : ", ") + row.pmu + " (" + event.error().message + ")";
  }
  return fail(ErrorKind::kUnsupported, "no PMU with memory sampling among " + looked_for,
              "bare metal, or a virtual machine with a virtual PMU that passes memory events through");
}

}  // namespace tier
