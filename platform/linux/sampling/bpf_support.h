// What every source built on a BPF object shares: loading with a readable error, the watched processes, the
// ring, the drop counters.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "bpf/events.h"
#include "core/access_sample.h"
#include "core/result.h"
#include "core/target.h"
#include "platform/linux/sampling/sampling_settings.h"

struct bpf_link;
struct bpf_object;
struct ring_buffer;

namespace tier {

// libbpf's messages go here instead of stderr; the text gathered since the last call (at most 64 KiB, the
// newest).
std::string take_bpf_log();

// The error of a failed load or attach, naming what is missing: kPermission with the true reason of a refusal
// (refusal.h), kUnsupported when the kernel lacks a type, hook or symbol. `error_number` positive.
Error bpf_error(const std::string& what, int error_number);

// kUnsupported when the kernel's type information is absent at `btf_path`.
Result<void> require_btf(const std::string& btf_path);

inline constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";

struct BpfLinkCloser {
  void operator()(bpf_link* link) const;
};
using BpfLink = std::unique_ptr<bpf_link, BpfLinkCloser>;

// The processes of a source, known by (pid, start time): a reused pid is somebody else.
class WatchList {
 public:
  void replace(std::span<const Target> targets);
  std::optional<TargetId> find(std::uint32_t tgid, std::uint64_t start_ticks) const;
  const std::unordered_map<std::uint32_t, Target>& by_pid() const { return by_pid_; }

 private:
  std::unordered_map<std::uint32_t, Target> by_pid_;
};

// Ring, watched map and counters of one loaded object of bpf/ (maps `samples`, `watched`, `counters`).
class BpfEvents {
 public:
  using Handler = std::function<void(std::span<const std::byte>)>;

  BpfEvents();
  ~BpfEvents();
  BpfEvents(const BpfEvents&) = delete;
  BpfEvents& operator=(const BpfEvents&) = delete;

  // The object must outlive this. `handler` is called by drain() for each event.
  Result<void> open(bpf_object& object, Handler handler);
  // Makes the kernel's map of watched processes equal to `list`.
  Result<void> watch(const WatchList& list);
  void drain();
  // Summed over CPUs since open().
  tier_counters counters() const;

 private:
  static int on_event(void* self, void* data, std::size_t size);

  int watched_fd_ = -1;
  int counters_fd_ = -1;
  ring_buffer* ring_ = nullptr;
  Handler handler_;
  std::unordered_map<std::uint32_t, std::uint64_t> in_kernel_;  // what the watched map holds now
};

// Field by field.
tier_counters& operator+=(tier_counters& sum, const tier_counters& more);

// CPU time of a BPF program per event that it sent or would have sent, by its own clock; 0 before the first.
Nanoseconds program_price(const tier_counters& counters);

// Turns the kernel's running totals into SampleCounters of one batch: lost and foreign since the last call.
class CounterDifference {
 public:
  SampleCounters since_last(const tier_counters& now);

 private:
  tier_counters last_{};
};

// Of an object that is open but not yet loaded: rings and hash tables of a mebibyte or more are to come from
// `node`, while it has room (BPF_F_NUMA_NODE, linux/bpf.h). Maps by CPU stay, which the kernel refuses to
// place; so do arrays and small tables, which programs read at every sample. Without a node all stay.
void place_tables(bpf_object& object, std::optional<NodeId> node);

// The same for a source: its ring gets `ring_bytes`, its maps lie on `spare_node`.
Result<void> prepare_tables(bpf_object& object, const SamplingSettings& settings);

}  // namespace tier
