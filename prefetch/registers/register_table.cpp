#include "prefetch/registers/register_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/toml_reader.h"
#include "platform/api/text_file.h"

namespace tier {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;  // the table has 4 KiB
constexpr std::int64_t kMostAddress = std::numeric_limits<std::uint32_t>::max();

void read_switches(TomlReader& reader, PrefetchRegister& into) {
  const toml::table* bits = reader.table("disable");
  if (bits == nullptr) return reader.refuse("disable", "must name at least one prefetcher and its bit");
  for (const auto& [key, value] : *bits) {
    const auto bit = value.value_exact<std::int64_t>();
    if (!bit || *bit < 0 || *bit > 63) return reader.refuse("disable", "must hold bits from 0 to 63");
    const std::uint64_t mask = std::uint64_t{1} << *bit;
    if ((into.mask() & mask) != 0) return reader.refuse("disable", fmt::format("names bit {} twice", *bit));
    into.switches.push_back({std::string(key.str()), mask});
  }
  if (into.switches.empty()) reader.refuse("disable", "must name at least one prefetcher and its bit");
}

PrefetchRegister read_register(const toml::table& source, const std::string& prefix, std::string& error) {
  PrefetchRegister into;
  TomlReader reader(source, prefix, error);
  reader.integer("address", into.address, 1, kMostAddress);
  if (into.address == 0) reader.refuse("address", "is missing");
  std::string scope;
  reader.choice("scope", scope, {"core", "module"});
  into.scope = scope == "module" ? RegisterScope::kModule : RegisterScope::kCore;
  read_switches(reader, into);
  reader.finish();
  return into;
}

CpuidBit read_cpuid(const toml::table& source, const std::string& prefix, std::string& error) {
  static const std::vector<std::string> kWords = {"eax", "ebx", "ecx", "edx"};
  CpuidBit into;
  TomlReader reader(source, prefix, error);
  std::string word;
  reader.integer("leaf", into.leaf, 0, kMostAddress);
  reader.choice("register", word, kWords);
  reader.integer("bit", into.bit, 0, 31);
  reader.finish();
  into.word = static_cast<std::uint8_t>(std::find(kWords.begin(), kWords.end(), word) - kWords.begin());
  return into;
}

void read_models(const toml::table& source, TomlReader& reader, CpuGeneration& into) {
  const toml::node* models = source.get("models");
  if (models != nullptr && models->is_string()) {
    std::string any;
    reader.choice("models", any, {"any"});
    return;
  }
  reader.integers("models", into.models);
  if (into.models.empty()) reader.refuse("models", "must be a list of numbers, or \"any\"");
}

CpuGeneration read_generation(const toml::table& source, std::size_t index, std::string& error) {
  CpuGeneration into;
  const std::string prefix = fmt::format("generation[{}].", index);
  TomlReader reader(source, prefix, error);
  reader.text("name", into.name);
  reader.text("source", into.source);
  if (into.name.empty()) reader.refuse("name", "is missing");
  if (into.source.empty()) reader.refuse("source", "is missing: no register without one");
  reader.choice("vendor", into.vendor, {"GenuineIntel", "AuthenticAMD"});
  reader.integer("family", into.family, 1, 1024);
  read_models(source, reader, into);
  if (source.contains("core")) {
    std::string core;
    reader.choice("core", core, {"performance", "efficient"});
    into.core = core == "efficient" ? CoreKind::kEfficient : CoreKind::kPerformance;
  }
  if (const toml::table* cpuid = reader.table("cpuid"))
    into.cpuid = read_cpuid(*cpuid, prefix + "cpuid.", error);
  reader.each("register", [&](const toml::node& item) {
    if (!item.is_table()) return reader.refuse("register", "must be tables, [[generation.register]]");
    into.registers.push_back(read_register(*item.as_table(), prefix + "register.", error));
  });
  if (into.registers.empty()) reader.refuse("register", "is missing");
  reader.finish();
  return into;
}

}  // namespace

std::uint64_t PrefetchRegister::mask() const {
  std::uint64_t mask = 0;
  for (const PrefetcherSwitch& each : switches) mask |= each.bit;
  return mask;
}

// A CPU of one kind of core is a P-core or an E-core as its model has it.
bool CpuGeneration::is(const CpuIdentity& cpu) const {
  if (cpu.vendor != vendor || cpu.family != family) return false;
  if (!models.empty() && std::find(models.begin(), models.end(), static_cast<int>(cpu.model)) == models.end())
    return false;
  if (core && cpu.core != CoreKind::kOnly && *core != cpu.core) return false;
  return !cpuid || (cpu.has && cpu.has(*cpuid));
}

Result<std::vector<CpuGeneration>> read_register_table(std::string_view text, const std::string& name) {
  const auto wrong = [&](const std::string& why) {
    return fail(ErrorKind::kUsage, fmt::format("{}: {}", escaped(name), why),
                "install the file that came with tierd");
  };
  const auto root = TIER_TRY(parse_toml(text, name));
  std::vector<CpuGeneration> table;
  std::string error;
  TomlReader reader(root, "", error);
  reader.each("generation", [&](const toml::node& item) {
    if (!item.is_table()) return reader.refuse("generation", "must be tables, [[generation]]");
    table.push_back(read_generation(*item.as_table(), table.size(), error));
  });
  reader.finish();
  if (!error.empty()) return wrong(error);
  return table;
}

Result<std::vector<CpuGeneration>> load_register_table(const std::filesystem::path& path) {
  const auto text = read_regular_file(path, kMostBytes);
  if (!text)
    return fail(text.error().kind, "the register table cannot be read: " + text.error().message,
                "prefetch.registers names it; empty takes the one that came with tierd");
  return read_register_table(*text, path.string());
}

std::filesystem::path default_register_table() {
  return shared_file("registers.toml", TIERD_REGISTERS_INSTALLED);
}

const CpuGeneration* find_generation(const std::vector<CpuGeneration>& table, const CpuIdentity& cpu) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const CpuGeneration& each) { return each.is(cpu); });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace tier
