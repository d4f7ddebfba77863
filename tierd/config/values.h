// The kinds of values that keys have: how each is checked and shown. Only for the tables of keys.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "tierd/config/keys.h"

namespace tier {

using Apply = std::function<Result<void>(const Setting&, Config&)>;
using Show = std::function<std::string(const Config&)>;

tl::unexpected<Error> refuse(std::string problem, std::string fix);
// Refuses what is not one of `names`; the fix names the nearest.
Result<void> check_word(const std::string& text, const std::vector<std::string>& names);

// As TOML: a basic string, a list, a number that is read as a float again.
std::string quote(std::string_view text);
std::string show_list(const std::vector<std::string>& list);
std::string show_list(const std::vector<std::int64_t>& list);
std::string show_real(double value);

Result<std::string> text_of(const Setting& setting, const std::string& example);

// Each checks the value, with both bounds allowed, and stores it in the member.
template <typename T>
Result<void> within(T value, T low, T high, const std::string& shown, const std::string& low_shown,
                    const std::string& high_shown) {
  if (value >= low && value <= high) return {};
  return refuse(fmt::format("{} is out of range", shown),
                fmt::format("choose a value from {} to {}", low_shown, high_shown));
}
Apply real(double& (*member)(Config&), double low, double high);
Apply share(std::function<double&(Config&)> member, double low, double high);
Apply whole(std::int64_t& (*member)(Config&), std::int64_t low, std::int64_t high);
Apply duration(Nanoseconds& (*member)(Config&), Nanoseconds low, Nanoseconds high);
Apply size(std::function<Bytes&(Config&)> member, Bytes low, Bytes high, bool rate = false);
Apply numbers(std::vector<std::int64_t>& (*member)(Config&), std::int64_t low, std::int64_t high);
using TextCheck = Result<void> (*)(const std::string&);
Apply texts(std::vector<std::string>& (*member)(Config&), TextCheck check, const char* example);
// A file's absolute path.
enum class Emptiness : std::uint8_t { kRefused, kAllowed };
Apply path(std::string& (*member)(Config&), Emptiness empty);

// Member access and both directions for the plain kinds, written once per key. A member cannot stand in
// parentheses after the dot.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define TIER_MEMBER(member) \
  [](Config & c) -> auto& { return c.member; }
#define TIER_SHOW(expression) Show([](const Config& c) -> std::string { return expression; })
// NOLINTEND(bugprone-macro-parentheses)

// The tables, one after the other those of config_keys().
void add_prefetch_keys(std::vector<ConfigKey>& keys);
void add_tier_keys(std::vector<ConfigKey>& keys);

}  // namespace tier
