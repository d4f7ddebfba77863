// Settings of policies by name, each with its published value and where that comes from.
//
// Marks: [C] read in the authors' public code, [K] kernel source or documentation, [R] recalled from the
// paper, [A] assumed, with the reason.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "sim/policies/policy.h"

namespace tier::sim {

struct PolicySetting {
  const char* name;
  double published;
  const char* meaning;  // with unit and source
};

// Names that a policy does not have are an error in the program.
class PolicySettings {
 public:
  explicit PolicySettings(std::map<std::string, double, std::less<>> values) : values_(std::move(values)) {}
  double operator[](std::string_view name) const { return values_.find(name)->second; }
  Nanoseconds time(std::string_view name) const {  // given in seconds
    return Nanoseconds{static_cast<std::int64_t>((*this)[name] * 1e9)};
  }

 private:
  std::map<std::string, double, std::less<>> values_;
};

// The published values with the context's overrides. kUsage names what there is.
Result<PolicySettings> read_settings(const PolicyContext& context, std::span<const PolicySetting> settings);

}  // namespace tier::sim
