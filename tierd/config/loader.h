// Finds, reads, merges and checks configuration files. The daemon and `tierctl config check` both come
// through here.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tierd/config/config.h"
#include "tierd/config/document.h"

namespace tier {

// Where files are looked for. Order of reading, later wins key by key: vendor/tierd.toml, admin/tierd.toml,
// then the drop-ins tierd.toml.d/*.toml of vendor, run and admin in one lexical order of their names. Of
// equal names only the one in admin (before run, before vendor) is read, and a link to /dev/null there masks
// the others.
struct ConfigDirectories {
  std::filesystem::path vendor;
  std::filesystem::path run = "/run/tierd";
  std::filesystem::path admin = "/etc/tierd";
};

// The directories of an installed tierd; vendor comes from the build's install prefix.
ConfigDirectories system_config_directories();

inline constexpr const char* kExposedFix = "chown root and chmod go-w what is named";

struct LoadedConfig {
  Config config;
  std::vector<std::string> files;         // read, in order
  std::map<std::string, Origin> origins;  // by key, for those set in a file
  std::vector<std::string> warnings;      // legal, but likely not meant; `exposed` among them
  std::vector<std::string> exposed;       // who else may change the files: one sentence each
};

// Fails with kUsage and one line for each of the first ten problems, "FILE:LINE: KEY: PROBLEM (fix: …)", and
// their number; also for a link that leads nowhere, a loop of links or what is no file. With kPermission or
// kFailed when a file cannot be read. Missing files are not an error here.
Result<LoadedConfig> load_config(const ConfigDirectories&);

// Reads this one file alone. A missing file is an error: the caller named it.
Result<LoadedConfig> load_config_file(const std::filesystem::path&);

// The checks alone, on documents already parsed, in order of precedence (later wins).
Result<LoadedConfig> check_config(const std::vector<ConfigDocument>&);

// The whole configuration as TOML that parses back to itself; each line ends with where the value came from.
std::string show_config(const LoadedConfig&);

}  // namespace tier
