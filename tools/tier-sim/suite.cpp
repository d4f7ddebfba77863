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

void read_numbers(TomlReader& table, const char* key, std::vector<double>& into) {
  std::vector<double> read;
  bool given = false;
  table.each(key, [&](const toml::node& item) {
    given = true;
    const auto value = item.value<double>();
    if (!value || *value < 0 || *value > 1e6)
      return table.refuse(key, "must hold ratios: slow parts per fast part");
    read.push_back(*value);
  });
  if (given) into = std::move(read);
}

// "trace:FOLDER/*.trace", stretched or not, becomes one entry a file, by name; paths are relative to the
// suite's folder.
Result<void> expand(const fs::path& base, const std::string& entry, std::vector<std::string>& into) {
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
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(pattern.parent_path(), failed))
    if (file.path().extension() == ".trace")
      found.push_back(prefix + file.path().lexically_normal().string());
  if (found.empty())
    return fail(ErrorKind::kUsage, fmt::format("no trace in {}", pattern.parent_path().string()),
                "record the corpus first: tools/record-workloads");
  std::sort(found.begin(), found.end());
  into.insert(into.end(), found.begin(), found.end());
  return {};
}

}  // namespace

Result<Suite> load_suite(const fs::path& file) {
  const auto root =
      TIER_TRY(parse_toml(TIER_TRY(read_regular_file(file, TomlLimits{}.bytes)), file.string()));
  Suite suite;
  std::string error;
  std::vector<std::string> workloads;
  TomlReader table(root, "", error);
  table.texts("workloads", workloads);
  table.texts("machines", suite.machines);
  table.texts("policies", suite.policies);
  read_numbers(table, "ratios", suite.ratios);
  read_numbers(table, "swept_ratios", suite.swept_ratios);
  table.number("sampling_budget", suite.sampling_budget, 0, 1);
  table.integer("seed", suite.seed, 0, std::int64_t{1} << 53);
  table.finish();
  if (!error.empty()) return fail(ErrorKind::kUsage, file.string() + ": " + error);
  for (const std::string& entry : workloads) TIER_TRY(expand(file.parent_path(), entry, suite.workloads));
  if (suite.workloads.empty() || suite.machines.empty())
    return fail(ErrorKind::kUsage, file.string() + ": no workloads or no machines",
                "name at least one of each");
  return suite;
}

}  // namespace tier::sim
