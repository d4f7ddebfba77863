#include <fmt/format.h>

#include "sim/trace/bytes.h"
#include "sim/trace/chunk.h"
#include "sim/trace/interval_codec.h"
#include "sim/trace/trace.h"
#include "sim/trace/trace_check.h"
#include "sim/trace/trace_json.h"

namespace tier::sim {
namespace {

// A chunk is closed at whichever comes first. Bytes: enough to compress well, little to hold. Intervals: what
// a killed recorder loses, about a minute.
constexpr std::size_t kChunkBytes = 1U << 20;
constexpr std::uint64_t kChunkIntervals = 64;

class Writer : public TraceWriter {
 public:
  Writer(std::unique_ptr<ChunkWriter> file, const TraceHeader& header)
      : file_(std::move(file)), info_(header.workload), has_stall_(header.has_stall) {}

  Result<void> append(const Interval& interval) override;
  Result<void> update(const WorkloadInfo& workload) override;
  Result<void> finish() override;

 private:
  tl::unexpected<Error> refused(std::string_view what) const;
  Result<bool> repeats(const Interval& interval) const;
  Result<void> flush();

  std::unique_ptr<ChunkWriter> file_;
  WorkloadInfo info_;
  bool has_stall_;
  std::string info_text_;  // empty where what was written still holds
  std::uint64_t intervals_ = 0, pending_intervals_ = 0;
  std::string pending_;
  std::shared_ptr<const Demand> last_;
};

tl::unexpected<Error> Writer::refused(std::string_view what) const {
  return fail(ErrorKind::kUsage, fmt::format("interval {} cannot be recorded: {}", intervals_, what));
}

Result<bool> Writer::repeats(const Interval& interval) const {
  if (interval.demand == nullptr) return refused("it has no demand, not even an empty one");
  const bool same = interval.demand == last_ && last_->streams.size() == info_.streams.size();
  if (same) return true;
  if (auto sound = check_demand(info_, has_stall_, *interval.demand); !sound)
    return refused(sound.error().message);
  return last_ != nullptr && *interval.demand == *last_;
}

Result<void> Writer::append(const Interval& interval) {
  if (auto sound = check_work(info_, interval); !sound) return refused(sound.error().message);
  const auto same = TIER_TRY(repeats(interval));
  std::string bytes;
  encode_interval(interval, same, bytes);
  if (bytes.size() > kMostChunkBytes)
    return refused(fmt::format("it takes {} bytes, at most {} fit", bytes.size(), kMostChunkBytes));
  if (!pending_.empty() && pending_.size() + bytes.size() > kChunkBytes) TIER_TRY(flush());
  pending_ += bytes;
  if (!same) last_ = interval.demand;
  ++intervals_;
  return ++pending_intervals_ < kChunkIntervals ? Result<void>{} : flush();
}

Result<void> Writer::update(const WorkloadInfo& workload) {
  std::string text = to_json_text(workload);
  const auto read_back = parse_workload(text);  // the proof that a reader will take it
  const auto sound = read_back ? check_growth(info_, workload) : tl::make_unexpected(read_back.error());
  if (!sound)
    return fail(ErrorKind::kUsage, "the trace's header cannot become this: " + sound.error().message);
  info_ = workload;
  info_text_ = std::move(text);
  return {};
}

// The workload goes first: whatever a file cut short still has, it has what its intervals refer to.
Result<void> Writer::flush() {
  if (!info_text_.empty()) {
    TIER_TRY(file_->write(ChunkType::kWorkload, info_text_));
    info_text_.clear();
  }
  if (pending_.empty()) return {};
  TIER_TRY(file_->write(ChunkType::kIntervals, pending_));
  pending_.clear();
  pending_intervals_ = 0;
  return {};
}

Result<void> Writer::finish() {
  TIER_TRY(flush());
  std::string totals;
  put_u64(totals, intervals_);
  TIER_TRY(file_->write(ChunkType::kEnd, totals));
  return file_->finish();
}

}  // namespace

Result<std::unique_ptr<TraceWriter>> create_trace(const std::filesystem::path& path,
                                                  const TraceHeader& header) {
  const std::string text = to_json_text(header);
  if (auto sound = parse_header(text); !sound)
    return fail(ErrorKind::kUsage,
                fmt::format("the header of {} is not sound: {}", path.string(), sound.error().message));
  auto file = TIER_TRY(ChunkWriter::create(path));
  TIER_TRY(file->write(ChunkType::kHeader, text));
  return std::make_unique<Writer>(std::move(file), header);
}

}  // namespace tier::sim
