// When the network is adapted to the workload, and what becomes of it: watches how far forecasts are off and
// what the workload is like, collects the ticks to adapt by, and runs the adaptation (training/adapt.h) in
// idle time, a bounded step at a time.
//
// It is due when the network is much further off than it used to be (surprise), and once for every workload
// signature. What it finds is an offset to the encoder's z, dropped when the workload changes, and kept by
// the signature across restarts: where one is known it is tried, and taken by the same rule.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "predictor/model/signature_store.h"
#include "predictor/network/network_expert.h"
#include "predictor/network/signature.h"
#include "predictor/training/adapt.h"
#include "predictor/training/support.h"

namespace tier {

// Where offsets are kept. All may be empty: then nothing outlives the process.
struct SignatureStorage {
  std::function<Result<std::string>()> load;  // what save was last given; empty: nothing yet
  std::function<Result<void>(const std::string&)> save;
  std::function<std::int64_t()> unix_now;  // seconds
};

struct AdapterSettings {
  bool enabled = true;
  double surprise = 1.5;         // errors of the last 8 ticks over those of the last 64
  std::uint64_t rest = 64;       // ticks from the end of an adaptation to the next
  std::size_t least_ticks = 64;  // to adapt by
  AdaptationSettings adaptation;
  SignatureStorage storage;
};

struct AdapterStatus {
  std::optional<std::uint64_t> signature;  // of the running workload; none until 64 ticks are known
  bool known = false;                      // an offset is stored for it
  double surprise = 0;                     // see AdapterSettings; 1 is as usual, 0 not known
  bool under_way = false;
  std::uint64_t begun = 0, ended = 0, abandoned = 0;             // adaptations
  std::uint64_t adapted = 0, stored = 0, dropped = 0, kept = 0;  // verdicts
  AdaptationReport last;
  std::size_t entries = 0;  // of the store
  std::string trouble;      // of the storage, the last
};

// Not thread-safe.
class Adapter {
 public:
  // Loads the store; a store that cannot be read is an empty one, and `trouble` says why.
  Adapter(std::shared_ptr<const NamedModel> model, AdapterSettings settings);

  // Once per tick, after the network. `rows`: a sample of the snapshot's.
  void observe(const NetworkExpert& network, const Roster& roster, std::span<const std::uint32_t> rows);
  // The network's forecasts for the tick: sum of the errors' magnitudes over what came.
  void note_error(double error);
  // The workload changed: an adaptation under way is given up. The network forgets its offset by itself.
  void forget();
  // One bounded step of whatever is due. False: nothing is left to do for now.
  bool work(NetworkExpert& network);

  AdapterStatus describe() const;
  std::size_t bytes_used() const;

 private:
  bool due() const;
  void begin(const NetworkExpert& network);
  void finish(NetworkExpert& network);
  void remember(const std::vector<float>& offset);
  void save();
  std::int64_t unix_now() const { return settings_.storage.unix_now ? settings_.storage.unix_now() : 0; }

  std::shared_ptr<const NamedModel> model_;
  AdapterSettings settings_;
  SignatureStore store_;
  SupportBuffer support_;
  std::unique_ptr<Adaptation> adaptation_;
  std::vector<float> encoded_;          // at its begin
  std::optional<std::uint64_t> tried_;  // signature of the last adaptation since the workload's begin
  bool unsaved_ = false;
  std::uint64_t tick_ = 0, rest_until_ = 0;
  double short_error_ = 0, long_error_ = 0;
  std::uint64_t errors_ = 0;
  AdapterStatus status_;
};

}  // namespace tier
