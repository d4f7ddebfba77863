#include "tools/tier-lab/plugin/guest_clock.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace tier::lab {
namespace {

// QEMU's own functions. A vCPU is an opaque pointer here.
struct Qemu {
  void (*icount_update)(void* cpu) = nullptr;
  bool (*cpu_restore_state)(void* cpu, std::uintptr_t host_pc) = nullptr;
  // Goes back to the instruction at host_pc and runs it alone, without taking interrupts before it.
  void (*cpu_io_recompile)(void* cpu, std::uintptr_t host_pc) = nullptr;
  void (*cpu_loop_exit_noexc)(void* cpu) = nullptr;
  void* (*qemu_get_cpu)(int index) = nullptr;
  std::uint64_t (*cpu_get_phys_page_debug)(void* cpu, std::uint64_t virtual_address) = nullptr;
  char* timers_state = nullptr;
};
Qemu qemu;
// Of the one thread that runs all vCPUs; the variable is per thread, so it is looked up there.
void** running_cpu = nullptr;

template <typename Pointer>
void find(const char* name, Pointer& into, std::string& missing) {
  void* symbol = dlsym(RTLD_DEFAULT, name);
  std::memcpy(&into, &symbol, sizeof symbol);
  if (symbol == nullptr) missing += std::string(missing.empty() ? "" : ", ") + name;
}

constexpr std::size_t kVcpuBytes = 1 << 14;   // the fields lie within these
constexpr std::size_t kTimersBytes = 1 << 9;  // no more than what follows timers_state in QEMU's data
constexpr std::int64_t kTrial = 0x5a5a;
constexpr std::uint64_t kTurnPs = 20'000'000;    // the longest turn while vCPUs have clocks of their own
constexpr std::uint64_t kBehindPs = 40'000'000;  // no vCPU goes further back than this

std::int64_t& at64(std::vector<char>& memory, std::size_t place) {
  return *reinterpret_cast<std::int64_t*>(memory.data() + place);
}

// The instructions of a memory of zeroes whose budget is `budget`: icount_update leaves in it what is left.
std::int64_t left_after(std::vector<char>& memory, std::size_t budget) {
  qemu.icount_update(memory.data());
  const std::int64_t left = at64(memory, budget);
  std::fill(memory.begin(), memory.end(), 0);
  return left;
}

// The place that answers a trial value as the budget does: all of it counts as executed and nothing is left.
std::size_t find_budget(std::vector<char>& memory) {
  for (std::size_t place = 0; place < kVcpuBytes; place += 8) {
    at64(memory, place) = kTrial;
    if (left_after(memory, place) == 0) return place;
  }
  return 0;
}

// The only place whose value is what remains of the budget; 0 when there is none or more than one.
template <typename Value>
std::size_t find_rest(std::vector<char>& memory, std::size_t budget, std::size_t besides, Value trial) {
  std::size_t found = 0, times = 0;
  for (std::size_t place = 0; place < kVcpuBytes; place += sizeof trial) {
    if (place / 8 == budget / 8 || place / 8 == besides / 8) continue;
    std::memcpy(memory.data() + place, &trial, sizeof trial);
    if (left_after(memory, budget) != static_cast<std::int64_t>(trial)) continue;
    found = place;
    ++times;
  }
  return times == 1 ? found : 0;
}

template <typename T>
T& field(void* cpu, std::size_t place) {
  return *reinterpret_cast<T*>(static_cast<char*>(cpu) + place);
}

void set_left(void* cpu, std::size_t low, std::size_t extra, std::int64_t left) {
  const std::int64_t counted_down = std::min<std::int64_t>(left, 0xffff);
  field<std::uint16_t>(cpu, low) = static_cast<std::uint16_t>(counted_down);
  field<std::int64_t>(cpu, extra) = left - counted_down;
}

}  // namespace

std::string GuestClock::open(std::uint64_t unit_ps) {
  std::string missing;
  void** current = nullptr;
  find("icount_update", qemu.icount_update, missing);
  find("cpu_restore_state", qemu.cpu_restore_state, missing);
  find("cpu_io_recompile", qemu.cpu_io_recompile, missing);
  find("cpu_loop_exit_noexc", qemu.cpu_loop_exit_noexc, missing);
  find("qemu_get_cpu", qemu.qemu_get_cpu, missing);
  find("cpu_get_phys_page_debug", qemu.cpu_get_phys_page_debug, missing);
  find("timers_state", qemu.timers_state, missing);
  find("current_cpu", current, missing);
  if (!missing.empty()) return "this QEMU does not export " + missing;
  unit_ps_ = unit_ps;
  if (!find_fields()) return "this QEMU keeps the instruction budget of a vCPU in a way that is not known";
  return {};
}

bool GuestClock::find_fields() {
  std::vector<char> memory(kVcpuBytes, 0);
  const std::vector<char> untouched(qemu.timers_state, qemu.timers_state + kTimersBytes);
  budget_ = find_budget(memory);
  if (budget_ == 0) return false;
  // The total of the clock is what one more trial moves by the trial value.
  const std::vector<char> before(qemu.timers_state, qemu.timers_state + kTimersBytes);
  at64(memory, budget_) = kTrial;
  left_after(memory, budget_);
  std::size_t total = kTimersBytes;
  for (std::size_t place = 0; place + 8 <= kTimersBytes; place += 8) {
    std::int64_t was = 0, is = 0;
    std::memcpy(&was, before.data() + place, sizeof was);
    std::memcpy(&is, qemu.timers_state + place, sizeof is);
    if (is - was == kTrial) total = place;
  }
  if (total == kTimersBytes) return false;
  auto* icount = reinterpret_cast<std::int64_t*>(qemu.timers_state + total);
  extra_ = find_rest(memory, budget_, budget_, kTrial << 20);  // too large for the 16 bits of low
  low_ = extra_ == 0 ? 0 : find_rest(memory, budget_, extra_, static_cast<std::uint16_t>(kTrial));
  std::memcpy(icount, untouched.data() + total, sizeof *icount);  // the trials have not happened
  if (low_ == 0) return false;
  timers_icount_ = icount;
  return true;
}

