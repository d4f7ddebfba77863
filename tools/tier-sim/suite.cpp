// Suites from TOML.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "core/toml_reader.h"
#include "platform/api/text_file.h"
#include "tools/tier-sim/compare.h"

namespace tier::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostSeed = std::int64_t{1} << 53;

// Replaces `into` where the key is there. `least` is the least that each number may be.
void read_numbers(TomlReader& table, const char* key, std::vector<double>& into, double least,
                  const char* what) {
  std::vector<double> read;
  bool given = false;
  table.each(key, [&](const toml::node& item) {
    given = true;
    const auto value = item.value<double>();
    if (!value || !(*value >= least) || *value > 1e6) return table.refuse(key, what);
    read.push_back(*value);
  });
  if (given) into = std::move(read);
}

// `seed = 2` is short for `seeds = [2]`.
void read_seeds(TomlReader& table, std::vector<std::uint64_t>& into) {
  std::uint64_t one = into.front();
  table.integer("seed", one, 1, kMostSeed);
  into = {one};
  std::vector<std::uint64_t> read;
  table.each("seeds", [&](const toml::node& item) {
    const auto value = item.value_exact<std::int64_t>();
    if (!value || *value < 1 || *value > kMostSeed)
      return table.refuse("seeds", "must hold whole numbers from 1 up");
    read.push_back(static_cast<std::uint64_t>(*value));
  });
  if (!read.empty()) into = std::move(read);
}

// A recording of that name, repeated as often, that an earlier pattern found in another folder.
bool found_before(const std::vector<std::string>& known, const std::string& prefix, const fs::path& file) {
  return std::any_of(known.begin(), known.end(), [&](const std::string& entry) {
    return entry.starts_with(prefix) && fs::path(entry).filename() == file.filename();
  });
}

// "trace:FOLDER/*.trace", stretched or not, becomes one entry a file, by name; paths are relative to the
// suite's folder. `made_by`: the command that makes such files.
Result<void> expand(const fs::path& base, const std::string& entry, const std::string& made_by,
                    std::vector<std::string>& into) {
  const auto colon = entry.find(':');
  if (!entry.starts_with("trace") || colon == std::string::npos) {
    into.push_back(entry);
    return {};
  }
  const std::string prefix = entry.substr(0, colon + 1);
  const fs::path pattern = base / entry.substr(colon + 1);
  if (pattern.filename() != "*.trace") {
    into.push_back(prefix + pattern.lexically_normal().string());
    return {};
  }
  std::vector<fs::path> found;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(pattern.parent_path(), failed))
    if (file.path().extension() == ".trace") found.push_back(file.path().lexically_normal());
  if (found.empty())
    return fail(ErrorKind::kUsage,
                fmt::format("no trace in {}", pattern.parent_path().lexically_normal().string()),
                "record them first: " + made_by);
  std::sort(found.begin(), found.end());
  for (const fs::path& path : found)
    if (!found_before(into, prefix, path)) into.push_back(prefix + path.string());
  return {};
}

// A machine file that lies there by its path from the suite's folder; all else as it is written.
std::string machine_of(const fs::path& base, const std::string& entry) {
  const fs::path file = base / entry;
  std::error_code failed;
  return entry.ends_with(".toml") && fs::exists(file, failed) ? file.lexically_normal().string() : entry;
}

}  // namespace

Result<Suite> load_suite(const fs::path& file) {
  const auto root =
      TIER_TRY(parse_toml(TIER_TRY(read_regular_file(file, TomlLimits{}.bytes)), file.string()));
  Suite suite;
  std::string error;
  std::string made_by = "tools/record-workloads";
  std::vector<std::string> workloads, optional, machines;
  TomlReader table(root, "", error);
  table.texts("workloads", workloads);
  table.texts("optional", optional);
  table.text("made_by", made_by);
  table.texts("machines", machines);
  table.texts("policies", suite.policies);
  constexpr const char* kRatios = "must hold ratios: slow parts per fast part";
  read_numbers(table, "ratios", suite.ratios, 0, kRatios);
  read_numbers(table, "swept_ratios", suite.swept_ratios, 0, kRatios);
  read_numbers(table, "samples_per_second", suite.sampling_rates, 1, "must hold samples a second, from 1 up");
  table.number("sampling_budget", suite.sampling_budget, 0, 1);
  read_seeds(table, suite.seeds);
  table.finish();
  if (!error.empty()) return fail(ErrorKind::kUsage, file.string() + ": " + error);
  const fs::path base = file.parent_path();
  for (const std::string& entry : workloads) TIER_TRY(expand(base, entry, made_by, suite.workloads));
  for (const std::string& entry : optional)
    if (const auto there = expand(base, entry, made_by, suite.workloads); !there)
      suite.notes.push_back(there.error().text());
  for (const std::string& entry : machines) suite.machines.push_back(machine_of(base, entry));
  if (suite.workloads.empty() || suite.machines.empty())
    return fail(ErrorKind::kUsage, file.string() + ": no workloads or no machines",
                "name at least one of each");
  return suite;
}

}  // namespace tier::sim
