// One setting for every scope, for ever: what an administrator sets at boot.
#include "sim/prefetch/rivals/rivals.h"

namespace tier::sim {
namespace {

class StaticSetting final : public PrefetchPolicy {
 public:
  StaticSetting(std::size_t scopes, std::size_t setting) : settings_(scopes, setting) {}
  std::vector<std::size_t> decide(const PrefetchFeedback&) override { return settings_; }

 private:
  std::vector<std::size_t> settings_;
};

}  // namespace

std::unique_ptr<PrefetchPolicy> make_static_setting(std::size_t scopes, std::size_t setting) {
  return std::make_unique<StaticSetting>(scopes, setting);
}

}  // namespace tier::sim