void* GuestClock::current() const {
  if (running_cpu == nullptr) {
    void* symbol = dlsym(RTLD_DEFAULT, "current_cpu");
    running_cpu = static_cast<void**>(symbol);
  }
  return running_cpu == nullptr ? nullptr : *running_cpu;
}

unsigned GuestClock::running(unsigned given) {
  if (qemu.qemu_get_cpu == nullptr) return given;
  void* cpu = current();
  if (cpu == vcpus_[last_].cpu && cpu != nullptr) return last_;
  for (unsigned vcpu = 0; vcpu < kMostVcpus; ++vcpu) {
    if (vcpus_[vcpu].cpu == nullptr) vcpus_[vcpu].cpu = qemu.qemu_get_cpu(static_cast<int>(vcpu));
    if (vcpus_[vcpu].cpu != cpu) continue;
    if (own_clocks_) take_turn(last_, vcpu);
    return last_ = vcpu;
  }
  return given;
}

void GuestClock::take_turn(unsigned from, unsigned to) {
  ++turns_;
  const std::int64_t now = *timers_icount_;  // what `from` has come to
  vcpus_[from].ended_units = now;
  Vcpu& vcpu = vcpus_[to];
  const std::int64_t earliest = vcpu.sleeps ? now : now - static_cast<std::int64_t>(kBehindPs / unit_ps_);
  vcpu.sleeps = false;
  *timers_icount_ = std::max(vcpu.ended_units, earliest);
  const std::int64_t left = field<std::uint16_t>(vcpu.cpu, low_) + field<std::int64_t>(vcpu.cpu, extra_);
  const auto most = static_cast<std::int64_t>(kTurnPs / unit_ps_);
  if (left <= most) return;
  field<std::int64_t>(vcpu.cpu, budget_) -= left - most;
  set_left(vcpu.cpu, low_, extra_, most);
}

std::uint64_t GuestClock::waited_ps() const {
  std::uint64_t units = 0;
  for (const Vcpu& vcpu : vcpus_) units += vcpu.waited_units;
  return units * unit_ps_ + carried_ps_;
}

std::uint64_t GuestClock::physical_of(std::uint64_t virtual_address) const {
  constexpr std::uint64_t kInPage = 4095;
  const std::uint64_t page = qemu.cpu_get_phys_page_debug(current(), virtual_address & ~kInPage);
  return page == kNoAddress ? kNoAddress : (page & ~kInPage) | (virtual_address & kInPage);
}

std::uint64_t GuestClock::now_ps() const {
  void* cpu = current();
  const std::int64_t executed = field<std::int64_t>(cpu, budget_) -
                                (field<std::uint16_t>(cpu, low_) + field<std::int64_t>(cpu, extra_));
  return static_cast<std::uint64_t>(*timers_icount_ + executed) * unit_ps_ + carried_ps_;
}

std::uint64_t GuestClock::instructions() const {
  std::uint64_t waited = vcpus_[last_].waited_units;
  if (!own_clocks_) {
    waited = 0;
    for (const Vcpu& vcpu : vcpus_) waited += vcpu.waited_units;
  }
  return now_ps() / unit_ps_ - waited;
}

void GuestClock::wait(std::uint64_t ps, std::uintptr_t host_pc) {
  carried_ps_ += ps;
  if (carried_ps_ < unit_ps_) return;
  const std::uint64_t units = carried_ps_ / unit_ps_;
  carried_ps_ %= unit_ps_;
  vcpus_[last_].waited_units += units;
  spend(current(), units, host_pc);
}

void GuestClock::spend(void* cpu, std::uint64_t units, std::uintptr_t host_pc) {
  const auto cost = static_cast<std::int64_t>(units);
  auto& low = field<std::uint16_t>(cpu, low_);
  auto& extra = field<std::int64_t>(cpu, extra_);
  auto& budget = field<std::int64_t>(cpu, budget_);
  const std::int64_t left = low + extra;
  if (cost <= left) {
    set_left(cpu, low_, extra_, left - cost);  // low may become 0: the next block then asks for more
    return;
  }
  const std::uint16_t low_before = low;
  if (host_pc == 0 || !qemu.cpu_restore_state(cpu, host_pc)) {
    budget += cost - left;
    set_left(cpu, low_, extra_, 0);
    ++exits_.loose;
    return;
  }
  // QEMU has gone back: this instruction and those after it are counted as not executed again.
  const auto given_back = static_cast<std::uint16_t>(low - low_before);
  const std::int64_t after = low + extra - 1;  // left once this instruction has run
  if (cost < after) {
    set_left(cpu, low_, extra_, after - cost + 1);
    ++exits_.early;
    qemu.cpu_loop_exit_noexc(cpu);
  }
  budget += cost - after;
  // cpu_io_recompile goes back once more and gives the same back once more; one instruction is to be left.
  low = static_cast<std::uint16_t>(1 - given_back);
  extra = 0;
  ++exits_.exact;
  qemu.cpu_io_recompile(cpu, host_pc);
}

}  // namespace tier::lab
