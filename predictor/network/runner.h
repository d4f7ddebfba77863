// Runs the network tick by tick over the regions of the snapshot.
//
// All kinds give the same outputs (to 1e-5): those of DenseNetwork over a region's ticks since its history
// began. It begins when the region is first run, and again after it left the snapshot, was idle, or was not
// reached in time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "predictor/experts/roster.h"
#include "predictor/network/shape.h"
#include "predictor/network/vector_code.h"

namespace tier {

enum class RunnerKind {
  kAuto,           // streaming, unless oneDNN is measured to be faster here
  kStreaming,      // keeps the layers' past activations: one tick of work per tick
  kPyramid,        // keeps the features of the receptive field and works out what the last tick needs
  kOnednnPyramid,  // the same by oneDNN
};
const char* name_of(RunnerKind kind);

inline constexpr std::size_t kRunnerChunk = 256;  // rows between two looks at the clock

// Not thread-safe; works on the calling thread alone.
class NetworkRunner {
 public:
  virtual ~NetworkRunner() = default;

  // As network_tensors lays them out; before the first step. Where weights change later, pyramids go by the
  // new ones at once; streaming's past activations stay those of the old ones until they have left, which
  // takes receptive_field() - 1 ticks. kUsage: not as many as the shape has.
  virtual Result<void> set_weights(std::span<const float> weights) = 0;

  struct Tick {
    std::span<const float> features;       // rows x shape.features, finite
    std::span<const std::uint8_t> idle{};  // by row, not 0: skipped, outputs are zeros; empty: none is
  };
  // One tick of all rows of the roster, once per tick and roster. `outputs`: rows x kHeadOutputs. `go_on` is
  // asked before each chunk; once it says no, the rows left get zeros and their histories begin anew, and
  // step returns false.
  virtual bool step(const Roster& roster, const Tick& tick, std::span<float> outputs,
                    const std::function<bool()>& go_on) = 0;
  virtual std::size_t rows_reached() const = 0;  // in the last step; the first ones
  virtual void forget() = 0;                     // all histories begin anew

  virtual RunnerKind kind() const = 0;
  virtual std::string status() const = 0;  // one line for people: kind, and how it was chosen
  virtual std::size_t bytes_used() const = 0;
};

struct RunnerSettings {
  RunnerKind kind = RunnerKind::kAuto;
  const Clock* clock = nullptr;                 // for kAuto's measurement; null: streaming unmeasured
  VectorCode vector_code = best_vector_code();  // of the plain kernels
};

// kUsage: a shape that cannot be. kUnsupported: oneDNN asked for by name and of no use here; kAuto and the
// plain kinds work everywhere.
Result<std::unique_ptr<NetworkRunner>> make_runner(const NetworkShape& shape, const RunnerSettings& settings);

}  // namespace tier
