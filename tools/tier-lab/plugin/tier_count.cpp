// The lab's plugin: exact numbers of last-level misses of a guest, per period, node and 2 MiB region, and the
// time that waiting for them takes.
//
// Arguments: tier_options.h. Output: JSON lines. The guest's own messages pass through unchanged, so that one
// file tells the whole run in order. With charge=on each miss lets the time pass on the guest's clock that
// memory_model.h says, from power-on, so that what runs before the count (a tool that calibrates itself)
// lives in the same time. Counts are taken between the guest's marks. Threads: under -icount all vCPUs run on
// one thread, so nothing here is locked; QEMU must be started with -icount.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tier-lab/guest/marks.h"
#include "tools/tier-lab/plugin/guest_clock.h"
#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-lab/plugin/load_chains.h"
#include "tools/tier-lab/plugin/memory_model.h"
#include "tools/tier-lab/plugin/qemu_plugin_api.h"
#include "tools/tier-lab/plugin/region_table.h"
#include "tools/tier-lab/plugin/stream_table.h"
#include "tools/tier-lab/plugin/tier_options.h"

namespace tier::lab {
namespace {

constexpr std::uint64_t kPsPerNs = 1000;

// Misses of one node in one period, and the waits that they were charged.
struct NodeMisses {
  std::uint64_t user_reads = 0;
  std::uint64_t user_writes = 0;
  std::uint64_t kernel_reads = 0;
  std::uint64_t kernel_writes = 0;
  std::uint64_t user_wait_ps = 0;
  std::uint64_t kernel_wait_ps = 0;
};

// Of one region in one period.
struct LabMisses {
  std::uint32_t by_node[kMaxNodes] = {};
  KindMisses kinds;
  std::uint64_t wait_ps = 0;
};

// What one vCPU has of its own.
struct Vcpu {
  LineFilter filter;
  StreamTable user_streams, kernel_streams;
  LoadChains chains;
  // The line of a load that is being charged. It stays when the load is restarted, whose second access is
  // then no hit: it is the same load.
  std::uint64_t charged_line = kNoLine;
  static constexpr std::uint64_t kNoLine = ~std::uint64_t{0};
};

// Everything the callbacks share. QEMU's interface carries one pointer at most, so one object for the
// process.
struct Counter {
  Counter(qemu_plugin_id_t plugin_id, PluginOptions given, std::FILE* file, std::size_t vcpu_count)
      : id(plugin_id),
        options(std::move(given)),
        out(file),
        llc(options.llc),
        vcpus(vcpu_count),
        memory(options.core, options.tiers, options.latencies),
        message(g_byte_array_new()) {
    for (const PhysicalRange& range : options.ranges) node_count = std::max(node_count, range.node + 1);
  }

  std::size_t node_of(std::uint64_t physical) const {
    for (const PhysicalRange& range : options.ranges)
      if (physical >= range.start && physical < range.end) return range.node;
    return kMaxNodes;
  }

