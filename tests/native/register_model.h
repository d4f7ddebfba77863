// Model-specific registers that behave as a processor's do: CPUs share them, neighbours in number are
// registers of their own, hardware moves bits, and writes may not hold, fail or be the writer's last. Pure;
// register_device.h offers them to programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace tier {

struct RegisterKind {
  std::uint32_t address = 0;
  std::uint32_t sharers = 1;  // CPUs n·sharers to n·sharers + sharers − 1 share one: 2 threads of a core, …
  std::uint64_t moving =
      0;  // bits that hardware owns: they change between two reads, writes do not reach them
  std::uint64_t stuck = 0;  // bits that keep their value whatever is written
  bool faulty = false;      // writes end with EIO
};

struct RegisterCounts {
  std::uint64_t reads = 0, writes = 0;  // writes: that were stored
};

enum class KillMoment { kBeforeStored, kAfterStored };  // always before the writer has an answer

// Thread-safe.
class RegisterModel {
 public:
  RegisterModel(std::uint32_t cpus, const std::vector<RegisterKind>& kinds);

  // What programs see. 0, or an errno value, as Linux's arch/x86/kernel/msr.c has them: EIO: the CPU has no
  // such register, or refuses the value; EINVAL: not eight bytes (msr.c takes multiples too and repeats
  // itself; nobody here needs that); of a CPU that is offline what set_offline() said.
  int presence(std::uint32_t cpu) const;
  int read(std::uint32_t cpu, std::uint32_t address, std::size_t bytes, std::uint64_t* value);
  // `kill_writer` is called where kill_writer_at() wants it.
  int write(std::uint32_t cpu, std::uint32_t address, std::size_t bytes, std::uint64_t value,
            const std::function<void()>& kill_writer);

  // What nobody but the test can. The address must be one of `kinds`, the CPU one of `cpus`.
  std::uint64_t peek(std::uint32_t cpu, std::uint32_t address) const;  // hardware's own bits as 0
  void poke(std::uint32_t cpu, std::uint32_t address, std::uint64_t value);
  void change(const RegisterKind& kind);  // of the same address and sharers
  // ENOENT: its file has gone, as udev has it; ENXIO: the file is there yet, the CPU is not; 0: it is back.
  void set_offline(std::uint32_t cpu, int error);
  // The writer is killed at the n-th write from now, 0 being the next; none: no more.
  void kill_writer_at(std::optional<unsigned> write, KillMoment moment = KillMoment::kBeforeStored);
  RegisterCounts counts(std::uint32_t address) const;

 private:
  struct Register {
    RegisterKind kind;
    std::vector<std::uint64_t> copies;
    RegisterCounts counts;
  };
  std::uint64_t& copy(Register& which, std::uint32_t cpu);
  static std::uint64_t merged(const RegisterKind& kind, std::uint64_t old, std::uint64_t value);

  mutable std::mutex mutex_;
  std::uint32_t cpus_;
  std::map<std::uint32_t, Register> registers_;
  std::map<std::uint32_t, int> offline_;
  std::optional<unsigned> kill_at_;
  KillMoment moment_ = KillMoment::kBeforeStored;
};

}  // namespace tier
