// The counting plugin: exact numbers of last-level misses of a guest, per period, node and 2 MiB region.
//
// Arguments (key=value): out=FILE, count=on|off, llc=BYTES, ways=N, line=BYTES, map=START-END-NODE (repeated;
// hexadecimal physical bytes). Output: JSON lines. The guest's own messages pass through unchanged, so that
// one file tells the whole run in order. Threads: under -icount all vCPUs run on one thread, so nothing here
// is locked; QEMU must be started with -icount.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tier-lab/guest/marks.h"
#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-lab/plugin/qemu_plugin_api.h"
#include "tools/tier-lab/plugin/region_table.h"
#include "tools/tier-lab/plugin/stream_table.h"

namespace tier::lab {
namespace {

struct PhysicalRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::size_t node = 0;
};

// Misses of one node in one period.
struct NodeMisses {
  std::uint64_t user_reads = 0;
  std::uint64_t user_writes = 0;
  std::uint64_t kernel_reads = 0;
  std::uint64_t kernel_writes = 0;
};

// Of one region in one period.
struct LabMisses {
  std::uint32_t by_node[kMaxNodes] = {};
  KindMisses kinds;
};

struct Options {
  std::string out;
  bool count = true;
  LlcGeometry llc;
  std::vector<PhysicalRange> ranges;
};

// Everything the callbacks share. QEMU's interface carries one pointer at most, so one object for the
// process.
struct Counter {
  Counter(qemu_plugin_id_t plugin_id, Options given, std::FILE* file, std::size_t vcpus)
      : id(plugin_id),
        options(std::move(given)),
        out(file),
        llc(options.llc),
        filters(vcpus),
        streams(vcpus),
        message(g_byte_array_new()) {
    for (const PhysicalRange& range : options.ranges) node_count = std::max(node_count, range.node + 1);
  }

  std::size_t node_of(std::uint64_t physical) const {
    for (const PhysicalRange& range : options.ranges)
      if (physical >= range.start && physical < range.end) return range.node;
    return kMaxNodes;
  }

  qemu_plugin_id_t id;
  Options options;
  std::FILE* out;
  LlcModel llc;
  std::vector<LineFilter> filters;
  std::vector<StreamTable> streams;
  GByteArray* message;
  std::size_t node_count = 1;
  bool counting = false;
  std::uint64_t period = 0;
  NodeMisses nodes[kMaxNodes];
  RegionTable<LabMisses> regions;
};

Counter* counter = nullptr;

bool is_user(std::uint64_t virtual_address) { return static_cast<std::int64_t>(virtual_address) >= 0; }

void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, std::uint64_t address, void*) {
  Counter& shared = *counter;
  if (shared.filters[vcpu].hit(address)) return;
  const qemu_plugin_hwaddr* hardware = qemu_plugin_get_hwaddr(info, address);
  if (hardware == nullptr || qemu_plugin_hwaddr_is_io(hardware)) return;
  const std::uint64_t physical = qemu_plugin_hwaddr_phys_addr(hardware);
  if (shared.llc.access(physical)) return;
  const std::size_t node = shared.node_of(physical);
  if (node == kMaxNodes) return;  // firmware or device memory
  NodeMisses& misses = shared.nodes[node];
  const bool store = qemu_plugin_mem_is_store(info);
  if (is_user(address)) {
    ++(store ? misses.user_writes : misses.user_reads);
    LabMisses& region = shared.regions.at(address >> kRegionShift);
    ++region.by_node[node];
    region.kinds.count(shared.streams[vcpu].predicted(address), store);
  } else {
    ++(store ? misses.kernel_writes : misses.kernel_reads);
  }
}

// Writes the period's counts as one line and clears them.
void end_period(Counter& shared) {
  std::fprintf(shared.out, "{\"plugin\":\"period\",\"index\":%" PRIu64 ",\"nodes\":[", shared.period);
  for (std::size_t node = 0; node < shared.node_count; ++node) {
    const NodeMisses& misses = shared.nodes[node];
    std::fprintf(shared.out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", node == 0 ? "" : ",",
                 misses.user_reads, misses.user_writes, misses.kernel_reads, misses.kernel_writes);
    shared.nodes[node] = NodeMisses{};
  }
  std::fputs("],\"regions\":[", shared.out);
  const char* separator = "";
  shared.regions.for_each([&](std::uint64_t region, const LabMisses& misses) {
    std::fprintf(shared.out, "%s[%" PRIu64, separator, region);
    for (std::size_t node = 0; node < shared.node_count; ++node)
      std::fprintf(shared.out, ",%" PRIu32, misses.by_node[node]);
    std::fputc(']', shared.out);
    separator = ",";
  });
  std::fputs("],\"kinds\":[", shared.out);
  separator = "";
  shared.regions.for_each([&](std::uint64_t, const LabMisses& misses) {
    const KindMisses& kinds = misses.kinds;
    std::fprintf(shared.out, "%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", separator,
                 kinds.random_loads, kinds.random_stores, kinds.sequential_loads, kinds.sequential_stores);
    separator = ",";
  });
  std::fputs("]}\n", shared.out);
  std::fflush(shared.out);
  shared.regions.clear();
  ++shared.period;
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block);

// Called once QEMU has thrown all translated code away: from here on blocks are translated with counting
// callbacks. Until the start mark no memory callback exists at all, which makes boot and initialisation
// several times faster.
void on_retranslate(qemu_plugin_id_t id) { qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate); }

