#include "platform/linux/sampling/stall_tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <utility>

namespace tier {
namespace {

// 512 are two seconds of the usual tick of 250 Hz. The rate is held to what fits (StallTables::room()).
constexpr std::uint32_t kFewestSlots = 512, kMostSlots = 4096;
constexpr std::uint32_t kRingShare = 4;  // of `ring_bytes`, for either kind of sample

static_assert(sizeof(tier_watch_line) == 64 && sizeof(tier_code_line) == 64, "one cache line");
static_assert(sizeof(tier_cpu) == 128 && sizeof(tier_slot) == 192, "whole cache lines");
static_assert(TIER_WATCH_LINES * TIER_LINE_WAYS == 2 * TIER_MAX_TARGETS);
static_assert(TIER_CODE_LINES * TIER_LINE_WAYS == TIER_MAX_KNOWN_CODE);

template <typename T>
T read(T& shared) {
  return std::atomic_ref<T>(shared).load(std::memory_order_acquire);
}

template <typename T>
void write(T& shared, T value) {
  std::atomic_ref<T>(shared).store(value, std::memory_order_release);
}

// Nobody between two processes. A program that has found the old number may still read the new start, and
// counts the tick as of another process.
void write(tier_watched_process& shared, const tier_watched_process& wanted) {
  if (shared.tgid == wanted.tgid && shared.start_ticks == wanted.start_ticks) return;
  write(shared.tgid, 0U);
  write(shared.start_ticks, wanted.start_ticks);
  write(shared.tgid, wanted.tgid);
}

void write(tier_known_place& shared, const tier_known_place& wanted) {
  write(shared.tag, 0ULL);
  write(shared.until, wanted.until);
  write(shared.tag, wanted.tag);
}

std::uint64_t tag_of(const tier_known_code& key) { return tier_code_tag(key.ip, key.tgid, key.exec_id); }

tier_sample expanded(const tier_slot& slot, std::uint32_t cpu) {
  tier_sample sample{};
  sample.header.version = TIER_EVENTS_VERSION;
  sample.header.kind = static_cast<unsigned short>(slot.kind);
  sample.header.cpu = cpu;
  sample.header.tgid = slot.tgid;
  sample.header.tid = slot.tid;
  sample.header.time_ns = slot.time_ns;
  sample.header.start_ticks = slot.start_ticks;
  sample.header.exec_id = slot.exec_id;
  sample.stands_for = slot.stands_for;
  std::copy(std::begin(slot.general), std::end(slot.general), std::begin(sample.registers.general));
  sample.registers.ip = slot.ip;
  sample.registers.fs_base = slot.fs_base;
  sample.registers.gs_base = slot.gs_base;
  return sample;
}

Result<bpf_map*> map_of(bpf_object& object, const char* name) {
  bpf_map* const map = bpf_object__find_map_by_name(&object, name);
  if (map == nullptr)
    return fail(ErrorKind::kFailed, std::string("the stall sampler lacks the map ") + name,
                "build bpf/ and the daemon from the same revision");
  return map;
}

Result<void> set_entries(bpf_object& object, const char* name, std::uint32_t entries) {
  if (bpf_map__set_max_entries(TIER_TRY(map_of(object, name)), entries) == 0) return {};
  return tl::make_unexpected(bpf_error(std::string("sizing the map ") + name, errno));
}

}  // namespace

// Laid out anew as a whole, in the order of the numbers, so that the same processes always lie alike.
Result<void> WatchedLines::replace(const WatchList& list) {
  std::vector<tier_watch_line> wanted(lines_.size());
  std::optional<std::uint32_t> left_out;
  const std::map<std::uint32_t, Target> in_order(list.by_pid().begin(), list.by_pid().end());
  for (const auto& [tgid, target] : in_order) {
    const std::uint32_t first = tier_watch_line_of(tgid);
    tier_watched_process* place = nullptr;
    for (std::uint32_t probe = 0; probe < TIER_WATCH_PROBES && place == nullptr; ++probe)
      for (tier_watched_process& process : wanted[(first + probe) & (TIER_WATCH_LINES - 1)].process)
        if (place == nullptr && process.tgid == 0) place = &process;
    if (place == nullptr)
      left_out = tgid;
    else
      *place = {tgid, 0, target.start_time};
  }
  for (std::size_t line = 0; line < lines_.size(); ++line)
    for (std::size_t way = 0; way < TIER_LINE_WAYS; ++way)
      write(lines_[line].process[way], wanted[line].process[way]);
  if (!left_out) return {};
  return fail(ErrorKind::kFailed,
              "process " + std::to_string(*left_out) + " cannot be watched: its table is full",
              "watch at most " + std::to_string(TIER_MAX_TARGETS) + " processes");
}

void KnownCode::learnt(const tier_known_code& key, std::uint64_t now, std::uint64_t lifetime) {
  const std::uint64_t tag = tag_of(key);
  const std::uint64_t until = now + lifetime / 2 + (tag >> 48U) * (lifetime / 2) / 0xFFFF;
  tier_code_line& line = lines_[tier_code_line_of(tag)];
  tier_known_place* oldest = &line.place[0];
  const auto left = [now](const tier_known_place& place) {
    return place.tag == 0 || place.until <= now ? 0 : place.until - now;
  };
  for (tier_known_place& place : line.place) {
    if (place.tag == tag) return write(place.until, static_cast<unsigned long long>(until));
    if (left(place) < left(*oldest)) oldest = &place;
  }
  write(*oldest, {tag, until});
}

void KnownCode::forget(const tier_known_code& key) {
  const std::uint64_t tag = tag_of(key);
  for (tier_known_place& place : lines_[tier_code_line_of(tag)].place)
    if (place.tag == tag) write(place.tag, 0ULL);
}

SlotReader::SlotReader(std::span<tier_cpu> cpus, std::span<const tier_slot> slots)
    : cpus_(cpus),
      slots_(slots),
      per_cpu_(cpus.empty() ? 0 : slots.size() / cpus.size()),
      next_(cpus.size()) {
  for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) next_[cpu] = read(cpus_[cpu].head);
}

