// Feeds the daemon's configuration with any text: it is refused with a printable text, or it is within its
// bounds, and what `tierctl config show` prints of it means the same.
#include "core/forecast.h"
#include "tests/fuzz/fuzz.h"
#include "tierd/config/keys.h"
#include "tierd/config/loader.h"

namespace {

using tier::Config;
using tier::fuzz::require;

void require_bounds(const Config& config) {
  require(config.interval.count() >= 10'000'000 && config.interval.count() <= 60'000'000'000, "interval");
  require(std::has_single_bit(config.region_size.value), "region_size is a power of two");
  for (const std::int64_t pid : config.targets.pids) require(pid >= 1 && pid <= 4'194'304, "targets.pids");
  require(config.targets.limit >= 1 && config.targets.limit <= 16384, "targets.limit");
  require(config.sampling.cpu_budget <= config.sampling.max_cpu && config.sampling.max_cpu <= 0.03,
          "sampling.max_cpu");
  for (const auto& [node, latency] : config.tiers.latencies)
    require(node >= 0 && node <= 1023 && latency.count() >= 1 && latency.count() <= 1'000'000,
            "tiers.latencies");
  for (const auto& [node, bandwidth] : config.tiers.bandwidths)
    require(node >= 0 && node <= 1023 && bandwidth >= tier::Bytes{100ULL << 20}, "tiers.bandwidths");
  for (const auto& [cgroup, limit] : config.policy.fast_limits)
    require(cgroup.starts_with('/') && limit >= 0 && limit <= 1, "policy.fast_limits");
  require(config.policy.margin >= 1 && config.policy.margin <= 8, "policy.margin");
  require(config.policy.headroom >= 0 && config.policy.headroom <= 0.5, "policy.headroom");
  require(config.migration.batch_pages >= 1 && config.migration.batch_pages <= 65536, "migration.batch");
  require(config.prefetch.lease >= 2 * config.prefetch.interval, "prefetch.lease");
  require(config.prefetch.journal.starts_with('/'), "prefetch.journal is absolute");
  require(config.control.socket.size() <= 107, "control.socket fits sun_path");
  require(config.daemon.cpu_limit >= 0.01 && config.daemon.cpu_limit <= 1, "daemon.cpu_limit");
}

std::string shown(const Config& config) {
  std::string text;
  for (const tier::ConfigKey& key : tier::config_keys()) text += key.name + " = " + key.show(config) + "\n";
  return text;
}

tier::Result<tier::LoadedConfig> check_text(const std::string& text, const std::string& name) {
  return tier::check_config({TIER_TRY(tier::parse_config_text(text, name))});
}

void check(const std::string& text, const std::string& name) {
  const auto loaded = check_text(text, name);
  if (!loaded) return tier::fuzz::require_told(loaded.error());
  require_bounds(loaded->config);
  const std::string again = tier::show_config(*loaded);
  const auto read_again = check_text(again, "shown.toml");
  require(read_again.has_value(), "what is shown is valid",
          read_again ? "" : read_again.error().text() + "\n" + again);
  require(shown(read_again->config) == shown(loaded->config), "what is shown means the same",
          shown(loaded->config) + shown(read_again->config));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = tier::fuzz::text_of(data, size);
  check(text, "t.toml");
  return 0;
}
