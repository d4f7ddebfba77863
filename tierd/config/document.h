// Configuration text as a flat list of settings, each with where it stands: the plain form between TOML and
// `Config`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/printable.h"
#include "core/result.h"

namespace tier {

// An empty array is a vector of strings.
using SettingValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                                  std::vector<std::string>>;

struct Origin {
  std::string file;  // empty: the built-in default
  std::uint32_t line = 0;
  // The file's name as one printable line.
  std::string text() const { return file.empty() ? "default" : escaped(file) + ":" + std::to_string(line); }
};

struct Setting {
  std::string key;  // dotted: "sampling.cpu_budget"
  SettingValue value;
  Origin origin;
};

struct ConfigDocument {
  std::vector<Setting> settings;
  // Tables that were opened, also empty ones, so that a misspelt one is not passed over.
  std::vector<Setting> sections;  // value unused
};

// Parses TOML within the bounds of core/toml_guard.h. kUsage with file:line when the text exceeds them, is
// not TOML or holds a value of a kind that no key takes (dates, mixed arrays, arrays of tables).
Result<ConfigDocument> parse_config_text(std::string_view text, const std::string& file);

}  // namespace tier
