// The one way into the TOML library, and a reader of one table's keys that remembers which were asked for and
// refuses the others.
#pragma once

#include <fmt/format.h>
#include <toml++/toml.h>

#include <set>
#include <string>
#include <vector>

#include "core/printable.h"
#include "core/result.h"
#include "core/toml_guard.h"

namespace tier {

// Parses text that keeps `limits`; `name` is the file's, for messages. kUsage with "NAME:LINE: …" otherwise.
inline Result<toml::table> parse_toml(std::string_view text, const std::string& name,
                                      const TomlLimits& limits = {}) {
  const auto refuse = [&](std::uint32_t line, const std::string& problem, std::string fix) {
    const std::string place = line == 0 ? "" : fmt::format("{}:", line);
    return fail(ErrorKind::kUsage, fmt::format("{}:{} {}", escaped(name), place, problem), std::move(fix));
  };
  if (const auto excess = toml_excess(text, limits))
    return refuse(excess->line, excess->problem, "no file of ours needs so much: is it the right one?");
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return refuse(error.source().begin.line, "not valid TOML: " + escaped_short(error.description(), 400),
                  "each line is `key = value` or `[section]`; text stands in double quotes");
  }
}

// Collects the first error; later reads are then harmless, so callers read everything and check once.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string prefix, std::string& error)
      : table_(table), prefix_(std::move(prefix)), error_(error) {}
  ~TomlReader() = default;
  TomlReader(const TomlReader&) = delete;
  TomlReader& operator=(const TomlReader&) = delete;

  template <typename Int>
  void integer(const char* key, Int& into, std::int64_t low, std::int64_t high) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < low || *value > high)
      return refuse(key,
                    "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    into = static_cast<Int>(*value);
  }

  void number(const char* key, double& into, double low, double high) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->is_number() ? node->value<double>() : std::nullopt;
    if (!value || !(*value >= low && *value <= high))  // "nan" is a number of TOML, and in no range
      return refuse(key, fmt::format("must be a number from {:g} to {:g}", low, high));
    into = *value;
  }

  void flag(const char* key, bool& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return refuse(key, "must be true or false");
    into = *value;
  }

  void text(const char* key, std::string& into) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    if (!value) return refuse(key, "must be a string");
    into = *value;
  }

  void choice(const char* key, std::string& into, const std::vector<std::string>& allowed) {
    text(key, into);
    std::string list;
    for (const std::string& one : allowed) {
      if (one == into) return;
      list += (list.empty() ? "" : ", ") + one;
    }
    refuse(key, "is '" + escaped_short(into) + "'; must be one of " + list);
  }

  void integers(const char* key, std::vector<int>& into) {
    if (const toml::node* node = get(key)) into = int_list(key, *node);
  }

  void texts(const char* key, std::vector<std::string>& into) {
    if (const toml::node* node = get(key)) into = text_list(key, *node);
  }

  void text_lists(const char* key, std::vector<std::vector<std::string>>& into) {
    each(key, [&](const toml::node& item) { into.push_back(text_list(key, item)); });
  }

  void integer_lists(const char* key, std::vector<std::vector<int>>& into) {
    each(key, [&](const toml::node& item) { into.push_back(int_list(key, item)); });
  }

  // The sub-table, or null when the key is absent.
  const toml::table* table(const char* key) {
    const toml::node* node = get(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) refuse(key, "must be a table");
    return node->as_table();
  }

  template <typename Visit>
  void each(const char* key, Visit visit) {
    const toml::node* node = get(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return refuse(key, "must be a list");
    for (const toml::node& item : *array) visit(item);
  }

  // Refuses every key that nobody asked for.
  void finish() {
    for (const auto& [key, value] : table_) {
      const std::string name(key.str());
      if (asked_.count(name) != 0) continue;
      std::string known;
      for (const std::string& one : asked_) known += (known.empty() ? "" : ", ") + one;
      refuse(name.c_str(), "is not a key of this table; known keys: " + known);
    }
  }

  void refuse(const char* key, const std::string& why) {
    if (error_.empty()) error_ = prefix_ + escaped_short(key) + " " + why;
  }

 private:
  const toml::node* get(const char* key) {
    asked_.insert(key);
    return table_.get(key);
  }

  std::vector<int> int_list(const char* key, const toml::node& node) {
    std::vector<int> list;
    const toml::array* array = node.as_array();
    if (array == nullptr) return refuse(key, "must hold lists of whole numbers"), list;
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::int64_t>();
      if (!value || *value < 0 || *value > 1'000'000)
        return refuse(key, "must hold whole numbers from 0 on"), list;
      list.push_back(static_cast<int>(*value));
    }
    return list;
  }

  std::vector<std::string> text_list(const char* key, const toml::node& node) {
    std::vector<std::string> list;
    const toml::array* array = node.as_array();
    if (array == nullptr) return refuse(key, "must be a list of strings, one for each word"), list;
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::string>();
      if (!value) return refuse(key, "must be a list of strings, one for each word"), list;
      list.push_back(*value);
    }
    return list;
  }

  const toml::table& table_;
  std::string prefix_;
  std::string& error_;
  std::set<std::string> asked_;
};

}  // namespace tier
