// Every configuration key in one table: how its value is checked and how it is shown again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tierd/config/config.h"
#include "tierd/config/document.h"

namespace tier {

struct ConfigKey {
  std::string name;  // dotted; ends in ".*" when what follows is a name: a node number, a cgroup
  // Checks the value and stores it. The error says what is wrong with the value, not where it stands.
  std::function<Result<void>(const Setting&, Config&)> apply;
  // The value as TOML, parsing back to itself; for ".*" an inline table.
  std::function<std::string(const Config&)> show;
};

// In the order of the sample file.
const std::vector<ConfigKey>& config_keys();

// Null when there is none.
const ConfigKey* find_config_key(std::string_view name);

// The known name nearest to a misspelt one; empty when none is near (more than a third of the letters
// differ).
std::string nearest_name(std::string_view wrong, const std::vector<std::string>& known);

}  // namespace tier
