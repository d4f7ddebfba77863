#include "predictor/network/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "predictor/network/chunked_runner.h"
#include "predictor/network/onednn.h"

namespace tier {
namespace {

// By how much oneDNN must be faster: a measurement at start is a short one, and streaming is the form whose
// cost is known everywhere.
constexpr double kFasterBy = 0.8;
constexpr std::size_t kTrialRows = 1024, kTrialTicks = 4;

// Microseconds per region-tick, the least of a few ticks.
double measure(NetworkRunner& runner, const NetworkShape& shape, const Clock& clock) {
  RegionSnapshot snapshot;
  snapshot.regions.resize(kTrialRows);
  for (std::size_t i = 0; i < kTrialRows; ++i) snapshot.regions[i].key = {{1}, i * kDefaultRegionSize.value};
  const std::vector<float> features(kTrialRows * shape.features, 0.5F);
  std::vector<float> outputs(kTrialRows * kHeadOutputs);
  Roster roster;
  double least = 0;
  for (std::size_t tick = 0; tick <= kTrialTicks; ++tick) {
    roster.update(snapshot);
    const Nanoseconds before = clock.now();
    if (!runner.step(roster, {features}, outputs, [] { return true; })) return 1e9;
    const double took = static_cast<double>((clock.now() - before).count()) / 1e3 / kTrialRows;
    if (tick == 1 || (tick > 1 && took < least)) least = took;  // the first allocates
  }
  runner.forget();
  return least;
}

Result<std::unique_ptr<NetworkRunner>> choose(const NetworkShape& shape, const RunnerSettings& settings) {
  auto streaming = make_streaming(shape, settings.vector_code);
  if (!settings.clock) return streaming;
  auto onednn = make_onednn_pyramid(shape);
  if (!onednn) {
    streaming->set_status(fmt::format("streaming; {}", onednn.error().message));
    return streaming;
  }
  const std::vector<float> weights(network_weights(shape), 0.01F);
  for (NetworkRunner* runner :
       {static_cast<NetworkRunner*>(streaming.get()), static_cast<NetworkRunner*>(onednn->get())})
    TIER_TRY(runner->set_weights(weights));
  const double ours = measure(*streaming, shape, *settings.clock),
               theirs = measure(**onednn, shape, *settings.clock);
  const bool faster = theirs < kFasterBy * ours;
  auto chosen = faster ? std::move(*onednn) : std::move(streaming);
  chosen->set_status(fmt::format("{}; at start {:.2f} us per region by streaming, {:.2f} by oneDNN {}",
                                 name_of(chosen->kind()), ours, theirs, onednn_version()));
  return chosen;
}

}  // namespace

const char* name_of(RunnerKind kind) {
  switch (kind) {
    case RunnerKind::kAuto:
      return "auto";
    case RunnerKind::kStreaming:
      return "streaming";
    case RunnerKind::kPyramid:
      return "pyramid";
    case RunnerKind::kOnednnPyramid:
      return "onednn-pyramid";
  }
  return "?";
}

ChunkedRunner::ChunkedRunner(const NetworkShape& shape, RunnerKind kind, std::size_t history_floats)
    : shape_(shape), kind_(kind), histories_(history_floats), status_(name_of(kind)) {
  chunk_.reserve(kRunnerChunk);
}

Result<void> ChunkedRunner::check_weights(std::span<const float> weights) const {
  if (weights.size() == network_weights(shape_)) return {};
  return fail(ErrorKind::kUsage,
              fmt::format("{} weights for a network of {}", weights.size(), network_weights(shape_)),
              "use a model of this shape");
}

// The next rows that are not idle, up to a chunk; `row` moves past them.
void ChunkedRunner::gather_chunk(const Tick& tick, std::span<float> outputs, std::size_t& row) {
  chunk_.clear();
  for (; row < histories_.rows() && chunk_.size() < kRunnerChunk; ++row) {
    float* out = outputs.data() + row * kHeadOutputs;
    if (!tick.idle.empty() && tick.idle[row] != 0) {
      histories_.end(row);
      std::fill_n(out, kHeadOutputs, 0.0F);
      continue;
    }
    const HistoryPool::Opened opened = histories_.open(row);
    chunk_.push_back({tick.features.data() + row * shape_.features, out, opened.data, opened.known});
  }
}

void ChunkedRunner::leave(std::size_t first, std::span<float> outputs) {
  for (std::size_t row = first; row < histories_.rows(); ++row) histories_.end(row);
  std::fill(outputs.begin() + static_cast<std::ptrdiff_t>(first * kHeadOutputs), outputs.end(), 0.0F);
}

bool ChunkedRunner::step(const Roster& roster, const Tick& tick, std::span<float> outputs,
                         const std::function<bool()>& go_on) {
  histories_.align(roster);
  bool all = true;
  for (reached_ = 0; all && reached_ < histories_.rows();) {
    std::size_t row = reached_;
    all = go_on();
    if (all) gather_chunk(tick, outputs, row);
    if (all && !chunk_.empty()) all = run_chunk(chunk_);
    if (all) reached_ = row;
  }
  if (!all) leave(reached_, outputs);
  histories_.next_tick();
  return all;
}

Result<std::unique_ptr<NetworkRunner>> make_runner(const NetworkShape& shape,
                                                   const RunnerSettings& settings) {
  TIER_TRY(shape.check());
  switch (settings.kind) {
    case RunnerKind::kStreaming:
      return make_streaming(shape, settings.vector_code);
    case RunnerKind::kPyramid:
      return make_pyramid(shape, settings.vector_code);
    case RunnerKind::kOnednnPyramid:
      return make_onednn_pyramid(shape);
    case RunnerKind::kAuto:
      break;
  }
  return choose(shape, settings);
}

}  // namespace tier
