// Which promotions were worth it, told afterwards from what the machine really served.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/machine/machine.h"

namespace tier::sim {

// A promotion is useful when the stall that it saved, while the region stayed up, exceeds the time its move
// took. Demand is looked at once per `sample()`, so what comes and goes in between is missed.
class MoveAudit final : public Observer {
 public:
  void on_segment(Machine&, const Segment&) override {}
  void on_move(Machine& machine, Region region, int from, int to) override;
  void on_release(Machine& machine, Region first, std::uint32_t count) override;

  // Adds the stall saved since the last call, by what each promoted region is asked for now.
  void sample(const Machine& machine);
  void finish();  // judges what is still up
  Bytes useful() const { return useful_; }

 private:
  struct Promoted {
    Region region = 0;
    int from = 0, to = 0;
    double cost = 0, saved = 0;  // seconds
  };
  void judge(const Promoted& promoted);

  static constexpr std::uint32_t kNone = ~0U;
  std::vector<std::uint32_t> place_;  // by region: index into open_
  std::vector<Promoted> open_;
  Bytes region_size_, useful_;
  Nanoseconds last_{};
};

}  // namespace tier::sim
