#include "tools/tier-lab/presets.h"

namespace tier::lab {
namespace {

// MB/s of publications (10^6 bytes) in MiB/s.
constexpr std::uint64_t mib(std::uint64_t megabytes) { return megabytes * 1'000'000 / (1 << 20); }

constexpr CoreSpec kGoldenCove = {16, 48, 512, 112};
// Neoverse V2: reorder buffer of 320, up to 92 L2 transactions (Arm Neoverse V2 Technical Reference Manual;
// A. Bruce, Hot Chips 35, 2023). Its L1 fill buffers are not published: 16 as on Golden Cove.
constexpr CoreSpec kNeoverseV2 = {16, 92, 320, 72};

}  // namespace

// Sources. "Recalled" figures are cited from memory of the publication and were not read again for this.
//
// ddr5-cxl: Tang et al., Exploring Performance and Cost Optimization with ASIC-Based CXL Memory, EuroSys'24,
// 3.2 (recalled): Sapphire Rapids in SNC-4, two channels of DDR5-4800: 97 ns unloaded, 67 GB/s of reads, 54.6
// GB/s of writes; CXL expander on PCIe 5 x16: 250 ns, 56.7 GB/s at best. Latency begins to rise at 75 to 83 %
// of the bandwidth. Behind CXL a bank is joined by the controller's own queue: 60 ns.
//
// xeon-max-flat: J. D. McCalpin, Bandwidth Limits in the Intel Xeon Max (Sapphire Rapids with HBM)
// Processors, IXPUG workshop at ISC'23: reads of HBM reach 43 % of 1,638.4 GB/s, 2.3 times what those of DDR5
// reach; HBM answers later than DDR5 (107 against 130 ns, recalled). Node 0 is DDR5, node 1 HBM, as Linux
// numbers them. The fast tier is HBM, for its bandwidth.
//
// gh200: Schieffer et al., Harnessing Integrated CPU-GPU System Memory for HPC, ICPP'24: 486 GB/s from the
// CPU's LPDDR5X, 297 to 375 GB/s through NVLink-C2C. Latencies: Chips and Cheese, Grace Hopper, Nvidia's
// Halfway APU, July 2024 (recalled): above 200 ns to LPDDR5X, about 800 ns to HBM3. No loaded curve is known
// to us, so the queue is that of the other presets.
const std::vector<MemoryPreset>& memory_presets() {
  static const std::vector<MemoryPreset> presets = {
      {"ddr5-cxl",
       {{97, 97, mib(67'000), mib(54'600), 40}, {250, 250, mib(56'700), mib(56'700), 60}},
       kGoldenCove},
      {"xeon-max-flat",
       {{107, 107, mib(306'000), mib(250'000), 40}, {130, 130, mib(704'000), mib(600'000), 40}},
       kGoldenCove,
       1},
      {"gh200",
       {{210, 210, mib(486'000), mib(486'000), 40}, {800, 800, mib(297'000), mib(375'000), 40}},
       kNeoverseV2},
  };
  return presets;
}

const MemoryPreset* find_preset(const std::string& name) {
  for (const MemoryPreset& preset : memory_presets())
    if (preset.name == name) return &preset;
  return nullptr;
}

}  // namespace tier::lab
