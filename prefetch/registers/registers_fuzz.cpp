// Feeds the reader of the register table: what it accepts says completely which bits may be written where.
#include <bit>

#include "prefetch/registers/register_table.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

void check(const tier::PrefetchRegister& each) {
  require(each.address != 0, "a register has an address");
  require(!each.switches.empty(), "a register has a switch");
  for (const tier::PrefetcherSwitch& one : each.switches)
    require(std::has_single_bit(one.bit), "a switch is one bit");
  require(static_cast<std::size_t>(std::popcount(each.mask())) == each.switches.size(),
          "no bit is named twice");
}

void check(const tier::CpuGeneration& each) {
  require(!each.name.empty() && !each.source.empty(), "a generation has a name and a source");
  require(each.vendor == "GenuineIntel" || each.vendor == "AuthenticAMD", "a vendor is known", each.vendor);
  require(each.family >= 1 && each.family <= 1024, "a family is within its bounds");
  for (const int model : each.models)
    require(model >= 0 && model <= 1'000'000, "a model is within its bounds");
  if (each.cpuid) require(each.cpuid->word <= 3 && each.cpuid->bit <= 31, "a CPUID bit is one of 128");
  require(!each.registers.empty(), "a generation has a register");
  for (const tier::PrefetchRegister& one : each.registers) check(one);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table = tier::read_register_table(tier::fuzz::text_of(data, size), "t.toml");
  if (!table) {
    tier::fuzz::require_told(table.error());
    return 0;
  }
  for (const tier::CpuGeneration& each : *table) check(each);
  for (const unsigned model : {0U, 0x55U, 0x97U})
    for (const char* vendor : {"GenuineIntel", "AuthenticAMD"}) {
      const tier::CpuIdentity cpu{vendor, 6, model, tier::CoreKind::kOnly, {}};
      const tier::CpuGeneration* const found = tier::find_generation(*table, cpu);
      if (found != nullptr)
        require(found->vendor == cpu.vendor && found->family == 6, "what is found fits the CPU");
    }
  return 0;
}