  qemu_plugin_id_t id;
  PluginOptions options;
  std::FILE* out;
  LlcModel llc;
  std::vector<Vcpu> vcpus;
  MemoryModel memory;
  GuestClock clock;
  std::deque<LineFlush> flushes;  // of instructions that were translated; QEMU keeps pointers to them
  GByteArray* message;
  std::size_t node_count = 1;
  bool counting = false;
  std::uint64_t period = 0;
  NodeMisses nodes[kMaxNodes];
  RegionTable<LabMisses> regions;
};

Counter* counter = nullptr;

bool is_user(std::uint64_t virtual_address) { return static_cast<std::int64_t>(virtual_address) >= 0; }

// A last-level miss to enter and to charge.
struct Miss {
  std::uint64_t address = 0;
  std::size_t node = 0;
  bool store = false;
  bool streamed = false;
};

void count_miss(Counter& shared, const Miss& miss, std::uint64_t wait_ps) {
  NodeMisses& misses = shared.nodes[miss.node];
  if (!is_user(miss.address)) {
    ++(miss.store ? misses.kernel_writes : misses.kernel_reads);
    misses.kernel_wait_ps += wait_ps;
    return;
  }
  ++(miss.store ? misses.user_writes : misses.user_reads);
  misses.user_wait_ps += wait_ps;
  LabMisses& region = shared.regions.at(miss.address >> kRegionShift);
  ++region.by_node[miss.node];
  region.kinds.count(miss.streamed, miss.store);
  region.wait_ps += wait_ps;
}

// The wait of a miss, and for loads what later loads may wait for.
std::uint64_t wait_of(Counter& shared, unsigned vcpu, const Miss& miss, const AccessRegisters& registers) {
  LoadChains& chains = shared.vcpus[vcpu].chains;
  const Moment now = {shared.clock.now_ps(), shared.clock.instructions()};
  if (miss.store) return shared.memory.store(vcpu, miss.node, miss.streamed, now);
  const std::uint64_t needs_ps = chains.needs_ps(registers.address);
  const LoadCost cost = shared.memory.load(vcpu, miss.node, miss.streamed, needs_ps, now);
  if (miss.streamed)
    chains.hit(registers);
  else
    chains.missed(registers, cost.arrival_ps);
  return cost.wait_ps;
}

// One access: counted and charged when it misses the last level. May leave the block without returning, so
// nothing here has a destructor.
inline __attribute__((always_inline)) void access(unsigned given, qemu_plugin_meminfo_t info,
                                                  std::uint64_t address, void* data, bool store,
                                                  std::uintptr_t host_pc) {
  Counter& shared = *counter;
  const unsigned index = shared.clock.running(given);
  Vcpu& vcpu = shared.vcpus[index];
  const AccessRegisters registers = AccessRegisters::unpacked(reinterpret_cast<std::uintptr_t>(data));
  if (vcpu.filter.hit(address)) {
    if (store) return;
    if (vcpu.charged_line == address >> 6)
      vcpu.charged_line = Vcpu::kNoLine;
    else
      vcpu.chains.hit(registers);
    return;
  }
  const qemu_plugin_hwaddr* hardware = qemu_plugin_get_hwaddr(info, address);
  if (hardware == nullptr || qemu_plugin_hwaddr_is_io(hardware)) return;
  const std::uint64_t physical = qemu_plugin_hwaddr_phys_addr(hardware);
  if (shared.llc.access(physical)) {
    if (!store) vcpu.chains.hit(registers);
    return;
  }
  Miss miss = {address, shared.node_of(physical), store, false};
  if (miss.node == kMaxNodes) return;  // firmware or device memory
  miss.streamed = (is_user(address) ? vcpu.user_streams : vcpu.kernel_streams).predicted(address);
  const std::uint64_t wait_ps = shared.options.charge ? wait_of(shared, index, miss, registers) : 0;
  if (shared.counting) count_miss(shared, miss, wait_ps);
  if (wait_ps == 0) return;
  vcpu.charged_line = address >> 6;
  shared.clock.wait(wait_ps, store ? 0 : host_pc);
  vcpu.charged_line = Vcpu::kNoLine;
}

void on_load(unsigned int vcpu, qemu_plugin_meminfo_t info, std::uint64_t address, void* data) {
  access(vcpu, info, address, data, false, reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)));
}

void on_store(unsigned int vcpu, qemu_plugin_meminfo_t info, std::uint64_t address, void* data) {
  access(vcpu, info, address, data, true, 0);
}

