// The machine under contract: the fake one or the real one, and programs that run on it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "platform/api/machine.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"

namespace tier {

struct ProgramOptions {
  Bytes size = 4_MiB;
  Bytes touched = 4_MiB;  // from the start; the rest is mapped and never used
  bool huge = false;      // asks for transparent huge pages
  bool mlocked = false;
  bool own_policy = false;  // binds its memory to the first node itself
};

// A running program with one anonymous mapping.
class Program {
 public:
  virtual ~Program() = default;  // ends it
  virtual Pid pid() const = 0;
  virtual AddressRange range() const = 0;  // aligned to 2 MiB
  virtual void grow() = 0;                 // maps and touches another 32 MiB
  virtual void replace() = 0;              // executes another program
  virtual void end() = 0;                  // exits and is reaped
  virtual void pin_some() = 0;             // pins each 64th of its first 1024 pages, for as long as it lives
  // Waits until NUMA balancing has marked all that it touched. False: that cannot be had here, or cannot be
  // told, since this kernel hides no marked page.
  virtual bool get_marked() = 0;
};

class Rig {
 public:
  virtual ~Rig() = default;
  virtual ProcessTable& processes() = 0;
  virtual PageLocator& locator() = 0;
  virtual PageMover& mover() = 0;
  virtual MarkedPages& marked() = 0;
  virtual TopologyReader& topology() = 0;
  virtual LatencyProbe& latency() = 0;
  virtual PressureReader& pressure() = 0;
  virtual MetricReader& metrics() = 0;
  virtual SelfMeter& self() = 0;
  virtual RivalFinder& rivals() = 0;
  virtual std::unique_ptr<Program> start(ProgramOptions options = {}) = 0;
  // Two programs that share one mapping: the first has touched `touched` from the start, the second one as
  // much before the end.
  virtual std::pair<std::unique_ptr<Program>, std::unique_ptr<Program>> start_pair(
      ProgramOptions options) = 0;
};

std::unique_ptr<Rig> fake_rig();
std::unique_ptr<Rig> linux_rig();      // mappings from text files
std::unique_ptr<Rig> linux_vma_rig();  // mappings from the kernel's list; null where that cannot be

}  // namespace tier
