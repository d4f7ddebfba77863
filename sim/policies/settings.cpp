#include "sim/policies/settings.h"

#include <fmt/format.h>

#include <cmath>

namespace tier::sim {

Result<PolicySettings> read_settings(const PolicyContext& context, std::span<const PolicySetting> settings) {
  std::map<std::string, double, std::less<>> values;
  std::string names;
  for (const PolicySetting& setting : settings) {
    values.emplace(setting.name, setting.published);
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", setting.name, setting.meaning);
  }
  for (const auto& [name, value] : context.settings) {
    const auto known = values.find(name);
    if (known == values.end())
      return fail(ErrorKind::kUsage, fmt::format("there is no setting \"{}\"", name),
                  names.empty() ? "this policy has none" : "choose from " + names);
    if (!std::isfinite(value) || value < 0)
      return fail(ErrorKind::kUsage, fmt::format("{} = {} makes no sense", name, value),
                  "give a number from 0 up");
    known->second = value;
  }
  return PolicySettings(std::move(values));
}

}  // namespace tier::sim