// The general registers of the running vCPU, in the order of RegisterSet; zeroes where QEMU tells none.
void read_registers(Counter& shared, std::uint64_t (&values)[16]) {
  static constexpr const char* kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                             "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  static qemu_plugin_register* handles[16] = {};
  if (handles[0] == nullptr) {
    const GArray* all = qemu_plugin_get_registers();  // kept: it is asked for once
    const auto* known = reinterpret_cast<const qemu_plugin_reg_descriptor*>(all->data);
    for (unsigned i = 0; i < all->len; ++i)
      for (unsigned r = 0; r < 16; ++r)
        if (std::strcmp(known[i].name, kNames[r]) == 0) handles[r] = known[i].handle;
  }
  for (unsigned r = 0; r < 16; ++r) {
    values[r] = 0;
    g_byte_array_set_size(shared.message, 0);
    if (handles[r] != nullptr && qemu_plugin_read_register(handles[r], shared.message) == sizeof values[r])
      std::memcpy(&values[r], shared.message->data, sizeof values[r]);
  }
}

// QEMU executes a flush without an access to memory.
void on_flush(unsigned int, void* data) {
  Counter& shared = *counter;
  std::uint64_t registers[16];
  read_registers(shared, registers);
  const std::uint64_t address = static_cast<const LineFlush*>(data)->address(registers);
  const std::uint64_t physical = shared.clock.physical_of(address);
  if (physical == GuestClock::kNoAddress) return;
  shared.llc.flush(physical);
  for (Vcpu& vcpu : shared.vcpus) vcpu.filter.forget(address);
}

void on_halt(unsigned int vcpu, void*) {
  counter->clock.running(vcpu);
  counter->clock.sleeps();
}

// Writes the period's counts as one line and clears them.
void end_period(Counter& shared) {
  std::fprintf(shared.out, "{\"plugin\":\"period\",\"index\":%" PRIu64 ",\"nodes\":[", shared.period);
  for (std::size_t node = 0; node < shared.node_count; ++node) {
    const NodeMisses& misses = shared.nodes[node];
    std::fprintf(shared.out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", node == 0 ? "" : ",",
                 misses.user_reads, misses.user_writes, misses.kernel_reads, misses.kernel_writes);
  }
  std::fputs("],\"waits_ns\":[", shared.out);
  for (std::size_t node = 0; node < shared.node_count; ++node) {
    const NodeMisses& misses = shared.nodes[node];
    std::fprintf(shared.out, "%s[%" PRIu64 ",%" PRIu64 "]", node == 0 ? "" : ",",
                 misses.user_wait_ps / kPsPerNs, misses.kernel_wait_ps / kPsPerNs);
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
  std::fputs("],\"region_waits_ns\":[", shared.out);
  separator = "";
  shared.regions.for_each([&](std::uint64_t, const LabMisses& misses) {
    std::fprintf(shared.out, "%s%" PRIu64, separator, misses.wait_ps / kPsPerNs);
    separator = ",";
  });
  std::fputs("]}\n", shared.out);
  std::fflush(shared.out);
  shared.regions.clear();
  ++shared.period;
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block);
void on_exit(qemu_plugin_id_t, void*);

// Called once QEMU has thrown all translated code and callbacks away.
void on_retranslate(qemu_plugin_id_t id) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit, nullptr);
}

