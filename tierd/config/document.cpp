#include "tierd/config/document.h"

#include <fmt/format.h>

#include "core/printable.h"
#include "core/toml_reader.h"
#include "tierd/config/short_words.h"

namespace tier {
namespace {

tl::unexpected<Error> refuse_at(const std::string& file, const toml::node& node, const std::string& key,
                                const std::string& problem, const std::string& fix) {
  return fail(
      ErrorKind::kUsage,
      fmt::format("{}:{}: {}: {}", escaped(file), node.source().begin.line, escaped_short(key), problem),
      fix);
}

template <typename T>
std::vector<T> collect(const toml::array& array) {
  std::vector<T> out;
  for (const toml::node& element : array) out.push_back(*element.value<T>());
  return out;
}

// Nothing for kinds that no key takes.
std::optional<SettingValue> to_value(const toml::node& node) {
  if (const auto* array = node.as_array()) {
    if (array->empty()) return std::vector<std::string>{};
    if (array->is_homogeneous<std::int64_t>()) return collect<std::int64_t>(*array);
    if (array->is_homogeneous<std::string>()) return collect<std::string>(*array);
    return std::nullopt;
  }
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_string()) return value->get();
  return std::nullopt;
}

Result<void> flatten(const toml::table& table, const std::string& prefix, const std::string& file,
                     ConfigDocument& out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const Origin origin{file, node.source().begin.line};
    if (const auto* child = node.as_table()) {
      out.sections.push_back({key, {}, origin});
      TIER_TRY(flatten(*child, key + ".", file, out));
      continue;
    }
    auto value = to_value(node);
    if (!value)
      return refuse_at(file, node, key, "holds a kind of value that no key takes",
                       "use text, a number, true/false, or an array of only text or only whole numbers");
    out.settings.push_back({key, std::move(*value), origin});
  }
  return {};
}

}  // namespace

Result<ConfigDocument> parse_config_text(std::string_view text, const std::string& file) {
  const auto root = parse_toml(text, file);
  if (!root)
    return fail(root.error().kind, with_short_words(root.error().message),
                with_short_words(root.error().fix));
  ConfigDocument document;
  TIER_TRY(flatten(*root, "", file, document));
  return document;
}

}  // namespace tier
