// Machines that people have, with figures that others measured. Marks: [P] paper or vendor manual named
// beside it, [D] derived from figures beside it, [A] assumed, with the reason.
#include <array>

#include "sim/machine/description.h"

namespace tier::sim {
namespace {

// Loaded latency of DRAM behind an integrated controller. Colloid (SOSP'24) measured the default tier at up
// to five times its unloaded latency [P]; the shape between, flat to half the peak and steep above 80 %, is
// that of Intel Memory Latency Checker's loaded-latency tables for server parts [A: points read off by eye].
std::vector<LoadPoint> dram_curve() {
  return {{0, 1}, {0.5, 1.1}, {0.7, 1.3}, {0.8, 1.6}, {0.9, 2.3}, {1, 5}};
}

// Behind a CXL or other serial link queues form earlier: Sun et al. (MICRO'23) show the rise from about 60 %
// of the device's bandwidth [P]; height as DRAM's [A].
std::vector<LoadPoint> link_curve() {
  return {{0, 1}, {0.4, 1.1}, {0.6, 1.3}, {0.75, 1.8}, {0.9, 3}, {1, 5}};
}

// 500 us for each call that moves 2 MiB, and the copy: ARMS's constant, and what tierd measures on servers
// [P]. Moving small pages costs about 2 us each beside the copy: Linux, move_pages(2) of 4 KiB pages [A].
MigrationDescription linux_migration(double copy_bandwidth) {
  MigrationDescription migration;
  migration.copy_bandwidth = copy_bandwidth;
  return migration;
}

MachineDescription xeon_max() {
  MachineDescription m;
  m.name = "xeon-max";
  m.source = "Intel Xeon Max 9480, one socket, flat mode: 64 GiB HBM2e and eight channels of DDR5-4800";
  // McCalpin, "Bandwidth limits in the Intel Xeon Max processors" (ISC 2023): reads sustain about 590 GB/s
  // from HBM, which is slower than DDR5 for a single dependent load [P, figures rounded].
  m.tiers = {{"HBM2e", 64_GiB, Nanoseconds{130}, 590e9, dram_curve(), 0},
             // 307 GB/s peak of eight channels, about 80 % of it sustained [D].
             {"DDR5", 512_GiB, Nanoseconds{112}, 245e9, dram_curve(), 0}};
  m.cpus = 56;
  m.migration = linux_migration(8e9);
  return m;
}

MachineDescription gh200() {
  MachineDescription m;
  m.name = "gh200";
  m.source = "NVIDIA GH200 as its GPU sees it: HBM3, and Grace's LPDDR5X across NVLink-C2C";
  // Fusco et al., "Understanding Data Movement in Tightly Coupled Heterogeneous Systems" (2024): 3.4 TB/s of
  // the nominal 4 TB/s; LPDDR5X over the 450 GB/s link sustains about 420 GB/s; latencies of dependent loads
  // from the GPU, several hundred nanoseconds apart [P, figures rounded].
  m.tiers = {{"HBM3", 96_GiB, Nanoseconds{350}, 3400e9, dram_curve(), 0},
             {"LPDDR5X", 480_GiB, Nanoseconds{800}, 420e9, link_curve(), 0}};
  m.cpus = 72;
  m.migration = linux_migration(16e9);
  // Grace runs with 64 KiB pages; a PMD maps 512 MiB then, so huge means a region of 64 KiB pages' batch [A].
  m.small_page = 64_KiB;
  return m;
}

MachineDescription ddr5_cxl() {
  MachineDescription m;
  m.name = "ddr5-cxl";
  m.source = "One socket with eight channels of DDR5-4800 and two CXL 1.1 x8 expanders";
  // Sun et al. (MICRO'23), Sapphire Rapids: local DDR5 about 110 ns; their ASIC expander (CXL-A) about 2.2
  // times that, about 24 GB/s for reads on x8 [P, rounded].
  m.tiers = {{"DDR5", 128_GiB, Nanoseconds{110}, 245e9, dram_curve(), 0},
             {"CXL", 512_GiB, Nanoseconds{245}, 48e9, link_curve(), 0}};
  m.cpus = 32;
  m.migration = linux_migration(4e9);
  return m;
}

MachineDescription ddr4_optane() {
  MachineDescription m;
  m.name = "ddr4-optane";
  m.source = "Cascade Lake, one socket, six channels with DDR4-2666 and six Optane DIMMs";
  // Yang et al., "An Empirical Guide to the Behavior and Use of Scalable Persistent Memory" (FAST'20): random
  // reads 101 ns from DRAM, 305 ns from Optane; six Optane DIMMs read 39.4 GB/s and write 13.9 GB/s [P]. One
  // bandwidth stands for both here: reads at three to one writes [D].
  m.tiers = {{"DDR4", 96_GiB, Nanoseconds{101}, 105e9, dram_curve(), 0},
             {"Optane", 768_GiB, Nanoseconds{305}, 30e9, link_curve(), 0}};
  m.cpus = 24;
  m.migration = linux_migration(2e9);
  return m;
}

MachineDescription three_tiers() {
  MachineDescription m = xeon_max();
  const MachineDescription with_cxl = ddr5_cxl();
  m.name = "hbm-ddr5-cxl";
  m.source = "xeon-max with the expanders of ddr5-cxl behind it";
  m.tiers.push_back(with_cxl.tiers.back());
  m.tiers[1].capacity = 256_GiB;
  m.migration = linux_migration(4e9);
  return m;
}

}  // namespace

std::span<const MachineDescription> machine_presets() {
  static const std::array<MachineDescription, 5> presets = {xeon_max(), gh200(), ddr5_cxl(), ddr4_optane(),
                                                            three_tiers()};
  return presets;
}

}  // namespace tier::sim
