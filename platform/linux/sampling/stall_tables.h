// The user side of bpf/stall_tables.h: the tables that the stall sampler and this process both map.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bpf/stall_tables.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// Which processes the sampler watches.
class WatchedLines {
 public:
  // `lines`: TIER_WATCH_LINES of them, outliving this, all empty.
  explicit WatchedLines(std::span<tier_watch_line> lines) : lines_(lines) {}
  // Makes the table equal to `list`. While it is written a tick may miss a process, and none is taken for
  // another. kFailed, naming a process for which there is no room: the others are in it.
  Result<void> replace(const WatchList& list);

 private:
  std::span<tier_watch_line> lines_;
};

// Which code need not be sent again. Full lines drop what is asked for again soonest.
class KnownCode {
 public:
  // `lines`: TIER_CODE_LINES of them, outliving this, all empty.
  explicit KnownCode(std::span<tier_code_line> lines) : lines_(lines) {}
  // For half of `lifetime` to all of it, by the place: those that are learnt together are not asked for again
  // together. `now`: of the clock that samples are told in. Both ns. Places whose time is over give way
  // first.
  void learnt(const tier_known_code& key, std::uint64_t now, std::uint64_t lifetime);
  void forget(const tier_known_code& key);

 private:
  std::span<tier_code_line> lines_;
};

// Samples of known code, CPU by CPU.
class SlotReader {
 public:
  using Handler = std::function<void(const tier_sample&)>;
  // `slots`: as many for each CPU, a power of two, one CPU after the other. Both outlive this.
  SlotReader(std::span<tier_cpu> cpus, std::span<const tier_slot> slots);
  // Hands over what has come since the last call.
  void drain(const Handler& handler);
  // Samples that were written over before they were read.
  std::uint64_t lost() const { return lost_; }
  std::uint64_t per_cpu() const { return per_cpu_; }

 private:
  void drain_cpu(std::uint32_t cpu, const Handler& handler);

  std::span<tier_cpu> cpus_;
  std::span<const tier_slot> slots_;
  std::uint64_t per_cpu_;
  std::vector<std::uint64_t> next_;  // by CPU: the first that was not read
  std::uint64_t lost_ = 0;
};

// Slots that each CPU gets, a power of two: of a quarter of `ring_bytes` for all together, 512 to 4096.
std::uint32_t slots_for(std::uint32_t ring_bytes, std::uint32_t cpus);

// A map of a loaded object in this process's memory; as for an array of `T`.
class MappedArray {
 public:
  MappedArray() = default;
  ~MappedArray();
  MappedArray(MappedArray&& other) noexcept;
  MappedArray& operator=(MappedArray&& other) noexcept;
  static Result<MappedArray> of(bpf_object& object, const char* name);
  template <typename T>
  std::span<T> as() const {
    return {static_cast<T*>(start_), bytes_ / sizeof(T)};
  }

 private:
  void* start_ = nullptr;
  std::size_t bytes_ = 0;  // of the values
  std::size_t mapped_ = 0;
};

// All of them, and the ring of samples that bring their code.
class StallTables {
 public:
  using Handler = BpfEvents::Handler;

  // Of an object that is open but not yet loaded: how large its tables are and where they lie. Returns the
  // slots of each CPU, which the object's read-only data must tell.
  static Result<std::uint32_t> prepare(bpf_object& object, const SamplingSettings& settings);

  // The loaded object must outlive this. `handler` is called by drain() for each event.
  static Result<std::unique_ptr<StallTables>> open(bpf_object& object, Handler handler);

  Result<void> watch(const WatchList& list) { return watched_.replace(list); }
  KnownCode& known_code() { return known_code_; }
  void drain();
  // Samples of known code that each CPU may take from one drain to the next without a loss, with a quarter to
  // spare.
  double room() const { return 0.75 * static_cast<double>(slots_.per_cpu()); }
  // Summed over CPUs since open().
  tier_counters counters() const;

 private:
  struct RingCloser {
    void operator()(ring_buffer* ring) const;
  };
  struct Maps {
    MappedArray cpus, slots, watched, known_code;
  };
  StallTables(Maps maps, Handler handler);
  static int on_event(void* self, void* data, std::size_t size);

  Maps maps_;
  Handler handler_;
  std::unique_ptr<ring_buffer, RingCloser> ring_;
  WatchedLines watched_;
  KnownCode known_code_;
  SlotReader slots_;
};

}  // namespace tier