// Where nothing is charged, there are memory callbacks between the marks alone, which makes boot and
// initialisation several times faster: all code is translated anew when that changes.
void set_counting(Counter& shared, bool counting) {
  if (shared.counting == counting) return;
  shared.counting = counting;
  std::fputs(counting ? "{\"plugin\":\"start\"}\n" : "{\"plugin\":\"stop\"}\n", shared.out);
  std::fflush(shared.out);
  if (shared.options.charge) return;
  for (Vcpu& vcpu : shared.vcpus) vcpu.filter.clear();
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
      set_counting(shared, shared.options.count);
      break;
    case Mark::kPeriod:
      if (shared.counting) end_period(shared);
      break;
    case Mark::kStop:
      set_counting(shared, false);
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

// What each instruction of the block loads from where; empty when nothing is charged or counted.
std::vector<InstructionFacts> facts_of(const qemu_plugin_tb* block) {
  std::vector<InstructionBytes> code(qemu_plugin_tb_n_insns(block));
  for (std::size_t i = 0; i < code.size(); ++i) {
    const qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    code[i].size = qemu_plugin_insn_data(instruction, code[i].bytes.data(), code[i].bytes.size());
    code[i].address = qemu_plugin_insn_vaddr(instruction);
  }
  return block_facts(code);
}

void watch_memory(qemu_plugin_insn* instruction, const InstructionFacts& facts) {
  Counter& shared = *counter;
  auto* data = reinterpret_cast<void*>(static_cast<std::uintptr_t>(facts.access.packed()));
  // A load that uses the budget up is restarted, for which QEMU must have written the registers back.
  qemu_plugin_register_vcpu_mem_cb(instruction, on_load, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_R, data);
  qemu_plugin_register_vcpu_mem_cb(instruction, on_store, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_W, data);
  if (facts.halts && shared.options.own_clocks)
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_halt, QEMU_PLUGIN_CB_NO_REGS, nullptr);
  if (!facts.flush.is_flush || !shared.clock.is_open()) return;
  shared.flushes.push_back(facts.flush);
  qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_flush, QEMU_PLUGIN_CB_R_REGS,
                                         &shared.flushes.back());
}

void on_translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const std::size_t instructions = qemu_plugin_tb_n_insns(block);
  const bool user = is_user(qemu_plugin_tb_vaddr(block));
  const bool watched = counter->counting || counter->options.charge;
  const std::vector<InstructionFacts> facts =
      watched ? facts_of(block) : std::vector<InstructionFacts>(instructions);
  // No inline counter of executed instructions: with QEMU 10 one at the head of a block makes `rep stos` and
  // `rep movs` run too far.
  for (std::size_t i = 0; i < instructions; ++i) {
    qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(block, i);
    if (watched) watch_memory(instruction, facts[i]);
    const std::uint16_t mark = user ? mark_of(instruction) : 0;
    if (mark != 0)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_mark, QEMU_PLUGIN_CB_NO_REGS,
                                             reinterpret_cast<void*>(static_cast<std::uintptr_t>(mark)));
  }
}

void on_exit(qemu_plugin_id_t, void*) {
  const GuestClock& clock = counter->clock;
  if (counter->options.charge)
    std::fprintf(counter->out,
                 "{\"plugin\":\"clock\",\"waited_ns\":%" PRIu64 ",\"exact_exits\":%" PRIu64
                 ",\"early_exits\":%" PRIu64 ",\"loose_exits\":%" PRIu64 ",\"turns\":%" PRIu64 "}\n",
                 clock.waited_ps() / kPsPerNs, clock.exits().exact, clock.exits().early, clock.exits().loose,
                 clock.turns());
  std::fputs("{\"plugin\":\"exit\"}\n", counter->out);
  std::fclose(counter->out);
}

int refuse(const std::string& problem) {
  std::fprintf(stderr, "tier_count: %s\n", problem.c_str());
  return 1;
}

int install(qemu_plugin_id_t id, const qemu_info_t* info, int argc, char** argv) {
  PluginOptions options;
  for (int i = 0; i < argc; ++i)
    if (!parse_plugin_argument(argv[i], options)) return refuse(std::string("bad argument ") + argv[i]);
  if (!info->system_emulation) return refuse("needs system emulation");
  const auto vcpus = static_cast<std::size_t>(info->system.max_vcpus);
  const std::string problem = plugin_options_problem(options, vcpus);
  if (!problem.empty()) return refuse(problem);
  std::FILE* out = std::fopen(options.out.c_str(), "w");
  if (out == nullptr) return refuse("cannot write " + options.out);
  // Lives as long as QEMU; callbacks may still come while the process exits.
  counter = new Counter(id, std::move(options), out, vcpus);
  const std::string missing = counter->clock.open(kPsPerNs << counter->options.shift);
  if (!missing.empty() && counter->options.charge) return refuse(kClockRefusal + missing);
  if (counter->options.charge && counter->options.own_clocks) counter->clock.give_own_clocks();
  on_retranslate(id);
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
