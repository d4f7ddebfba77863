#include "sim/workloads/generators.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "sim/trace/trace.h"
#include "sim/workloads/patterns.h"
#include "sim/workloads/stretched.h"

namespace tier::sim {
namespace {

constexpr double kMiB = 1048576, kGiB = 1024 * kMiB, kTiB = 1024 * kGiB;
constexpr std::string_view kTrace = "trace";  // "trace:PATH", "trace*40:PATH"
constexpr std::string_view kBeside = " + ";

Common common_of(const Values& values) {
  Common common;
  common.regions = static_cast<std::uint32_t>(values.bytes("footprint").value / common.region_size.value);
  common.interval = Nanoseconds{std::llround(values["interval"] * 1e9)};
  common.intervals = static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, std::llround(values["length"] / values["interval"])));
  common.threads = values["threads"];
  common.intensity = values["intensity"];
  common.seed = values.count("seed");
  common.pages = values["pages"] == 0 ? PageKind::kSmall : PageKind::kHuge;
  return common;
}

std::string names() {
  std::string text;
  for (const GeneratorEntry& entry : generator_table()) text += std::string(entry.name) + ", ";
  return text + "trace:PATH, trace*TIMES:PATH";
}

// `times_text`: as written between "trace*" and ":".
Result<WorkloadFactory> recorded(const std::filesystem::path& path, const std::string& times_text) {
  char* end = nullptr;
  const double times = std::strtod(times_text.c_str(), &end);
  if (times_text.empty() || *end != '\0' || !(times >= 1 && times <= 1e6))
    return fail(ErrorKind::kUsage, "trace*" + times_text + " does not say how many times",
                "give a number from 1 to 1000000, as in trace*40:PATH");
  // Opened once now, so that a wrong path is told before anything runs.
  TIER_TRY(open_trace(path));
  return [path, times]() -> Result<std::unique_ptr<Workload>> {
    auto reader = TIER_TRY(open_trace(path));
    if (times == 1) return reader;
    return stretch(std::move(reader), times);
  };
}

bool is_recording(std::string_view head) {
  return head == kTrace || head.starts_with(std::string(kTrace) + "*");
}

// One workload's specification with `more` added to its seed.
std::string with_later_seed(std::string spec, std::uint64_t more) {
  constexpr std::string_view kSeed = "seed=";
  const std::size_t colon = spec.find(':');
  if (is_recording(std::string_view(spec).substr(0, colon))) return spec;
  if (colon == std::string::npos) return fmt::format("{}:{}{}", spec, kSeed, 1 + more);
  for (std::size_t at = colon; at != std::string::npos; at = spec.find(',', at + 1)) {
    if (spec.compare(at + 1, kSeed.size(), kSeed) != 0) continue;
    const std::size_t begin = at + 1 + kSeed.size(), end = std::min(spec.find(',', begin), spec.size());
    std::uint64_t own = 0;
    const auto read = std::from_chars(spec.data() + begin, spec.data() + end, own);
    if (read.ec == std::errc{}) spec.replace(begin, end - begin, std::to_string(own + more));
    return spec;
  }
  return fmt::format("{},{}{}", spec, kSeed, 1 + more);
}

}  // namespace

std::vector<Parameter> with_common(std::vector<Parameter> own, double intensity) {
  std::vector<Parameter> all = {
      {"footprint", "memory it allocates", Unit::kBytes, 16 * kGiB, 64 * kMiB, 16 * kTiB},
      {"length", "nominal running time", Unit::kSeconds, 300, 0.01, 86400},
      {"interval", "nominal time of one step", Unit::kSeconds, 1, 0.01, 60},
      {"threads", "that run at the same time", Unit::kCount, 8, 1, 1024},
      {"intensity", "share of the time that waits for memory when every load takes 100 ns", Unit::kShare,
       intensity, 0.01, 0.99},
      {"pages", "huge or small", Unit::kPages, 1, 0, 1},
      {"seed", "of everything drawn", Unit::kCount, 1, 0, 9007199254740991},
  };
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

std::span<const GeneratorEntry> generator_table() {
  static const std::vector<GeneratorEntry> table = {
      gups(),  gups_moving(),  gups_scattered(), zipf(),   stencil(), phases(),   scan(),
      chase(), generational(), bursts(),         zigzag(), stairs(),  training(),
  };
  return table;
}

Result<WorkloadFactory> parse_workload(const std::string& spec) {
  if (spec.find(kBeside) != std::string::npos)
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is more than one workload", spec),
                "give one workload here");
  const std::size_t colon = spec.find(':');
  const std::string head = spec.substr(0, colon);
  if (colon != std::string::npos && is_recording(head))
    return recorded(spec.substr(colon + 1), head == kTrace ? "1" : head.substr(kTrace.size() + 1));
  const std::string name = spec.substr(0, colon);
  const auto table = generator_table();
  const auto entry =
      std::find_if(table.begin(), table.end(), [&](const GeneratorEntry& e) { return name == e.name; });
  if (entry == table.end())
    return fail(ErrorKind::kUsage, fmt::format("there is no workload \"{}\"", name),
                "choose from " + names());
  auto values =
      parse_values(colon == std::string::npos ? std::string{} : spec.substr(colon + 1), entry->parameters);
  if (!values)
    return fail(ErrorKind::kUsage, fmt::format("{}: {}", name, values.error().message), values.error().fix);
  const Common common = common_of(*values);
  // Made once now, so that contradictions are told before anything runs.
  if (auto trial = entry->make(common, *values); !trial)
    return fail(trial.error().kind, fmt::format("{}: {}", name, trial.error().message), trial.error().fix);
  return
      [spec, common, make = entry->make, values = *std::move(values)]() -> Result<std::unique_ptr<Workload>> {
        return make(common, values).map([&](std::unique_ptr<Pattern> pattern) {
          return make_generated(spec, common, std::move(pattern));
        });
      };
}

Result<std::vector<WorkloadFactory>> parse_workloads(const std::string& spec) {
  std::vector<WorkloadFactory> factories;
  for (std::size_t begin = 0; begin <= spec.size();) {
    const std::size_t end = std::min(spec.find(kBeside, begin), spec.size());
    auto factory = TIER_TRY(parse_workload(spec.substr(begin, end - begin)));
    factories.push_back(std::move(factory));
    begin = end + kBeside.size();
  }
  return factories;
}

std::string reseeded(const std::string& spec, std::uint64_t seed) {
  if (seed <= 1) return spec;
  std::string text;
  for (std::size_t begin = 0; begin <= spec.size();) {
    const std::size_t end = std::min(spec.find(kBeside, begin), spec.size());
    if (begin > 0) text += kBeside;
    text += with_later_seed(spec.substr(begin, end - begin), seed - 1);
    begin = end + kBeside.size();
  }
  return text;
}

}  // namespace tier::sim
