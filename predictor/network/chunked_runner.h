// What all runners have in common: histories by region, and rows taken in chunks.
#pragma once

#include <string>
#include <vector>

#include "predictor/network/history.h"
#include "predictor/network/runner.h"

namespace tier {

class ChunkedRunner : public NetworkRunner {
 public:
  ChunkedRunner(const NetworkShape& shape, RunnerKind kind, std::size_t history_floats);
  bool step(const Roster& roster, const Tick& tick, std::span<float> outputs,
            const std::function<bool()>& go_on) final;
  std::size_t rows_reached() const final { return reached_; }
  void forget() final { histories_.end_all(); }
  RunnerKind kind() const final { return kind_; }
  std::string status() const final { return status_; }
  std::size_t bytes_used() const override { return histories_.bytes_used(); }

  void set_status(std::string status) { status_ = std::move(status); }

 protected:
  // One row of a chunk.
  struct Row {
    const float* features;
    float* outputs;
    float* history;
    std::uint64_t known;  // ticks of it, this one included
  };
  // At most kRunnerChunk rows, at least one. False: it could not be done.
  virtual bool run_chunk(std::span<const Row> rows) = 0;

  const NetworkShape& shape() const { return shape_; }
  std::uint64_t tick() const { return histories_.tick(); }  // counts steps
  Result<void> check_weights(std::span<const float> weights) const;

 private:
  void gather_chunk(const Tick& tick, std::span<float> outputs, std::size_t& row);
  void leave(std::size_t first, std::span<float> outputs);

  NetworkShape shape_;
  RunnerKind kind_;
  HistoryPool histories_;
  std::vector<Row> chunk_;
  std::size_t reached_ = 0;
  std::string status_;
};

// The kinds, one file each.
std::unique_ptr<ChunkedRunner> make_streaming(const NetworkShape& shape, VectorCode code);
std::unique_ptr<ChunkedRunner> make_pyramid(const NetworkShape& shape, VectorCode code);
Result<std::unique_ptr<ChunkedRunner>> make_onednn_pyramid(const NetworkShape& shape);

}  // namespace tier
