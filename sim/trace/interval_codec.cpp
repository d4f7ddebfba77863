#include "sim/trace/interval_codec.h"

#include <algorithm>
#include <array>

namespace tier::sim {
namespace {

using Regions = std::vector<RegionDemand>;

// A column that is zero throughout is left out; loads, stores, stall from bit 0 up.
constexpr std::array<float RegionDemand::*, 3> kColumns = {&RegionDemand::loads, &RegionDemand::stores,
                                                           &RegionDemand::stall};
constexpr std::uint8_t kAllColumns = (1U << kColumns.size()) - 1;

std::uint8_t columns_of(const Regions& regions) {
  std::uint8_t columns = 0;
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    if (std::any_of(regions.begin(), regions.end(),
                    [i](const RegionDemand& demand) { return demand.*kColumns[i] != 0; }))
      columns |= static_cast<std::uint8_t>(1U << i);
  // At least one, so that every region costs bytes: a reader bounds its memory by them.
  return columns == 0 ? 1 : columns;
}

void encode_stream(const Regions& regions, std::string& out) {
  const std::uint8_t columns = columns_of(regions);
  out.push_back(static_cast<char>(columns));
  put_varint(out, regions.size());
  std::uint64_t next = 0;
  for (const RegionDemand& demand : regions) {
    put_varint(out, demand.region - next);
    next = std::uint64_t{demand.region} + 1;
  }
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    if ((columns >> i & 1) != 0)
      for (const RegionDemand& demand : regions) put_f32(out, demand.*kColumns[i]);
}

void encode_demand(const Demand& demand, std::string& out) {
  const auto empty = [](const Regions& regions) { return regions.empty(); };
  const auto used = demand.streams.size() - static_cast<std::size_t>(std::count_if(
                                                demand.streams.begin(), demand.streams.end(), empty));
  put_varint(out, used + 1);
  std::size_t next = 0;
  for (std::size_t stream = 0; stream < demand.streams.size(); ++stream) {
    if (demand.streams[stream].empty()) continue;
    put_varint(out, stream - next);
    next = stream + 1;
    encode_stream(demand.streams[stream], out);
  }
}

bool decode_stream(ByteReader& bytes, Regions& regions) {
  const std::uint8_t columns = bytes.u8();
  const std::uint64_t count = bytes.varint();
  if (columns == 0 || columns > kAllColumns || count > bytes.left() / 5) return false;  // 1 gap, 1 float each
  regions.resize(count);
  std::uint64_t next = 0;
  for (RegionDemand& demand : regions) {
    const std::uint64_t gap = bytes.varint();
    if (gap > UINT32_MAX || next + gap > UINT32_MAX) return false;
    demand.region = static_cast<std::uint32_t>(next + gap);
    next += gap + 1;
  }
  for (std::size_t i = 0; i < kColumns.size(); ++i)
    if ((columns >> i & 1) != 0)
      for (RegionDemand& demand : regions) demand.*kColumns[i] = bytes.f32();
  return bytes.ok();
}

std::shared_ptr<const Demand> decode_demand(ByteReader& bytes, std::size_t streams,
                                            const std::shared_ptr<const Demand>& last) {
  const std::uint64_t used = bytes.varint();
  if (used == 0) return bytes.ok() ? last : nullptr;
  if (used - 1 > streams) return nullptr;
  auto demand = std::make_shared<Demand>();
  demand->streams.resize(streams);
  std::uint64_t next = 0;
  for (std::uint64_t i = 1; i < used; ++i) {
    const std::uint64_t gap = bytes.varint();
    if (gap >= streams - next) return nullptr;
    if (!decode_stream(bytes, demand->streams[next + gap])) return nullptr;
    next += gap + 1;
  }
  return demand;
}

void encode_event(const RegionEvent& event, std::string& out) {
  out.push_back(static_cast<char>(event.change));
  out.push_back(static_cast<char>(event.pages));
  put_varint(out, event.target);
  put_varint(out, event.first);
  put_varint(out, event.count);
  put_varint(out, event.address);
}

std::optional<std::uint32_t> small(ByteReader& bytes) {
  const std::uint64_t value = bytes.varint();
  if (!bytes.ok() || value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

bool decode_event(ByteReader& bytes, RegionEvent& event) {
  event.change = static_cast<RegionChange>(bytes.u8());
  event.pages = static_cast<PageKind>(bytes.u8());
  const auto target = small(bytes), first = small(bytes), count = small(bytes);
  event.address = bytes.varint();
  if (!bytes.ok() || !target || !first || !count) return false;
  event.target = *target;
  event.first = *first;
  event.count = *count;
  return true;
}

}  // namespace

void encode_interval(const Interval& interval, bool repeats, std::string& out) {
  put_varint(out, static_cast<std::uint64_t>(interval.duration.count()));
  put_varint(out, interval.compute.size());
  for (const double compute : interval.compute) put_f64(out, compute);
  put_varint(out, interval.events.size());
  for (const RegionEvent& event : interval.events) encode_event(event, out);
  if (repeats)
    put_varint(out, 0);
  else
    encode_demand(*interval.demand, out);
}

std::optional<Interval> decode_interval(ByteReader& bytes, const WorkloadInfo& info,
                                        const std::shared_ptr<const Demand>& last) {
  Interval interval;
  const std::uint64_t duration = bytes.varint();
  if (duration > INT64_MAX) return std::nullopt;
  interval.duration = Nanoseconds(static_cast<std::int64_t>(duration));
  const std::uint64_t targets = bytes.varint();
  if (targets > info.targets.size()) return std::nullopt;
  interval.compute.resize(info.targets.size());
  for (std::uint64_t i = 0; i < targets; ++i) interval.compute[i] = bytes.f64();
  const std::uint64_t events = bytes.varint();
  if (events > bytes.left() / 6) return std::nullopt;  // six bytes at least each
  interval.events.resize(events);
  for (RegionEvent& event : interval.events)
    if (!decode_event(bytes, event)) return std::nullopt;
  interval.demand = decode_demand(bytes, info.streams.size(), last);
  if (interval.demand == nullptr || !bytes.ok()) return std::nullopt;
  return interval;
}

}  // namespace tier::sim
