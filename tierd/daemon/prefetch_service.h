// Prefetch control in the daemon: the loop, the advice and what they are told of the node; answers the
// control socket.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "prefetch/advice/advice_loop.h"
#include "prefetch/journal/known_journal.h"
#include "prefetch/loop/prefetch_loop.h"
#include "tierd/daemon/cpu_samples.h"
#include "tierd/daemon/engine.h"
#include "tierd/daemon/prefetch_desk.h"

namespace tier {

// References must outlive it. Not thread-safe.
struct PrefetchServiceParts {
  Engine& engine;
  CpuSamples& samples;  // fed by the engine's samples
  std::unique_ptr<PrefetchLoop> loop;
  std::unique_ptr<AdviceLoop> advice;
  std::function<std::vector<MeterDecision>()> meters = {};  // as they stand now
  std::filesystem::path known_journal = {};                 // see known_journal.h; empty: none is kept
};

class PrefetchService final : public PrefetchDesk {
 public:
  PrefetchService(PrefetchServiceParts parts, const PrefetchConfig& config);

  // What an earlier tierd left is put back, whatever is armed now; then what the configuration arms, at the
  // start of the daemon. A machine that refuses is no reason not to start: it is told in the log and in the
  // view.
  Result<void> start();
  void after_engine_tick();  // samples are folded, advice is given
  bool armed() const;        // false: nothing need be told it
  void tick() const;         // one decision, every prefetch.interval

  Result<PrefetchView> prefetch() override;
  Result<PrefetchExplainView> prefetch_explain(const std::string& control) override;
  Result<PrefetchWritesView> prefetch_arm(bool dry_run, const std::string& actor) override;
  Result<PrefetchWritesView> prefetch_disarm(const std::string& actor) override;
  Result<PrefetchWritesView> prefetch_restore(const std::string& actor) override;
  Result<void> configure(const PrefetchConfig& config) override;

 private:
  Result<std::vector<PrefetchWrite>> arm_all();
  Result<std::vector<PrefetchWrite>> disarm_all();
  Result<PrefetchWritesView> rehearse() const;
  PrefetchWritesView told(const std::vector<PrefetchWrite>& writes,
                          const std::vector<PrefetchRefusal>& refused) const;
  void set_advice(bool armed) const;
  std::string_view state() const;
  std::string why() const;  // nothing is decided just now; or empty
  void note(const std::string& message, const std::string& actor) const;

  PrefetchServiceParts parts_;
  PrefetchConfig config_;
  bool disarmed_ = false;  // by an order
  std::string failed_;     // why it could not be armed the last time; or empty
};

// Of the loop's settings what the configuration says; `advice` is no actuator of the loop.
PrefetchLoopSettings prefetch_loop_settings(const PrefetchConfig& config);
// How busy the tiers are, 0..1: of their bandwidth where it is known and metered, else by how far their
// latency has risen, 1 where it has doubled. Of the tiers below the fastest the busiest counts where the
// traffic of each is counted at its memory; they are one where it is metered as one (resctrl).
PrefetchNode prefetch_node(const EngineState& state, const TierTopology& topology, const CpuSamples& samples);

}  // namespace tier
