// Which access sources run, decided at start and again while the daemon runs: when the present ones go blind,
// and when a better one becomes possible.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/units.h"
#include "platform/api/features.h"
#include "platform/linux/sampling/source_choice.h"
#include "tierd/daemon/engine.h"

namespace tier {

struct SourceKeeperParts {
  std::function<std::vector<FeatureState>()> probe;
  std::function<SourceSet(const std::vector<FeatureState>&, const SourceRequest&)> make;
};

struct SourceKeeperSettings {
  // A look loads trial programs and reads the kernel's type information, about 50 ms of CPU. So the time to
  // the next one doubles; when sources that worked go blind it begins anew.
  Nanoseconds first_wait = std::chrono::seconds(10), longest_wait = std::chrono::minutes(10);
  // New sources have at least this long to show that they work.
  Nanoseconds trial = std::chrono::seconds(30);
  // A source that went blind is not chosen again for so long, twice as long after each time.
  Nanoseconds first_bar = std::chrono::minutes(5);
  Nanoseconds longest_bar = std::chrono::hours(1);
};

// Not thread-safe.
class SourceKeeper {
 public:
  explicit SourceKeeper(SourceKeeperParts parts, SourceKeeperSettings settings = {});

  // The first choice; empty when no source can run, which is tried again in after_tick().
  std::vector<std::unique_ptr<AccessSource>> begin(Nanoseconds now);

  // To be called after each tick: exchanges the engine's sources where that is due.
  void after_tick(Engine& engine, Nanoseconds now);

  // As of the last look.
  const std::vector<FeatureState>& features() const { return features_; }
  const std::vector<SourceDecision>& decisions() const { return decisions_; }

 private:
  struct Bar {
    Nanoseconds until{}, length{};
    std::string reason;
  };
  SourceRequest request(const Engine& engine, Nanoseconds now) const;
  void bar_running(const Engine& engine, Nanoseconds now);
  void look_while_blind(Engine& engine, Nanoseconds now);
  void look_for_better(Engine& engine, Nanoseconds now);
  void take(Engine& engine, SourceSet set, Nanoseconds now, const std::string& why);

  SourceKeeperParts parts_;
  SourceKeeperSettings settings_;
  std::vector<FeatureState> features_;
  std::vector<SourceDecision> decisions_;
  std::map<std::string, Bar> bars_;
  bool worked_ = false;  // samples arrived since the sources were changed last
  Nanoseconds next_look_{}, wait_{};
};

}  // namespace tier
