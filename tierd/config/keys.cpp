#include "tierd/config/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "core/cgroup_path.h"
#include "core/plan.h"
#include "core/quantity.h"
#include "tierd/config/values.h"

namespace tier {
namespace {

Result<void> check_executable(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos)
    return refuse(fmt::format("\"{}\" is not an executable's base name", name),
                  "leave the folders away, like \"redis-server\"");
  return {};
}

Result<void> check_cgroup(const std::string& path) {
  const auto below = TIER_TRY(cgroup_path(path));
  if (!within_cgroup(below, "/sys/fs/cgroup")) return {};
  return refuse(fmt::format("\"{}\" is where cgroups are mounted, not a path below their root", path),
                "leave /sys/fs/cgroup away, like \"system.slice/redis.service\"");
}

// One of a fixed set of words, in the order of the enum.
template <typename Enum, std::size_t N>
Result<Enum> choice_of(const Setting& setting, const std::array<Enum, N>& all) {
  auto text = TIER_TRY(text_of(setting, to_string(all[0])));
  std::vector<std::string> names;
  for (const Enum candidate : all) {
    if (text == to_string(candidate)) return candidate;
    names.emplace_back(to_string(candidate));
  }
  return check_word(text, names).map([&] { return all[0]; });
}

// Applies and shows one enum member.
template <typename Enum, std::size_t N>
ConfigKey choice(std::string name, Enum& (*member)(Config&), std::array<Enum, N> all) {
  return {std::move(name),
          [=](const Setting& setting, Config& config) -> Result<void> {
            return choice_of(setting, all).map([&](Enum value) { member(config) = value; });
          },
          [=](const Config& config) {
            Config copy = config;
            return quote(to_string(member(copy)));
          }};
}

// Applies and shows "on" or "off".
ConfigKey on_off(std::string name, bool& (*member)(Config&)) {
  return {std::move(name),
          [=](const Setting& setting, Config& config) -> Result<void> {
            const auto text = TIER_TRY(text_of(setting, "off"));
            if (text != "on" && text != "off")
              return refuse(fmt::format("\"{}\" is not one of off, on", text), "choose one of them");
            member(config) = text == "on";
            return {};
          },
          [=](const Config& config) {
            Config copy = config;
            return quote(member(copy) ? "on" : "off");
          }};
}

Result<void> apply_region_size(const Setting& setting, Config& config) {
  auto done = size([](Config& c) -> Bytes& { return c.region_size; }, 64_KiB, 1_GiB)(setting, config);
  if (done && (config.region_size.value & (config.region_size.value - 1)) != 0)
    return refuse(show_size(config.region_size) + " is not a power of two", "choose 1MiB, 2MiB, 4MiB, …");
  return done;
}

// By its path below the hierarchy's root, with or without the leading slash, as under targets.cgroups.
Result<void> apply_fast_limit(const Setting& setting, Config& config) {
  const auto cgroup =
      TIER_TRY(cgroup_path(setting.key.substr(std::string_view("policy.fast_limits.").size())));
  return share([&](Config& c) -> double& { return c.policy.fast_limits[cgroup]; }, 0, 1)(setting, config);
}
std::string show_fast_limits(const Config& config) {
  std::vector<std::string> parts;
  for (const auto& [cgroup, limit] : config.policy.fast_limits)
    parts.push_back(fmt::format("{} = {}", quote(cgroup), show_real(limit)));
  return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
}

Result<void> apply_horizon(const Setting& setting, Config& config) {
  auto done = duration([](Config& c) -> Nanoseconds& { return c.policy.horizon; }, Nanoseconds{1'000'000'000},
                       Nanoseconds{16'000'000'000})(setting, config);
  const double asked = seconds(config.policy.horizon);
  if (done && std::find(kSpans.begin(), kSpans.end(), asked) == kSpans.end())
    return refuse(fmt::format("{} is no horizon of the policy", show_duration(config.policy.horizon)),
                  "choose one of 1s, 4s, 16s");
  return done;
}

// The names of predictor's table; the daemon looks the forecaster up by it.
constexpr std::array<const char*, 5> kForecasters = {"last-value", "exponential-average", "frequency-decay",
                                                     "switch", "learned"};

Result<void> apply_forecaster(const Setting& setting, Config& config) {
  auto text = TIER_TRY(text_of(setting, kForecasters[0]));
  TIER_TRY(check_word(text, {kForecasters.begin(), kForecasters.end()}));
  config.policy.forecaster = text;
  return {};
}

Result<void> apply_socket(const Setting& setting, Config& config) {
  const auto path = TIER_TRY(text_of(setting, config.control.socket));
  // sun_path holds 108 bytes with the terminating NUL (unix(7)).
  if (path.empty() || path.front() != '/' || path.size() > 107 || path.find('\0') != std::string::npos)
    return refuse(fmt::format("\"{}\" is not an absolute path of at most 107 bytes", path),
                  "write it like \"/run/tierd/io.tierd.Control\"");
  config.control.socket = path;
  return {};
}

Result<void> apply_group(const Setting& setting, Config& config) {
  const auto name = TIER_TRY(text_of(setting, "tierd"));
  if (name.empty() || name.find_first_of(" :\t\n/") != std::string::npos)
    return refuse(fmt::format("\"{}\" is not a group name", name), "write it like \"tierd\"");
  config.control.group = name;
  return {};
}

void add_first_keys(std::vector<ConfigKey>& keys) {
  keys.push_back(choice<Mode, 2>("mode", TIER_MEMBER(mode), {Mode::kObserve, Mode::kAct}));
  keys.push_back({"interval",
                  duration(TIER_MEMBER(interval), Nanoseconds{10'000'000}, Nanoseconds{60'000'000'000}),
                  TIER_SHOW(quote(show_duration(c.interval)))});
  keys.push_back({"region_size", apply_region_size, TIER_SHOW(quote(show_size(c.region_size)))});

  constexpr std::int64_t kMaxPid = 4'194'304;  // the kernel's PID_MAX_LIMIT on 64 bits
  keys.push_back(
      {"targets.pids", numbers(TIER_MEMBER(targets.pids), 1, kMaxPid), TIER_SHOW(show_list(c.targets.pids))});
  keys.push_back({"targets.cgroups",
                  texts(TIER_MEMBER(targets.cgroups), check_cgroup, "system.slice/redis.service"),
                  TIER_SHOW(show_list(c.targets.cgroups))});
  keys.push_back({"targets.executables",
                  texts(TIER_MEMBER(targets.executables), check_executable, "redis-server"),
                  TIER_SHOW(show_list(c.targets.executables))});
  keys.push_back({"targets.exclude", texts(TIER_MEMBER(targets.exclude), check_executable, "redis-server"),
                  TIER_SHOW(show_list(c.targets.exclude))});
  // As many as the samplers' map of watched processes holds (TIER_MAX_TARGETS of bpf/events.h).
  keys.push_back({"targets.limit", whole(TIER_MEMBER(targets.limit), 1, 16384),
                  TIER_SHOW(std::to_string(c.targets.limit))});

  keys.push_back(choice<SourceChoice, 5>("sampling.source", TIER_MEMBER(sampling.source),
                                         {SourceChoice::kAuto, SourceChoice::kStall, SourceChoice::kDamon,
                                          SourceChoice::kHardware, SourceChoice::kFaults}));
  keys.push_back({"sampling.target_samples_per_second",
                  real(TIER_MEMBER(sampling.target_samples_per_second), 1, 1e6),
                  TIER_SHOW(show_real(c.sampling.target_samples_per_second))});
  keys.push_back({"sampling.cpu_budget", share(TIER_MEMBER(sampling.cpu_budget), 0.0001, 1),
                  TIER_SHOW(show_real(c.sampling.cpu_budget))});
  keys.push_back({"sampling.max_cpu", share(TIER_MEMBER(sampling.max_cpu), 0.0001, 0.03),
                  TIER_SHOW(show_real(c.sampling.max_cpu))});
  keys.push_back(on_off("sampling.accessed_bits", TIER_MEMBER(sampling.accessed_bits)));
}

void add_acting_keys(std::vector<ConfigKey>& keys) {
  keys.push_back({"policy.horizon", apply_horizon, TIER_SHOW(quote(show_duration(c.policy.horizon)))});
  keys.push_back(
      {"policy.margin", real(TIER_MEMBER(policy.margin), 1, 8), TIER_SHOW(show_real(c.policy.margin))});
  keys.push_back({"policy.headroom", share(TIER_MEMBER(policy.headroom), 0, 0.5),
                  TIER_SHOW(show_real(c.policy.headroom))});
  keys.push_back({"policy.fast_limits.*", apply_fast_limit, show_fast_limits});
  keys.push_back({"policy.cooldown",
                  duration(TIER_MEMBER(policy.cooldown), Nanoseconds{0}, Nanoseconds{3'600'000'000'000}),
                  TIER_SHOW(quote(show_duration(c.policy.cooldown)))});
  keys.push_back({"policy.forecaster", apply_forecaster, TIER_SHOW(quote(c.policy.forecaster))});
  keys.push_back({"policy.model", path(TIER_MEMBER(policy.model), Emptiness::kAllowed),
                  TIER_SHOW(quote(c.policy.model))});

  keys.push_back({"policy.control_share", share(TIER_MEMBER(policy.control_share), 0, 0.5),
                  TIER_SHOW(show_real(c.policy.control_share))});
  keys.push_back(on_off("policy.event_path", TIER_MEMBER(policy.event_path)));

  keys.push_back({"migration.rate",
                  size(TIER_MEMBER(migration.rate_per_second), 1_MiB, Bytes{1ULL << 44}, true),
                  TIER_SHOW(quote(show_size(c.migration.rate_per_second) + "/s"))});
  keys.push_back({"migration.batch", whole(TIER_MEMBER(migration.batch_pages), 1, 65536),
                  TIER_SHOW(std::to_string(c.migration.batch_pages))});
}

void add_outer_keys(std::vector<ConfigKey>& keys) {
  keys.push_back({"control.socket", apply_socket, TIER_SHOW(quote(c.control.socket))});
  keys.push_back({"control.group", apply_group, TIER_SHOW(quote(c.control.group))});

  keys.push_back({"daemon.cpu_limit", share(TIER_MEMBER(daemon.cpu_limit), 0.01, 1),
                  TIER_SHOW(show_real(c.daemon.cpu_limit))});

  keys.push_back(
      choice<LogLevel, 4>("log.level", TIER_MEMBER(log.level),
                          {LogLevel::kInfo, LogLevel::kDebug, LogLevel::kWarning, LogLevel::kError}));
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all;
    add_first_keys(all);
    all.push_back(
        choice<LatencyChoice, 3>("tiers.latency", TIER_MEMBER(tiers.latency),
                                 {LatencyChoice::kAuto, LatencyChoice::kProbe, LatencyChoice::kFirmware}));
    add_tier_keys(all);
    add_acting_keys(all);
    add_prefetch_keys(all);
    add_outer_keys(all);
    return all;
  }();
  return keys;
}

const ConfigKey* find_config_key(std::string_view name) {
  for (const ConfigKey& key : config_keys()) {
    if (key.name == name) return &key;
    const bool open_ended = key.name.ends_with(".*");
    if (open_ended && name.starts_with(std::string_view(key.name).substr(0, key.name.size() - 1)))
      return &key;
  }
  return nullptr;
}

std::string nearest_name(std::string_view wrong, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = wrong.size() / 3 + 1;
  for (const std::string& name : known) {
    // At least so many letters are too many or missing: a text of a megabyte is not compared letter by
    // letter.
    const std::size_t apart = std::max(wrong.size(), name.size()) - std::min(wrong.size(), name.size());
    if (apart >= best_distance) continue;
    std::vector<std::size_t> row(name.size() + 1);  // Levenshtein, one row at a time
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < name.size(); ++j) {
        const std::size_t replaced = diagonal + (wrong[i] == name[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < best_distance) best_distance = row.back(), best = name;
  }
  return best;
}

const char* to_string(Mode mode) { return mode == Mode::kAct ? "act" : "observe"; }

const char* to_string(SourceChoice source) {
  switch (source) {
    case SourceChoice::kAuto:
      return "auto";
    case SourceChoice::kStall:
      return "stall";
    case SourceChoice::kDamon:
      return "damon";
    case SourceChoice::kHardware:
      return "hardware";
    case SourceChoice::kFaults:
      return "faults";
  }
  return "auto";
}

const char* to_string(LatencyChoice latency) {
  switch (latency) {
    case LatencyChoice::kAuto:
      return "auto";
    case LatencyChoice::kProbe:
      return "probe";
    case LatencyChoice::kFirmware:
      return "firmware";
  }
  return "auto";
}

const char* to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace tier