void start(Counter& shared) {
  if (!shared.options.count || shared.counting) return;
  shared.counting = true;
  for (LineFilter& filter : shared.filters) filter.clear();
  std::fputs("{\"plugin\":\"start\"}\n", shared.out);
  std::fflush(shared.out);
  qemu_plugin_reset(shared.id, on_retranslate);
}

void stop(Counter& shared) {
  if (!shared.counting) return;
  shared.counting = false;
  std::fputs("{\"plugin\":\"stop\"}\n", shared.out);
  std::fflush(shared.out);
  qemu_plugin_reset(shared.id, on_retranslate);
}

// Copies the guest's message to the output. A message is whole lines, so lines of ours never cut into one.
void pass_message(Counter& shared) {
  std::uint64_t length = 0;
  if (!qemu_plugin_read_memory_vaddr(kMessageAddress, shared.message, sizeof length)) return;
  std::memcpy(&length, shared.message->data, sizeof length);
  if (length == 0 || length > kMessageCapacity - sizeof length) return;
  if (!qemu_plugin_read_memory_vaddr(kMessageAddress + sizeof length, shared.message, length)) return;
  std::fwrite(shared.message->data, 1, length, shared.out);
  std::fflush(shared.out);
}

void on_mark(unsigned int, void* data) {
  Counter& shared = *counter;
  switch (static_cast<Mark>(reinterpret_cast<std::uintptr_t>(data))) {
    case Mark::kStart:
      start(shared);
      break;
    case Mark::kPeriod:
      if (shared.counting) end_period(shared);
      break;
    case Mark::kStop:
      stop(shared);
      break;
    case Mark::kMessage:
      pass_message(shared);
      break;
  }
}

// The argument of a mark instruction; 0 when the instruction is any other.
std::uint16_t mark_of(const qemu_plugin_insn* instruction) {
  if (qemu_plugin_insn_size(instruction) != kMarkLength) return 0;
  unsigned char bytes[kMarkLength];
  if (qemu_plugin_insn_data(instruction, bytes, sizeof bytes) != sizeof bytes) return 0;
  if (std::memcmp(bytes, kMarkOpcode, sizeof kMarkOpcode) != 0) return 0;
  std::uint32_t displacement = 0;
  std::memcpy(&displacement, bytes + sizeof kMarkOpcode, sizeof displacement);
  return (displacement & kMarkMagicMask) == kMarkMagic
             ? static_cast<std::uint16_t>(displacement & ~kMarkMagicMask)
             : 0;
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  const bool user = is_user(qemu_plugin_tb_vaddr(block));
  // No inline counter of executed instructions: with QEMU 10 one at the head of a block makes `rep stos` and
  // `rep movs` run too far.
  for (std::size_t i = 0; i < instructions; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    if (counter->counting)
      qemu_plugin_register_vcpu_mem_cb(instruction, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                       nullptr);
    const std::uint16_t mark = user ? mark_of(instruction) : 0;
    if (mark != 0)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, QEMU_PLUGIN_CB_NO_REGS,
                                             reinterpret_cast<void*>(static_cast<std::uintptr_t>(mark)));
  }
}

void on_exit(qemu_plugin_id_t, void*) {
  std::fputs("{\"plugin\":\"exit\"}\n", counter->out);
  std::fclose(counter->out);
}

// One key=value argument into `options`; false when the key or the value is not understood.
bool parse_argument(std::string_view argument, Options& options) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = argument.substr(0, equals);
  const std::string value(argument.substr(equals + 1));
  char* end = nullptr;
  if (key == "out") return options.out = value, !value.empty();
  if (key == "count") return options.count = value == "on", value == "on" || value == "off";
  if (key == "llc") return options.llc.size_bytes = std::strtoull(value.c_str(), &end, 10), *end == '\0';
  if (key == "ways")
    return options.llc.ways = static_cast<std::uint32_t>(std::strtoul(value.c_str(), &end, 10)), *end == '\0';
  if (key == "line")
    return options.llc.line_bytes = static_cast<std::uint32_t>(std::strtoul(value.c_str(), &end, 10)),
           *end == '\0';
  if (key != "map") return false;
  PhysicalRange range;
  range.start = std::strtoull(value.c_str(), &end, 16);
  if (*end != '-') return false;
  range.end = std::strtoull(end + 1, &end, 16);
  if (*end != '-') return false;
  range.node = std::strtoull(end + 1, &end, 10);
  if (*end != '\0' || range.end <= range.start || range.node >= kMaxNodes) return false;
  options.ranges.push_back(range);
  return true;
}

int install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  Options options;
  for (int i = 0; i < argc; ++i) {
    if (parse_argument(argv[i], options)) continue;
    std::fprintf(stderr, "tier_count: bad argument '%s'\n", argv[i]);
    return 1;
  }
  if (!info->system_emulation || options.out.empty() || !options.llc.valid()) {
    std::fprintf(stderr,
                 "tier_count: needs system emulation, out=FILE and a cache whose sets are a power of two\n");
    return 1;
  }
  std::FILE* out = std::fopen(options.out.c_str(), "w");
  if (out == nullptr) {
    std::fprintf(stderr, "tier_count: cannot write %s\n", options.out.c_str());
    return 1;
  }
  // Lives as long as QEMU; callbacks may still come while the process exits.
  counter = new Counter(id, std::move(options), out, static_cast<std::size_t>(info->system.max_vcpus));
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
  return 0;
}

}  // namespace
}  // namespace tier::lab

extern "C" {
__attribute__((visibility("default"))) int qemu_plugin_version = 4;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info,
                                                               int argc, char** argv) {
  return tier::lab::install(id, info, argc, argv);
}
}
