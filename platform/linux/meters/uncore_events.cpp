#include "platform/linux/meters/uncore_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "platform/linux/file.h"
#include "platform/linux/meters/memory_nodes.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr const char* kPmus = "/sys/bus/event_source/devices";
constexpr double kMostBytes = 4096;  // of one count; the most there is are 64

// One way of a controller's traffic: aliases that kernels publish for it, of which all that are there are
// added, and what is counted where there is none.
struct Way {
  Signal signal;
  std::array<const char*, 4> aliases;
  const char* terms;
};

// PMUs NAME or NAME_NUMBER.
struct Family {
  const char* name;
  bool hbm;
  double bytes;  // of one count, where the kernel publishes no scale
  Way read, written;
};

// arch/x86/events/intel/uncore_snbep.c and uncore_snb.c: CAS commands of a channel by 64 bytes, in the
// kernels' own aliases (Granite Rapids counts two schedulers). High-bandwidth memory (Xeon Max) has no
// aliases; its CAS moves 32 bytes (Intel's SPR-HBM metrics: UNC_MCHBM_CAS_COUNT * 32).
// arch/x86/events/amd/uncore.c and perf's amdzen4 list: umc_cas_cmd.rd and .wr, 64 bytes. AMD's data fabric
// before Zen 4 does not tell reads from writes. Free-running counters come second: servers have both, of the
// same traffic.
constexpr std::array<Family, 4> kFamilies = {{
    {"uncore_imc",
     false,
     64,
     {Signal::kMemoryRead,
      {"cas_count_read", "cas_count_read_sch0", "cas_count_read_sch1", "data_reads"},
      nullptr},
     {Signal::kMemoryWritten,
      {"cas_count_write", "cas_count_write_sch0", "cas_count_write_sch1", "data_writes"},
      nullptr}},
    {"uncore_imc_free_running",
     false,
     64,
     {Signal::kMemoryRead, {"data_read", "read"}, nullptr},
     {Signal::kMemoryWritten, {"data_write", "write"}, nullptr}},
    {"amd_umc",
     false,
     64,
     {Signal::kMemoryRead, {}, "event=0x0a,rdwrmask=0x1"},
     {Signal::kMemoryWritten, {}, "event=0x0a,rdwrmask=0x2"}},
    {"uncore_hbm",
     true,
     32,
     {Signal::kMemoryRead, {}, "event=0x05,umask=0xcf"},
     {Signal::kMemoryWritten, {}, "event=0x05,umask=0xf0"}},
}};

bool is_of(const Family& family, std::string_view pmu) {
  const std::string_view name = family.name;
  if (!pmu.starts_with(name)) return false;
  pmu.remove_prefix(name.size());
  return pmu.empty() || (pmu.front() == '_' && parse_number(pmu.substr(1)));
}

std::optional<double> parse_scale(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Bytes of one count of an alias, of its files NAME.scale and NAME.unit.
Result<double> bytes_of(const std::string& alias, double otherwise) {
  const auto scale = read_file(alias + ".scale", 4096), unit = read_file(alias + ".unit", 4096);
  if (!scale && !unit) return otherwise;
  const auto number = scale ? parse_scale(trimmed(*scale)) : std::nullopt;
  const std::string_view word = unit ? trimmed(*unit) : "";
  const double of_unit = word == "MiB" ? 1 << 20 : word == "KiB" ? 1 << 10 : word == "Bytes" ? 1 : 0;
  const double bytes = number.value_or(0) * of_unit;
  if (!(bytes >= 1 && bytes <= kMostBytes))
    return fail(ErrorKind::kFailed, alias + ".scale and .unit make no sense of a count",
                "report it with both files");
  return bytes;
}

class Search {
 public:
  explicit Search(const std::string& root) : root_(root), nodes_(root) {
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(under(root, kPmus), error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error))
      pmus_.push_back(it->path().filename());
    std::sort(pmus_.begin(), pmus_.end());
  }

  // False: there is no such counter.
  Result<bool> add(const Family& family) {
    const std::size_t before = found_.size();
    for (const std::string& pmu : pmus_) {
      if (!is_of(family, pmu)) continue;
      for (const Way* way : {&family.read, &family.written}) TIER_TRY(add_way(family, *way, pmu));
    }
    return found_.size() > before;
  }
  std::vector<UncoreEvent> take() { return std::move(found_); }

 private:
  Result<void> add_way(const Family& family, const Way& way, const std::string& pmu) {
    const std::string folder = under(root_, fmt::format("{}/{}", kPmus, pmu));
    if (way.terms != nullptr) return add_event(family, way.signal, pmu, way.terms, family.bytes, way.terms);
    for (const char* name : way.aliases) {
      if (name == nullptr) continue;
      const std::string alias = fmt::format("{}/events/{}", folder, name);
      const auto terms = read_file(alias, 4096);
      if (!terms) continue;
      const auto bytes = TIER_TRY(bytes_of(alias, family.bytes));
      TIER_TRY(add_event(family, way.signal, pmu, std::string(trimmed(*terms)), bytes, name));
    }
    return {};
  }

  // On each CPU of the PMU's cpumask: there is one for each socket that it is in.
  Result<void> add_event(const Family& family, Signal signal, const std::string& pmu,
                         const std::string& terms, double bytes, const char* name) {
    const std::string folder = under(root_, fmt::format("{}/{}", kPmus, pmu));
    const auto encoding = TIER_TRY(encode_alias(folder, terms));
    const auto mask = read_file(folder + "/cpumask", 1 << 16);
    const auto cpus = mask ? parse_id_list(trimmed(*mask)) : std::nullopt;
    if (!cpus || cpus->empty()) return fail(ErrorKind::kFailed, folder + "/cpumask names no CPU");
    for (const int cpu : *cpus) {
      auto node = nodes_.of_cpu(cpu);
      if (!node)
        return fail(ErrorKind::kFailed, fmt::format("{}/cpumask: CPU {} is in no node", folder, cpu));
      if (family.hbm) {
        const auto own = nodes_.hbm_beside(*node);
        // Without a node of its own it is all the memory there is, or a cache before the rest, whose traffic
        // is not memory's.
        if (!own && !found_.empty() && !found_.front().name.starts_with(family.name)) continue;
        node = own.value_or(*node);
      }
      found_.push_back({pmu + "/" + name, signal, *node, encoding, cpu, bytes});
    }
    return {};
  }

  std::string root_;
  MemoryNodes nodes_;
  std::vector<std::string> pmus_;
  std::vector<UncoreEvent> found_;
};

}  // namespace

Result<std::vector<UncoreEvent>> find_uncore_events(const std::string& root) {
  Search search(root);
  bool dram = false;
  for (const Family& family : kFamilies) {
    if (dram && !family.hbm) continue;
    const auto added = TIER_TRY(search.add(family));
    dram = dram || added;
  }
  auto found = search.take();
  if (found.empty())
    return fail(ErrorKind::kUnsupported,
                "no counter of a memory controller (uncore_imc, amd_umc, uncore_hbm)",
                "bare metal, and the kernel's module intel_uncore or amd_uncore");
  return found;
}

}  // namespace tier
