#include "platform/linux/sampling/hardware_events.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>

#include "core/printable.h"
#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

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

Result<Place> parse_format(std::string_view text) {
  const auto nonsense = [&] {
    return fail(ErrorKind::kFailed, "a PMU's format file holds \"" + escaped_short(text) + "\"");
  };
  text = trimmed(text);
  Place place;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return nonsense();
  place.word = text.substr(0, colon);
  for (std::string_view rest = text.substr(colon + 1);;) {
    const std::string_view range = rest.substr(0, rest.find(','));
    const std::size_t dash = range.find('-');
    const auto first = parse_number(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(range.substr(dash + 1));
    if (!first || !last || *last > 63 || *last < *first) return nonsense();
    place.bits.emplace_back(static_cast<unsigned>(*first), static_cast<unsigned>(*last));
    if (range.size() == rest.size()) return place;
    rest.remove_prefix(range.size() + 1);
  }
}

// "3" or "0xcd".
std::optional<std::uint64_t> term_value(std::string_view text) {
  if (!text.starts_with("0x")) return parse_number(text);
  text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
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
  const auto value = equals == std::string::npos ? 1 : term_value(std::string_view(term).substr(equals + 1));
  const bool named = !name.empty() && name.find_first_of("/.") == std::string::npos && escaped(name) == name;
  if (!named || !value) return fail(ErrorKind::kFailed, "a PMU's event has \"" + escaped_short(term) + "\"");
  const auto text = TIER_TRY(read_file(pmu_directory + "/format/" + name));
  const auto place = TIER_TRY(parse_format(text));
  std::uint64_t* word = place.word == "config"    ? &encoding.config
                        : place.word == "config1" ? &encoding.config1
                        : place.word == "config2" ? &encoding.config2
                                                  : nullptr;
  if (word == nullptr)
    return fail(ErrorKind::kFailed, "a PMU places a term in \"" + escaped_short(place.word) + "\"");
  *word |= spread(*value, place);
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
    auto encoding = TIER_TRY(encode_alias(directory, terms));
    encoding.precise = row.precise;
    if (kinds[kind] == AccessType::kLoad)
      if (const Result<std::string> aux = read_file(directory + "/events/mem-loads-aux"))
        if (const Result<HardwareEncoding> leader = encode_alias(directory, *aux))
          encoding.leader_config = leader->config;
    encoding.access = row.terms != nullptr ? AccessType::kUnknown : kinds[kind];
    event.encodings.push_back(encoding);
    if (row.terms != nullptr) break;
  }
  if (event.encodings.empty())
    return fail(ErrorKind::kUnsupported, directory + "/events has neither mem-loads nor mem-stores");
  return event;
}

}  // namespace

Result<HardwareEncoding> encode_alias(const std::string& pmu_directory, const std::string& alias_text) {
  HardwareEncoding encoding;
  const auto type = TIER_TRY(read_file(pmu_directory + "/type"));
  encoding.type = static_cast<std::uint32_t>(std::strtoul(type.c_str(), nullptr, 10));
  std::istringstream terms(alias_text.substr(0, alias_text.find('\n')));
  for (std::string term; std::getline(terms, term, ',');) TIER_TRY(add_term(pmu_directory, term, encoding));
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
