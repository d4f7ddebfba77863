// Lets time pass on the guest's clock while a vCPU waits for memory.
//
// Under -icount QEMU's clock is the number of executed instructions. A vCPU that runs has a budget of them,
// the time until the next timer, and executed = budget - (low + extra): `low` is the 16 bits that translated
// code counts down, `extra` what does not fit into them. Taking N from what is left makes the clock N units
// later and the timer N units nearer, both at once. What a wait needs beyond the budget is added to the
// budget, so that the clock passes the timer's time before the timer fires.
//
// vCPUs take turns on one thread and share the clock, so each of two busy ones stands still half of the time
// by it. With own clocks a vCPU that comes back from another's turn goes on at the time at which its own last
// turn ended, unless it has slept: the turns of all then cover the same time, as if they ran side by side.
// The clock goes back for that between turns, never within one vCPU; turns are kept to 20 us, so that vCPUs
// are no further apart.
//
// A block's instructions are counted when it begins. So a wait that uses the budget up must leave the block
// right after the load that waits, or a timer interrupt would find the block's end instead of the load.
//
// QEMU offers plugins nothing for this (qemu_plugin_update_ns does not move the clock of -icount). But the
// binaries of Debian and of most distributions export all their functions, and the places of the three fields
// are found when the plugin is loaded by calling icount_update() on memory of our own. QEMU 10.0 is what this
// was written against (accel/tcg/icount-common.c, accel/tcg/translate-all.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tier::lab {

class GuestClock {
 public:
  struct Exits {
    std::uint64_t exact = 0;  // left right after the load that used the budget up
    std::uint64_t early = 0;  // went back to the load, which had time left after all
    std::uint64_t loose = 0;  // in the middle of a store's or a helper's block: the timer waits for its end
  };

  // Finds QEMU's functions and fields. Returns what is missing, in words for the user; empty when all is
  // there. `unit_ps`: picoseconds of one instruction, 1000 << shift.
  std::string open(std::uint64_t unit_ps);
  // Lets vCPUs not pay for each other's time. After open() alone.
  void give_own_clocks() { own_clocks_ = true; }
  // The running vCPU is about to sleep until an interrupt: it wakes at the time of whoever wakes it.
  void sleeps() { vcpus_[last_].sleeps = true; }
  bool is_open() const { return timers_icount_ != nullptr; }

  // The vCPU that runs, from 0. QEMU 10 gives a callback the index of the vCPU that translated the block,
  // which is another one whenever vCPUs take turns on one thread. `given` where QEMU's is not known.
  unsigned running(unsigned given);

  // The guest's clock, without the time in which all vCPUs slept, in picoseconds; exact to one block.
  std::uint64_t now_ps() const;
  // Instructions executed until now. With own clocks those of the running vCPU, and the time that it has
  // slept.
  std::uint64_t instructions() const;

  // Lets `ps` pass. What does not fill a unit is carried over to the next wait. `host_pc`: return address
  // into the block when the access may be restarted (a load), else 0. May not return: nothing with a
  // destructor may be alive in its callers.
  void wait(std::uint64_t ps, std::uintptr_t host_pc);

  // The physical address of a virtual one of the running vCPU; kNoAddress where nothing is mapped.
  static constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};
  std::uint64_t physical_of(std::uint64_t virtual_address) const;

  const Exits& exits() const { return exits_; }
  std::uint64_t waited_ps() const;
  std::uint64_t turns() const { return turns_; }

 private:
  bool find_fields();
  void spend(void* cpu, std::uint64_t units, std::uintptr_t host_pc);
  void* current() const;
  void take_turn(unsigned from, unsigned to);

  std::uint64_t unit_ps_ = 0;
  std::uint64_t carried_ps_ = 0;
  std::uint64_t turns_ = 0;
  bool own_clocks_ = false;
  Exits exits_;
  std::int64_t* timers_icount_ = nullptr;         // what all vCPUs executed until they were last asked
  std::size_t budget_ = 0, extra_ = 0, low_ = 0;  // places in a vCPU, bytes
  static constexpr unsigned kMostVcpus = 8;
  struct Vcpu {
    void* cpu = nullptr;
    std::uint64_t waited_units = 0;
    std::int64_t ended_units = 0;  // the clock when its last turn ended
    bool sleeps = false;
  };
  Vcpu vcpus_[kMostVcpus];
  unsigned last_ = 0;
};

}  // namespace tier::lab
