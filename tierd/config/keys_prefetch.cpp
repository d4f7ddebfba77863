// The keys of [prefetch].
#include <charconv>

#include "core/quantity.h"
#include "tierd/config/values.h"

namespace tier {
namespace {

Result<void> check_actuator(const std::string& name) {
  return check_word(name, {kPrefetchActuators.begin(), kPrefetchActuators.end()});
}

// As the kernel names block devices (DISK_NAME_LEN is 32, with the terminating NUL).
Result<void> check_device(const std::string& name) {
  if (name.empty() || name.size() > 31 || name.front() == '.' ||
      name.find_first_of(std::string_view("/ \t\n\0", 5)) != std::string::npos)
    return refuse(fmt::format("\"{}\" is not a block device's name", name),
                  "write it like \"nvme0n1\", as `lsblk -d` prints it");
  return {};
}

// "HOST:PORT"; a host that is an IPv6 address stands in brackets. A host name has at most 253 characters
// (RFC 1035, section 2.3.4).
bool is_server(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  const std::string host = text.substr(0, colon), digits = text.substr(colon + 1);
  const bool six = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = six ? host.substr(1, host.size() - 2) : host;
  const char* const allowed =
      six ? "0123456789abcdefABCDEF:." : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._";
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return !name.empty() && name.size() <= 253 && name.find_first_not_of(allowed) == std::string::npos &&
         error == std::errc{} && end == digits.data() + digits.size() && port >= 1 && port <= 65535;
}

Result<void> apply_pcm(const Setting& setting, Config& config) {
  constexpr const char* kExample = "localhost:9738";
  const auto text = TIER_TRY(text_of(setting, kExample));
  if (!text.empty() && !is_server(text))
    return refuse(fmt::format("\"{}\" is not HOST:PORT", text),
                  fmt::format("write it like \"{}\", or leave it empty", kExample));
  config.prefetch.pcm = text;
  return {};
}

}  // namespace

void add_prefetch_keys(std::vector<ConfigKey>& keys) {
  keys.push_back({"prefetch.arm", texts(TIER_MEMBER(prefetch.arm), check_actuator, kPrefetchActuators[0]),
                  TIER_SHOW(show_list(c.prefetch.arm))});
  keys.push_back(
      {"prefetch.interval",
       duration(TIER_MEMBER(prefetch.interval), Nanoseconds{100'000'000}, Nanoseconds{60'000'000'000}),
       TIER_SHOW(quote(show_duration(c.prefetch.interval)))});
  keys.push_back(
      {"prefetch.lease",
       duration(TIER_MEMBER(prefetch.lease), Nanoseconds{1'000'000'000}, Nanoseconds{600'000'000'000}),
       TIER_SHOW(quote(show_duration(c.prefetch.lease)))});
  keys.push_back({"prefetch.transitions_per_minute",
                  whole(TIER_MEMBER(prefetch.transitions_per_minute), 1, 60),
                  TIER_SHOW(std::to_string(c.prefetch.transitions_per_minute))});
  keys.push_back({"prefetch.devices", texts(TIER_MEMBER(prefetch.devices), check_device, "nvme0n1"),
                  TIER_SHOW(show_list(c.prefetch.devices))});
  keys.push_back({"prefetch.advice_rate",
                  size(TIER_MEMBER(prefetch.advice_rate_per_second), 1_MiB, Bytes{1ULL << 44}, true),
                  TIER_SHOW(quote(show_size(c.prefetch.advice_rate_per_second) + "/s"))});
  keys.push_back({"prefetch.pcm", apply_pcm, TIER_SHOW(quote(c.prefetch.pcm))});
  keys.push_back({"prefetch.registers", path(TIER_MEMBER(prefetch.registers), Emptiness::kAllowed),
                  TIER_SHOW(quote(c.prefetch.registers))});
  keys.push_back({"prefetch.journal", path(TIER_MEMBER(prefetch.journal), Emptiness::kRefused),
                  TIER_SHOW(quote(c.prefetch.journal))});
}

}  // namespace tier
