#include "tierd/config/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/printable.h"
#include "core/quantity.h"

namespace tier {

tl::unexpected<Error> refuse(std::string problem, std::string fix) {
  return fail(ErrorKind::kUsage, std::move(problem), std::move(fix));
}

Result<void> check_word(const std::string& text, const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), text) != names.end()) return {};
  const std::string nearest = nearest_name(text, names);
  return refuse(fmt::format("\"{}\" is not one of {}", text, fmt::join(names, ", ")),
                nearest.empty() ? "choose one of them" : fmt::format("did you mean \"{}\"?", nearest));
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return toml_escaped(out + '"');
}

std::string show_list(const std::vector<std::string>& list) {
  std::vector<std::string> quoted;
  quoted.reserve(list.size());
  for (const auto& text : list) quoted.push_back(quote(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}
std::string show_list(const std::vector<std::int64_t>& list) {
  return fmt::format("[{}]", fmt::join(list, ", "));
}

std::string show_real(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".enf") == std::string::npos ? text + ".0" : text;
}

Result<std::string> text_of(const Setting& setting, const std::string& example) {
  if (const auto* text = std::get_if<std::string>(&setting.value)) return *text;
  return refuse("must be text in double quotes", "write it like \"" + example + "\"");
}

namespace {

Result<double> real_of(const Setting& setting) {
  if (const auto* real = std::get_if<double>(&setting.value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&setting.value)) return static_cast<double>(*whole);
  return refuse("must be a number", "write it without quotes, like 0.5");
}

}  // namespace

Apply real(double& (*member)(Config&), double low, double high) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    const auto value = TIER_TRY(real_of(setting));
    member(config) = value;
    return within(value, low, high, show_real(value), show_real(low), show_real(high));
  };
}

Apply share(std::function<double&(Config&)> member, double low, double high) {
  return [=, member = std::move(member)](const Setting& setting, Config& config) -> Result<void> {
    const auto* text = std::get_if<std::string>(&setting.value);
    const auto value = TIER_TRY(text ? parse_share(*text) : real_of(setting));
    member(config) = value;
    return within(value, low, high, show_real(value), show_real(low), show_real(high));
  };
}

Apply whole(std::int64_t& (*member)(Config&), std::int64_t low, std::int64_t high) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    const auto* value = std::get_if<std::int64_t>(&setting.value);
    if (!value) return refuse("must be a whole number", "write it without quotes, like 4");
    member(config) = *value;
    return within(*value, low, high, std::to_string(*value), std::to_string(low), std::to_string(high));
  };
}

Apply duration(Nanoseconds& (*member)(Config&), Nanoseconds low, Nanoseconds high) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    const auto text = TIER_TRY(text_of(setting, show_duration(member(config))));
    const Nanoseconds value = member(config) = TIER_TRY(parse_duration(text));
    return within(value, low, high, show_duration(value), show_duration(low), show_duration(high));
  };
}

Apply size(std::function<Bytes&(Config&)> member, Bytes low, Bytes high, bool rate) {
  return [=, member = std::move(member)](const Setting& setting, Config& config) -> Result<void> {
    const std::string suffix = rate ? "/s" : "";
    const auto text = TIER_TRY(text_of(setting, show_size(member(config)) + suffix));
    const Bytes value = member(config) = TIER_TRY(rate ? parse_rate(text) : parse_size(text));
    return within(value, low, high, show_size(value) + suffix, show_size(low) + suffix,
                  show_size(high) + suffix);
  };
}

Apply numbers(std::vector<std::int64_t>& (*member)(Config&), std::int64_t low, std::int64_t high) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    member(config).clear();
    if (const auto* none = std::get_if<std::vector<std::string>>(&setting.value); none && none->empty())
      return {};
    const auto* list = std::get_if<std::vector<std::int64_t>>(&setting.value);
    if (!list) return refuse("must be a list of whole numbers", "write it like [1, 2]");
    for (const std::int64_t value : *list) {
      TIER_TRY(within(value, low, high, std::to_string(value), std::to_string(low), std::to_string(high)));
    }
    member(config) = *list;
    return {};
  };
}

Apply texts(std::vector<std::string>& (*member)(Config&), TextCheck check, const char* example) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    const auto* list = std::get_if<std::vector<std::string>>(&setting.value);
    if (!list) return refuse("must be a list of texts", fmt::format("write it like [\"{}\"]", example));
    for (const std::string& text : *list) TIER_TRY(check(text));
    member(config) = *list;
    return {};
  };
}

Apply path(std::string& (*member)(Config&), Emptiness empty) {
  return [=](const Setting& setting, Config& config) -> Result<void> {
    const auto text = TIER_TRY(text_of(setting, member(config)));
    const bool may = empty == Emptiness::kAllowed;
    if (text.empty() ? !may : text.front() != '/' || text.find('\0') != std::string::npos)
      return refuse(fmt::format("\"{}\" is not an absolute path", text),
                    may ? "start it with a slash, or leave it empty" : "start it with a slash");
    member(config) = text;
    return {};
  };
}

}  // namespace tier
