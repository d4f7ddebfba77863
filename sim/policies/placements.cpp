// Placements that stay as they are: first touch, and interleaving over the tiers.
#include "sim/policies/entries.h"
#include "sim/policies/settings.h"

namespace tier::sim {
namespace {

constexpr Nanoseconds kIdle = std::chrono::hours(1);

class NoTiering final : public TieringPolicy {
 public:
  Nanoseconds step(Machine& machine) override { return machine.now() + kIdle; }
};

constexpr PolicySetting kInterleaveSettings[] = {
    {"weighted", 1,
     "1: by the tiers' bandwidth, as Linux's weighted interleave is meant to be set (since 6.9) [K]; 0: one "
     "by one"},
};

// Spreads regions by weight, so that the bandwidth of all tiers is used. What does not fit goes elsewhere.
class Interleave final : public TieringPolicy {
 public:
  explicit Interleave(bool weighted) : weighted_(weighted) {}

  void start(Machine& machine) override {
    for (const TierDescription& tier : machine.description().tiers)
      weights_.push_back(weighted_ ? tier.bandwidth : 1);
    due_.assign(weights_.size(), 0);
  }
  int place(const Machine&, Region) override {
    // Each tier is owed its share of every region; the one that is owed most gets it.
    double total = 0;
    for (const double weight : weights_) total += weight;
    std::size_t most = 0;
    for (std::size_t t = 0; t < weights_.size(); ++t) {
      due_[t] += weights_[t] / total;
      if (due_[t] > due_[most]) most = t;
    }
    due_[most] -= 1;
    return static_cast<int>(most);
  }
  Nanoseconds step(Machine& machine) override { return machine.now() + kIdle; }

 private:
  bool weighted_;
  std::vector<double> weights_, due_;  // by tier
};

}  // namespace

PolicyEntry no_tiering() {
  return {
      "none",
      "First touch: the fastest tier with room, and no move ever.",
      false,
      [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
        return read_settings(context, {}).map([](const PolicySettings&) -> std::unique_ptr<TieringPolicy> {
          return std::make_unique<NoTiering>();
        });
      },
      {{}}};
}

PolicyEntry interleave() {
  return {"interleave",
          "Regions spread over the tiers by their bandwidth, or evenly; no move ever.",
          false,
          [](const PolicyContext& context) -> Result<std::unique_ptr<TieringPolicy>> {
            return read_settings(context, kInterleaveSettings)
                .map([](const PolicySettings& s) -> std::unique_ptr<TieringPolicy> {
                  return std::make_unique<Interleave>(s["weighted"] != 0);
                });
          },
          {{}, {{"weighted", 0}}}};
}

}  // namespace tier::sim
