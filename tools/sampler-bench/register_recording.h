// What stall sampling shows of one program, with the registers that it drops: decoded addresses, and all
// other values of general registers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/sampler-bench/bench_support.h"

namespace tier {

inline constexpr std::size_t kGeneralRegisters = 16;

struct RegisterSample {
  Nanoseconds time{};   // since the recording began
  Address address = 0;  // that the program waited for; 0: it computed, or nothing was decoded
  Address ip = 0;
  std::array<Address, kGeneralRegisters> general{};
  std::uint16_t in_data = 0;       // registers that point into data mappings, the stack apart, one bit each
  std::uint8_t into_stack = 0;     // registers that point into the thread's stack, sp apart
  std::uint16_t own = 0;           // registers that the decoded address is computed from
  std::uint16_t dereferenced = 0;  // registers that are base or index of an access within 64 bytes of ip

  // The value of the register where it points into data, else 0.
  Address data(std::size_t number) const { return (in_data >> number & 1U) != 0 ? general[number] : 0; }
};

struct RegisterRecording {
  std::string name;
  double length_s = 0;
  std::vector<RegisterSample> samples;  // in order of time
  std::vector<Address> resident;        // starts of 2 MiB regions that had a page at some time, sorted
  std::vector<Mapping> mappings;        // as last seen
  std::uint64_t unmatched = 0;          // delivered samples whose registers were not seen: they brought code
};

// Watches the program for so long with a source that has been started for it.
Result<RegisterRecording> record_registers(AccessSource& source, const Program& program, Nanoseconds time);

// The mapping that holds the address, null where none does. They are sorted.
const Mapping* mapping_of(const std::vector<Mapping>& mappings, Address address);

// CPU time of looking fifteen registers up, ns a sample: by bisection, and with the last hit of each register
// looked at first.
struct LookupPrice {
  double bisected_ns = 0, cached_ns = 0;
};
LookupPrice lookup_price(const RegisterRecording& recording);

// As text, one sample a line, for other tools to look at.
void write_recording(const RegisterRecording& recording, const std::string& path);

}  // namespace tier
