#include "sim/workloads/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/quantity.h"

namespace tier::sim {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

Result<double> parse_number(std::string_view text) {
  double number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || !std::isfinite(number))
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not a number", text), "write it like 0.99");
  return number;
}

Result<double> parse_count(std::string_view text) {
  auto number = parse_number(text);
  if (number && *number != std::floor(*number))
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not a whole number", text), "write it like 8");
  return number;
}

Result<double> parse_pages(std::string_view text) {
  if (text == "huge") return 1;
  if (text == "small") return 0;
  return fail(ErrorKind::kUsage, fmt::format("\"{}\" is no kind of page", text), "write huge or small");
}

Result<double> parse_value(std::string_view text, Unit unit) {
  const auto bytes = [](Bytes b) { return static_cast<double>(b.value); };
  switch (unit) {
    case Unit::kBytes:
      return parse_size(text).map(bytes);
    case Unit::kBytesPerSecond:
      return parse_rate(text).map(bytes);
    case Unit::kSeconds:
      return parse_duration(text).map([](Nanoseconds t) { return seconds(t); });
    case Unit::kShare:
      return parse_share(text);
    case Unit::kNumber:
      return parse_number(text);
    case Unit::kCount:
      return parse_count(text);
    case Unit::kPages:
      return parse_pages(text);
  }
  return fail(ErrorKind::kUsage, "unknown unit");
}

// One "name=value", checked and stored.
Result<void> set(std::string_view setting, const std::vector<Parameter>& parameters,
                 std::map<std::string, double, std::less<>>& values) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string_view::npos)
    return fail(ErrorKind::kUsage, fmt::format("\"{}\" is not a parameter", setting),
                "write parameters as name=value, with commas between them");
  const std::string_view name = setting.substr(0, equals);
  const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                      [name](const Parameter& p) { return name == p.name; });
  if (parameter == parameters.end())
    return fail(ErrorKind::kUsage, fmt::format("there is no parameter \"{}\"", name),
                "choose from " + list(parameters));
  auto value = parse_value(setting.substr(equals + 1), parameter->unit);
  if (!value)
    return fail(ErrorKind::kUsage, fmt::format("{}: {}", name, value.error().message), value.error().fix);
  if (*value < parameter->least || *value > parameter->most)
    return fail(ErrorKind::kUsage, fmt::format("{} is out of range", setting),
                fmt::format("choose {} from {} to {}", name, show(*parameter, parameter->least),
                            show(*parameter, parameter->most)));
  if (!values.emplace(name, *value).second)
    return fail(ErrorKind::kUsage, fmt::format("{} is given twice", name), "give it once");
  return {};
}

}  // namespace

Result<Values> parse_values(std::string_view text, const std::vector<Parameter>& parameters) {
  std::map<std::string, double, std::less<>> values;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    TIER_TRY(set(text.substr(0, comma), parameters, values));
    if (comma + 1 == text.size())
      return fail(ErrorKind::kUsage, "the list of parameters ends with a comma", "leave it out");
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  for (const Parameter& parameter : parameters) values.emplace(parameter.name, parameter.fallback);
  return Values(std::move(values));
}

std::string show(const Parameter& parameter, double value) {
  switch (parameter.unit) {
    case Unit::kBytes:
      return show_size({static_cast<std::uint64_t>(value)});
    case Unit::kBytesPerSecond:
      return show_size({static_cast<std::uint64_t>(value)}) + "/s";
    case Unit::kSeconds:
      return show_duration(
          Nanoseconds{static_cast<std::int64_t>(std::llround(value * kNanosecondsPerSecond))});
    case Unit::kPages:
      return value == 0 ? "small" : "huge";
    default:
      return fmt::format("{}", value);
  }
}

std::string list(const std::vector<Parameter>& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters)
    text += fmt::format("{}{} (default {})", text.empty() ? "" : ", ", parameter.name,
                        show(parameter, parameter.fallback));
  return text;
}

}  // namespace tier::sim
