// knob-left: sets a block device's read-ahead through the knob guard, as tierd does, and ends at once without
// putting it back, as a tierd does that is killed. What is left is a journal and a changed setting.
// usage: knob-left JOURNAL MAJOR:MINOR KIB
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "platform/linux/linux_knobs.h"
#include "platform/linux/prefetch_machine.h"
#include "prefetch/guard/knob_guard.h"

int main(int argc, char** argv) {
  unsigned major = 0, minor = 0;
  if (argc != 4 || std::sscanf(argv[2], "%u:%u", &major, &minor) != 2) {
    std::fprintf(stderr, "usage: knob-left JOURNAL MAJOR:MINOR KIB\n");
    return 2;
  }
  const auto failed = [](const tier::Error& error) {
    std::fprintf(stderr, "knob-left: %s\n", error.text().c_str());
    std::_Exit(1);
  };
  const auto boot = tier::read_boot_id();
  if (!boot) failed(boot.error());
  auto journal = tier::KnobJournal::open(argv[1], *boot);
  if (!journal) failed(journal.error());
  tier::LinuxKnobs knobs;
  tier::KnobGuard guard(knobs, *std::move(journal), std::chrono::minutes(10));
  if (const auto begun = guard.begin({}); !begun) failed(begun.error());
  const tier::Knob knob{kTierKnobReadahead, major << 20 | minor, 0};
  if (const auto set = guard.set({knob, ~std::uint64_t{0}}, std::strtoull(argv[3], nullptr, 10)); !set)
    failed(set.error());
  std::_Exit(0);  // no destructor: the guard's would put it back
}
