#include "tierd/daemon/named_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/linux/process_table.h"
#include "predictor/forecaster.h"
#include "predictor/network/model_file.h"
#include "prefetch/registers/register_table.h"
#include "tierd/daemon/settings.h"
#include "tierd/daemon/unmatched.h"

namespace tier {
namespace {

template <typename T>
Result<void> told(const char* key, const Result<T>& read) {
  if (read) return {};
  return fail(read.error().kind, fmt::format("{}: {}", key, read.error().message), read.error().fix);
}

}  // namespace

Result<void> check_named_files(const Config& config) {
  const bool learned = config.policy.forecaster == kLearnedForecaster;
  if (learned || !config.policy.model.empty()) {
    const auto path =
        config.policy.model.empty() ? default_model_path() : std::filesystem::path(config.policy.model);
    TIER_TRY(told("policy.model", load_model(path)));
  }
  const auto& arm = config.prefetch.arm;
  const bool hardware = std::find(arm.begin(), arm.end(), "hardware") != arm.end();
  if (!hardware && config.prefetch.registers.empty()) return {};
  const auto path = config.prefetch.registers.empty() ? default_register_table()
                                                      : std::filesystem::path(config.prefetch.registers);
  return told("prefetch.registers", load_register_table(path));
}

std::vector<std::string> unmatched_now(const Config& config) {
  return unmatched_targets(engine_settings(config).targets, LinuxProcessTable());
}

}  // namespace tier