void SlotReader::drain(const Handler& handler) {
  for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) drain_cpu(cpu, handler);
}

// The slot after the newest may be half written at any time, so one fewer than there are can be read for
// sure.
void SlotReader::drain_cpu(std::uint32_t cpu, const Handler& handler) {
  std::uint64_t& next = next_[cpu];
  const std::uint64_t head = read(cpus_[cpu].head);
  if (head - next > per_cpu_) {
    lost_ += head - per_cpu_ - next;
    next = head - per_cpu_;
  }
  for (; next != head; ++next) {
    const tier_slot slot = slots_[cpu * per_cpu_ + (next & (per_cpu_ - 1))];
    std::atomic_thread_fence(std::memory_order_acquire);
    if (read(cpus_[cpu].head) - next >= per_cpu_)
      ++lost_;
    else
      handler(expanded(slot, cpu));
  }
}

std::uint32_t slots_for(std::uint32_t ring_bytes, std::uint32_t cpus) {
  const auto each =
      ring_bytes / kRingShare / static_cast<std::uint32_t>(sizeof(tier_slot)) / std::max(cpus, 1U);
  return std::clamp(std::bit_floor(each), kFewestSlots, kMostSlots);
}

MappedArray::~MappedArray() {
  if (start_ != nullptr) ::munmap(start_, mapped_);
}

MappedArray::MappedArray(MappedArray&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

MappedArray& MappedArray::operator=(MappedArray&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Result<MappedArray> MappedArray::of(bpf_object& object, const char* name) {
  const bpf_map* const map = TIER_TRY(map_of(object, name));
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  MappedArray array;
  array.bytes_ = std::size_t{bpf_map__value_size(map)} * bpf_map__max_entries(map);
  array.mapped_ = (array.bytes_ + page - 1) / page * page;
  void* const start = ::mmap(nullptr, array.mapped_, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  if (start == MAP_FAILED)
    return tl::make_unexpected(bpf_error(std::string("mapping the map ") + name, errno));
  array.start_ = start;
  return array;
}

Result<std::uint32_t> StallTables::prepare(bpf_object& object, const SamplingSettings& settings) {
  // Numbers of possible CPUs have no gaps on x86.
  const int possible = libbpf_num_possible_cpus();
  if (possible <= 0)
    return fail(ErrorKind::kFailed, "the kernel names no possible CPUs", "sysfs must be mounted");
  const auto cpus = static_cast<std::uint32_t>(possible);
  const std::uint32_t each = slots_for(settings.ring_bytes, cpus);
  TIER_TRY(set_entries(object, "cpus", cpus));
  TIER_TRY(set_entries(object, "slots", cpus * each));
  TIER_TRY(set_entries(object, "samples", settings.ring_bytes / kRingShare));
  place_tables(object, settings.spare_node);
  return each;
}

void StallTables::RingCloser::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

StallTables::StallTables(Maps maps, Handler handler)
    : maps_(std::move(maps)),
      handler_(std::move(handler)),
      watched_(maps_.watched.as<tier_watch_line>()),
      known_code_(maps_.known_code.as<tier_code_line>()),
      slots_(maps_.cpus.as<tier_cpu>(), maps_.slots.as<const tier_slot>()) {}

int StallTables::on_event(void* self, void* data, std::size_t size) {
  static_cast<StallTables*>(self)->handler_({static_cast<const std::byte*>(data), size});
  return 0;
}

Result<std::unique_ptr<StallTables>> StallTables::open(bpf_object& object, Handler handler) {
  Maps maps;
  maps.cpus = TIER_TRY(MappedArray::of(object, "cpus"));
  maps.slots = TIER_TRY(MappedArray::of(object, "slots"));
  maps.watched = TIER_TRY(MappedArray::of(object, "watched"));
  maps.known_code = TIER_TRY(MappedArray::of(object, "known_code"));
  std::unique_ptr<StallTables> tables(new StallTables(std::move(maps), std::move(handler)));
  tables->ring_.reset(
      ring_buffer__new(bpf_map__fd(TIER_TRY(map_of(object, "samples"))), on_event, tables.get(), nullptr));
  if (tables->ring_ == nullptr) return tl::make_unexpected(bpf_error("opening the BPF ring buffer", errno));
  return tables;
}

void StallTables::drain() {
  ring_buffer__consume(ring_.get());
  slots_.drain([this](const tier_sample& sample) {
    handler_(std::as_bytes(std::span<const tier_sample, 1>(&sample, 1)));
  });
}

tier_counters StallTables::counters() const {
  tier_counters sum{};
  for (const tier_cpu& cpu : maps_.cpus.as<const tier_cpu>()) sum += cpu.count;
  sum.sent -= slots_.lost();
  sum.lost += slots_.lost();
  return sum;
}

}  // namespace tier
