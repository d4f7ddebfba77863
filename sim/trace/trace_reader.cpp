#include <fmt/format.h>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk.h"
#include "sim/trace/interval_codec.h"
#include "sim/trace/trace.h"
#include "sim/trace/trace_check.h"
#include "sim/trace/trace_json.h"

namespace tier::sim {
namespace {

class Reader : public TraceReader {
 public:
  explicit Reader(std::unique_ptr<ChunkReader> file) : file_(std::move(file)) {}

  Result<void> open();
  const WorkloadInfo& info() const override { return header_.workload; }
  const TraceHeader& header() const override { return header_; }
  Result<std::optional<Interval>> next() override;

 private:
  void find_last_workload();
  Result<std::optional<Interval>> advance();
  Result<void> next_chunk();
  Result<void> check_end(const ChunkFrame& frame);
  Result<Interval> decode();

  std::unique_ptr<ChunkReader> file_;
  TraceHeader header_;
  ChunkFrame frame_;   // of the chunk in hand
  std::string chunk_;  // its payload; `rest_` of it is still to be decoded
  ByteReader rest_{{}};
  std::shared_ptr<const Demand> last_;
  std::uint64_t intervals_ = 0;
  bool ended_ = false;
  std::optional<Error> error_;
};

Result<void> Reader::open() {
  file_->rewind();
  const auto frame = TIER_TRY(file_->frame());
  if (frame.type != ChunkType::kHeader) return file_->damaged(frame, "is not a header");
  const auto text = TIER_TRY(file_->payload(frame));
  auto header = parse_header(text);
  if (!header) return file_->damaged(frame, "is no header: " + header.error().message);
  header_ = std::move(*header);
  find_last_workload();
  file_->rewind();
  const auto again = file_->frame();
  return again ? file_->skip(*again) : tl::make_unexpected(again.error());
}

// From frame to frame up to the end, or to the first damage: next() tells of that when it comes there.
void Reader::find_last_workload() {
  while (file_->bytes_left() > 0) {
    const auto frame = file_->frame();
    if (!frame) return;
    if (frame->type != ChunkType::kWorkload) {
      if (!file_->skip(*frame).has_value()) return;
      continue;
    }
    const auto text = file_->payload(*frame);
    if (!text) return;
    auto workload = parse_workload(*text);
    if (!workload) return;
    header_.workload = std::move(*workload);
  }
}

Result<std::optional<Interval>> Reader::next() {
  if (error_) return tl::make_unexpected(*error_);
  auto interval = advance();
  if (!interval) error_ = interval.error();
  return interval;
}

Result<std::optional<Interval>> Reader::advance() {
  while (!ended_ && rest_.left() == 0) TIER_TRY(next_chunk());
  if (ended_) return std::nullopt;
  auto interval = TIER_TRY(decode());
  ++intervals_;
  last_ = interval.demand;
  return std::optional<Interval>(std::move(interval));
}

Result<void> Reader::next_chunk() {
  const auto frame = TIER_TRY(file_->frame());
  frame_ = frame;
  rest_ = ByteReader({});
  chunk_ = {};  // before the next is loaded: never two in memory
  auto payload = TIER_TRY(file_->payload(frame_));
  if (frame_.type == ChunkType::kHeader) return file_->damaged(frame_, "is a second header");
  if (frame_.type == ChunkType::kEnd) {
    chunk_ = std::move(payload);
    return check_end(frame_);
  }
  if (frame_.type == ChunkType::kWorkload) {
    // open() read it; if it is not sound, the workload in hand does not cover what follows.
    auto workload = parse_workload(payload);
    if (!workload) return file_->damaged(frame_, "is no workload: " + workload.error().message);
    return {};
  }
  if (payload.empty()) return file_->damaged(frame_, "is empty");
  chunk_ = std::move(payload);
  rest_ = ByteReader(chunk_);
  return {};
}

Result<void> Reader::check_end(const ChunkFrame& frame) {
  ByteReader fields(chunk_);
  const std::uint64_t intervals = fields.u64();
  if (!fields.ok() || fields.left() != 0) return file_->damaged(frame, "is no end");
  if (intervals != intervals_)
    return file_->damaged(frame, fmt::format("ends {} intervals, there were {}", intervals, intervals_));
  if (file_->bytes_left() != 0) return file_->damaged(frame, "is the end, yet more follows");
  ended_ = true;
  return {};
}

Result<Interval> Reader::decode() {
  auto interval = decode_interval(rest_, header_.workload, last_);
  if (!interval) return file_->damaged(frame_, fmt::format("does not hold interval {}", intervals_));
  auto sound = check_work(header_.workload, *interval);
  if (sound && interval->demand != last_)
    sound = check_demand(header_.workload, header_.has_stall, *interval->demand);
  if (!sound)
    return file_->damaged(
        frame_, fmt::format("has an interval ({}) that is not sound: {}", intervals_, sound.error().message));
  return std::move(*interval);
}

}  // namespace

Result<std::unique_ptr<TraceReader>> open_trace(const std::filesystem::path& path) {
  auto file = TIER_TRY(ChunkReader::open(path));
  auto reader = std::make_unique<Reader>(std::move(file));
  TIER_TRY(reader->open());
  return reader;
}

}  // namespace tier::sim
