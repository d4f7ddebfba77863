// What the reader and the probe find in a guest: sixteen nodes, machines whose firmware tells distances
// alone, and a fast node that is full.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "platform/linux/file.h"
#include "platform/linux/latency_probe.h"
#include "platform/linux/pages.h"
#include "platform/linux/topology_reader.h"
#include "tierd/daemon/latency_tracker.h"

namespace tier {
namespace {

class NoProbe final : public LatencyProbe {
 public:
  Result<Nanoseconds> measure(NodeId) override { return fail(ErrorKind::kFailed, "not asked"); }
  Nanoseconds cost() const override { return {}; }
};

std::string kernel_log() {
  const FileDescriptor fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK));
  std::string log;
  std::array<char, 8192> record{};
  for (ssize_t n = 0; (n = ::read(fd.get(), record.data(), record.size())) > 0;)
    log.append(record.data(), static_cast<std::size_t>(n));
  return log;
}

// Takes all that a program gets of the node: until page after page comes from another one.
class Filler {
 public:
  explicit Filler(const NumaNode& node) : size_(node.total.value) {
    start_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::madvise(start_, size_, MADV_NOHUGEPAGE);
    const unsigned long mask = 1UL << node.id.value;
    ::mbind(start_, size_, MPOL_PREFERRED, &mask, 8 * sizeof(mask), 0);
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    int elsewhere = 0;
    for (std::size_t offset = 0; offset < size_ && elsewhere < 256; offset += page) {
      char* const at = static_cast<char*>(start_) + offset;
      *at = 1;
      const std::array<Address, 1> address = {reinterpret_cast<Address>(at)};
      const PageCall where = LinuxPages().locate({static_cast<int>(::getpid())}, address);
      elsewhere = where.status[0] == node.id.value ? 0 : elsewhere + 1;
    }
    full_ = elsewhere >= 256;
  }
  ~Filler() { ::munmap(start_, size_); }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  bool full() const { return full_; }

 private:
  std::size_t size_;
  void* start_ = nullptr;
  bool full_ = false;
};

TEST(FullNode, IsMeasuredWithoutAWordFromTheKernel) {
  const auto nodes = LinuxTopologyReader().nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  const Filler filler(nodes->front());
  ASSERT_TRUE(filler.full());
  LinuxLatencyProbe probe;
  LatencyTracker tracker(probe, {});
  ASSERT_TRUE(tracker.calibrate(*nodes));
  for (int i = 0; i < 70; ++i) tracker.tick();
  for (const NumaNode& node : *nodes) {
    if (node.total.value == 0) continue;
    const auto reading = probe.measure(node.id);
    EXPECT_TRUE(reading) << reading.error().text();
    if (reading) std::printf("node %d: %ld ns\n", node.id.value, static_cast<long>(reading->count()));
  }
  const std::string log = kernel_log();
  EXPECT_FALSE(log.empty());
  EXPECT_EQ(log.find("page allocation failure"), std::string::npos)
      << log.substr(log.find("page allocation"), 800);
}

TEST(SixteenNodes, AreRankedByFirmwareAndWithoutItNothingMoves) {
  const auto nodes = LinuxTopologyReader().nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  ASSERT_EQ(nodes->size(), 16u);
  NoProbe none;
  LatencySettings settings;
  settings.mode = LatencyMode::kFirmware;
  LatencyTracker tracker(none, settings);
  const auto topology = tracker.calibrate(*nodes);
  ASSERT_TRUE(topology) << topology.error().text();
  if (std::getenv("TIER_NO_HMAT") != nullptr) {
    EXPECT_FALSE(topology->tiered());
    EXPECT_EQ(topology->undecided, 8) << tracker.story();
    return;
  }
  ASSERT_EQ(topology->tiers.size(), 2u) << tracker.story();
  for (int id = 0; id < 16; ++id) EXPECT_EQ(topology->tier_of(NodeId{id}), id < 8 ? 1 : 0) << id;
  for (const NumaNode& node : topology->nodes) {
    if (node.has_cpus) continue;
    EXPECT_EQ(node.initiators, (std::vector<NodeId>{{node.id.value - 8}})) << node.id.value;
  }
}

TEST(SixteenNodes, EveryPathIsMeasured) {
  const auto nodes = LinuxTopologyReader().nodes();
  ASSERT_TRUE(nodes);
  LinuxLatencyProbe probe;
  LatencyTracker tracker(probe, {});
  const auto topology = tracker.calibrate(*nodes);
  ASSERT_TRUE(topology) << topology.error().text();
  ASSERT_EQ(topology->paths.size(), 8u * 16);
  for (const MemoryPath& path : topology->paths)
    EXPECT_EQ(path.source, FactSource::kProbe) << path.cpus.value << " to " << path.memory.value;
  std::printf("%s\n", tracker.story().c_str());
}

// A list of numbers from the environment.
std::vector<int> numbers(const char* variable) {
  const char* const text = std::getenv(variable);
  std::istringstream in(text != nullptr ? text : "");
  return {std::istream_iterator<int>(in), {}};
}

// Distances order nothing: they tell how far memory is from a CPU, not how fast it is.
TEST(DistancesAlone, OrderNothingAndBandwidthsDo) {
  const auto nodes = LinuxTopologyReader().nodes();
  ASSERT_TRUE(nodes) << nodes.error().text();
  const std::vector<int> tiers = numbers("TIER_TIERS"), bandwidths = numbers("TIER_BANDWIDTHS");  // GB/s
  ASSERT_EQ(nodes->size(), tiers.size());
  ASSERT_EQ(nodes->size(), bandwidths.size());
  NoProbe none;
  LatencyTracker undecided(none, {});
  const auto flat = undecided.calibrate(*nodes);
  ASSERT_TRUE(flat) << flat.error().text();
  EXPECT_FALSE(flat->tiered()) << undecided.story();
  EXPECT_EQ(flat->undecided,
            std::count_if(nodes->begin(), nodes->end(), [](const NumaNode& node) { return !node.has_cpus; }))
      << undecided.story();
  LatencySettings told;
  for (std::size_t i = 0; i < bandwidths.size(); ++i)
    told.bandwidths[static_cast<int>(i)] = Bytes{static_cast<std::uint64_t>(bandwidths[i]) * 1'000'000'000};
  LatencyTracker tracker(none, told);
  const auto topology = tracker.calibrate(*nodes);
  ASSERT_TRUE(topology) << topology.error().text();
  for (std::size_t i = 0; i < tiers.size(); ++i)
    EXPECT_EQ(topology->tier_of(NodeId{static_cast<int>(i)}), tiers[i]) << tracker.story();
}

}  // namespace
}  // namespace tier
