// A bound that knows the whole run and moves nothing.
#include "sim/policies/entries.h"
#include "sim/policies/settings.h"
#include "sim/policies/static_placement.h"

namespace tier::sim {
namespace {

constexpr Nanoseconds kIdle = std::chrono::hours(1);

class StaticOracle final : public TieringPolicy {
 public:
  explicit StaticOracle(const PolicyContext& context) : context_(context) {}

  void start(Machine& machine) override {
    auto best = best_fixed_placement(machine.description(), context_.workloads, context_.seed);
    // What cannot be read cannot be run either: the machine tells.
    placement_ = best ? *std::move(best) : FixedPlacement(machine.regions(), 0);
  }
  int place(const Machine&, Region region) override { return placement_[region]; }
  Nanoseconds step(Machine& machine) override { return machine.now() + kIdle; }

 private:
  PolicyContext context_;
  FixedPlacement placement_;
};

}  // namespace

PolicyEntry static_oracle() {
  return {
      "static-oracle",
      "The best placement that never changes, knowing the whole run.",
      true,
      [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
        return read_settings(context, {}).map([&](const PolicySettings&) -> std::unique_ptr<TieringPolicy> {
          return std::make_unique<StaticOracle>(context);
        });
      },
      {{}}};
}

}  // namespace tier::sim
