#include "sim/workloads/generators.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>

#include "sim/trace/trace.h"
#include "sim/workloads/workload_reading.h"

namespace tier::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Small and short, and still long enough for everything that changes to change.
std::string small(const GeneratorEntry& entry, int seed = 1) {
  return std::string(entry.name) +
         ":footprint=512MiB,length=120s,interval=500ms,seed=" + std::to_string(seed);
}

class EveryGenerator : public ::testing::TestWithParam<std::size_t> {
 protected:
  const GeneratorEntry& entry() const { return generator_table()[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(Table, EveryGenerator, ::testing::Range<std::size_t>(0, generator_table().size()),
                         [](const auto& each) {
                           std::string name = generator_table()[each.param].name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

bool same(const ReadWorkload& a, const ReadWorkload& b) {
  if (a.intervals.size() != b.intervals.size()) return false;
  for (std::size_t i = 0; i < a.intervals.size(); ++i) {
    const Interval &x = a.intervals[i], &y = b.intervals[i];
    if (x.duration != y.duration || x.compute != y.compute || x.events != y.events ||
        !(*x.demand == *y.demand))
      return false;
  }
  return true;
}

TEST_P(EveryGenerator, GivesTheSameBytesForTheSameSeedAndEachTime) {
  const auto factory = parse_workload(small(entry(), 7));
  ASSERT_TRUE(factory);
  const ReadWorkload first = read(*factory);
  EXPECT_TRUE(same(first, read(*factory)));
  EXPECT_TRUE(same(first, read(small(entry(), 7))));
}

TEST_P(EveryGenerator, IsAnotherForAnotherSeedWhereAnythingIsDrawn) {
  // These have nothing that chance decides.
  const std::set<std::string> kFixed = {"gups", "stencil", "scan", "chase", "zigzag", "stairs"};
  EXPECT_EQ(same(read(small(entry(), 7)), read(small(entry(), 8))), kFixed.contains(entry().name));
}

TEST_P(EveryGenerator, AsksInOrderOnlyOfAllocatedRegions) {
  const ReadWorkload workload = read(small(entry()));
  ASSERT_EQ(workload.intervals.size(), 240U);
  ASSERT_EQ(workload.info.regions, 256U);
  std::vector<bool> allocated(workload.info.regions);
  std::shared_ptr<const Demand> before;
  for (const Interval& interval : workload.intervals) {
    for (const RegionEvent& event : interval.events) {
      ASSERT_LE(event.first + event.count, workload.info.regions);
      EXPECT_EQ(event.address % workload.info.region_size.value, 0U);
      EXPECT_EQ(event.pages, PageKind::kHuge);
      for (std::uint32_t r = event.first; r < event.first + event.count; ++r) {
        EXPECT_EQ(allocated[r], event.change == RegionChange::kRelease) << "region " << r;
        allocated[r] = event.change == RegionChange::kAllocate;
      }
    }
    ASSERT_TRUE(interval.demand);
    ASSERT_EQ(interval.demand->streams.size(), workload.info.streams.size());
    for (const auto& stream : interval.demand->streams) {
      for (std::size_t i = 0; i < stream.size(); ++i) {
        ASSERT_LT(stream[i].region, workload.info.regions);
        EXPECT_TRUE(allocated[stream[i].region]) << "region " << stream[i].region;
        EXPECT_TRUE(std::isfinite(stream[i].loads) && std::isfinite(stream[i].stores));
        EXPECT_GE(stream[i].loads, 0);
        EXPECT_GE(stream[i].stores, 0);
        EXPECT_TRUE(i == 0 || stream[i - 1].region < stream[i].region);
      }
    }
    // What stands still costs nothing: shared, not equal.
    if (before && before != interval.demand && interval.events.empty()) {
      EXPECT_FALSE(*before == *interval.demand);
    }
    before = interval.demand;
  }
}

// What an interval takes on the machine it was made for, by the formula of sim/machine/machine.h.
double reference_time(const WorkloadInfo& info, const Interval& interval) {
  double total = interval.compute.at(0);
  for (std::size_t s = 0; s < info.streams.size(); ++s) {
    double loads = 0, stores = 0;
    for (const RegionDemand& cell : interval.demand->streams[s]) loads += cell.loads, stores += cell.stores;
    total +=
        (loads + 0.3 * stores) * (1 - info.streams[s].prefetchable) * 100e-9 / info.streams[s].parallelism;
  }
  return total / info.targets.at(0).threads;
}

TEST_P(EveryGenerator, TakesItsNominalTimeOnTheReferenceMachine) {
  const ReadWorkload workload = read(small(entry()) + ",threads=12");
  for (const Interval& interval : workload.intervals) {
    EXPECT_EQ(interval.duration, std::chrono::milliseconds(500));
    EXPECT_NEAR(reference_time(workload.info, interval), 0.5, 1e-4);
  }
}

TEST_P(EveryGenerator, WaitsAsLongAsTheIntensitySays) {
  const ReadWorkload workload = read(small(entry()) + ",intensity=0.4");
  std::size_t as_asked = 0;
  for (const Interval& interval : workload.intervals) {
    const double share = 1 - interval.compute.at(0) / (0.5 * workload.info.targets.at(0).threads);
    if (std::abs(share - 0.4) < 1e-4) ++as_asked;
  }
  // Bursts wait more while they last.
  EXPECT_GE(as_asked, workload.intervals.size() / (entry().name == std::string("bursts") ? 2 : 1));
}

TEST_P(EveryGenerator, WorksAtTheEdgesOfEveryParameter) {
  for (const Parameter& parameter : entry().parameters) {
    const std::string name = parameter.name;
    if (name == "footprint" || name == "length" || name == "interval") continue;
    for (const double value : {parameter.least, parameter.most}) {
      const std::string spec =
          std::string(entry().name) + ":footprint=64MiB,length=30s," + name + "=" + show(parameter, value);
      auto factory = parse_workload(spec);
      // Contradictions with other parameters are told, not asserted on.
      if (!factory) {
        EXPECT_EQ(factory.error().kind, ErrorKind::kUsage) << spec;
        EXPECT_FALSE(factory.error().fix.empty()) << spec;
        continue;
      }
      const ReadWorkload workload = read(spec);
      EXPECT_EQ(workload.intervals.size(), 30U) << spec;
    }
  }
}

TEST_P(EveryGenerator, HasAShortDescriptionAndDistinctParameters) {
  EXPECT_EQ(std::string(entry().description).back(), '.');
  std::set<std::string> names;
  for (const Parameter& parameter : entry().parameters) {
    EXPECT_TRUE(names.insert(parameter.name).second) << parameter.name;
    EXPECT_GE(parameter.fallback, parameter.least) << parameter.name;
    EXPECT_LE(parameter.fallback, parameter.most) << parameter.name;
  }
}

TEST(ParseWorkload, TakesEveryUnit) {
  const ReadWorkload workload = read(
      "gups-moving:footprint=1GiB,hot=10%,heat=0.8,period=20s,threads=4,pages=small,length=2s,interval="
      "250ms");
  EXPECT_EQ(workload.info.regions, 512U);
  EXPECT_EQ(workload.info.targets.at(0).threads, 4);
  EXPECT_EQ(workload.info.targets.at(0).name, "gups-moving");
  EXPECT_EQ(workload.info.interval, std::chrono::milliseconds(250));
  EXPECT_EQ(workload.intervals.size(), 8U);
  EXPECT_EQ(workload.intervals.at(0).events.at(0).pages, PageKind::kSmall);
}

std::string refusal(const std::string& spec) {
  const auto factory = parse_workloads(spec);
  if (factory) return "accepted";
  EXPECT_EQ(factory.error().kind, ErrorKind::kUsage) << spec;
  return factory.error().text();
}

TEST(ParseWorkload, RefusesWhatItDoesNotKnowAndSaysWhatThereIs) {
  EXPECT_THAT(refusal("gubs"), AllOf(HasSubstr("\"gubs\""), HasSubstr("gups"), HasSubstr("stairs")));
  EXPECT_THAT(refusal("gups:size=1GiB"),
              AllOf(HasSubstr("\"size\""), HasSubstr("footprint (default 16GiB)"), HasSubstr("heat")));
  EXPECT_THAT(refusal("gups:period=5s"), HasSubstr("no parameter \"period\""));
  EXPECT_THAT(refusal(""), HasSubstr("there is no workload"));
}

TEST(ParseWorkload, RefusesMalformedValues) {
  EXPECT_THAT(refusal("gups:footprint=10"), HasSubstr("has no unit"));
  EXPECT_THAT(refusal("gups:hot=1.5"), HasSubstr("out of range"));
  EXPECT_THAT(refusal("gups:hot=nan"), HasSubstr("hot"));
  EXPECT_THAT(refusal("gups:hot"), HasSubstr("name=value"));
  EXPECT_THAT(refusal("gups:hot=0.1,"), HasSubstr("comma"));
  EXPECT_THAT(refusal("gups:hot=0.1,hot=0.2"), HasSubstr("twice"));
  EXPECT_THAT(refusal("gups:threads=2.5"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("gups:threads=8x"), HasSubstr("not a number"));
  EXPECT_THAT(refusal("gups:pages=large"), HasSubstr("huge or small"));
  EXPECT_THAT(refusal("scan:rate=4GiB"), HasSubstr("is not a rate"));
  EXPECT_THAT(refusal("gups:footprint=1MiB"), HasSubstr("choose footprint from 64MiB to 16TiB"));
}

TEST(ParseWorkload, RefusesContradictions) {
  EXPECT_THAT(refusal("bursts:intensity=0.95,spike=0.5"), HasSubstr("spike"));
  EXPECT_THAT(refusal("chase:rate=900GB/s"), HasSubstr("lower the rate"));
}

TEST(ParseWorkloads, TakesSeveralSideBySide) {
  const auto one = parse_workloads("zipf:footprint=64MiB");
  const auto two = parse_workloads("zipf:footprint=64MiB + gups:footprint=128MiB,seed=4");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->size(), 1U);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ((*(*two)[0]())->info().regions, 32U);
  EXPECT_EQ((*(*two)[1]())->info().regions, 64U);
  EXPECT_THAT(refusal("zipf + "), HasSubstr("there is no workload \"\""));
  EXPECT_THAT(refusal("zipf + gubs"), HasSubstr("gubs"));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string row(const Parameter& p) {
  return fmt::format("| | `{}` | {} | {} … {} | {} |", p.name, show(p, p.fallback), show(p, p.least),
                     show(p, p.most), p.description);
}

// The first seven parameters are the same for all and stand there once.
constexpr std::size_t kCommon = 7;

TEST(GeneratorTable, IsWhatTheDocumentationSays) {
  const std::string text = read_file(TIERD_WORKLOADS_DOCUMENT);
  for (const GeneratorEntry& entry : generator_table()) {
    std::string rows =
        fmt::format("| **{}** | `intensity` | {} | | {} |\n", entry.name,
                    show(entry.parameters[4], entry.parameters[4].fallback), entry.description);
    for (std::size_t i = kCommon; i < entry.parameters.size(); ++i) rows += row(entry.parameters[i]) + "\n";
    EXPECT_THAT(text, HasSubstr(rows)) << rows;
  }
  for (std::size_t i = 0; i < kCommon; ++i) {
    const Parameter& p = generator_table()[0].parameters[i];
    if (p.name == std::string("intensity")) continue;  // each has its own
    EXPECT_THAT(text, HasSubstr(row(p).substr(2))) << row(p).substr(2);
  }
}

TEST(ParseWorkload, OpensARecordedTraceEachTimeFromItsStart) {
  const std::string path = ::testing::TempDir() + "generators_test.trace";
  const ReadWorkload generated = read("generational:footprint=64MiB,length=40s");
  TraceHeader header;
  header.workload = generated.info;
  auto writer = create_trace(path, header);
  ASSERT_TRUE(writer) << writer.error().text();
  for (const Interval& interval : generated.intervals) ASSERT_TRUE((*writer)->append(interval));
  ASSERT_TRUE((*writer)->finish());
  const auto factory = parse_workload("trace:" + path);
  ASSERT_TRUE(factory) << factory.error().text();
  EXPECT_TRUE(same(read(*factory), generated));
  EXPECT_TRUE(same(read(*factory), generated));

  const auto longer = parse_workload("trace*3:" + path);
  ASSERT_TRUE(longer) << longer.error().text();
  const ReadWorkload stretched = read(*longer);
  ASSERT_EQ(stretched.intervals.size(), generated.intervals.size());
  for (std::size_t i = 0; i < stretched.intervals.size(); ++i) {
    const Interval &more = stretched.intervals[i], &once = generated.intervals[i];
    EXPECT_EQ(more.duration, 3 * once.duration);
    EXPECT_EQ(more.events, once.events);
    EXPECT_DOUBLE_EQ(more.compute[0], 3 * once.compute[0]);
    for (std::size_t s = 0; s < once.demand->streams.size(); ++s)
      for (std::size_t r = 0; r < once.demand->streams[s].size(); ++r)
        EXPECT_FLOAT_EQ(more.demand->streams[s][r].loads, 3 * once.demand->streams[s][r].loads);
    if (i > 0) {
      EXPECT_EQ(more.demand == stretched.intervals[i - 1].demand,
                once.demand == generated.intervals[i - 1].demand);
    }
  }
  EXPECT_FALSE(parse_workload("trace*:" + path).has_value());
  EXPECT_FALSE(parse_workload("trace*none:" + path).has_value());
  EXPECT_FALSE(parse_workload("trace*0.5:" + path).has_value());
  std::remove(path.c_str());
  EXPECT_FALSE(parse_workload("trace:" + path).has_value());
}

TEST(GeneratorTable, HasNoNameTwice) {
  std::set<std::string> names;
  for (const GeneratorEntry& entry : generator_table()) EXPECT_TRUE(names.insert(entry.name).second);
  EXPECT_GE(names.size(), 13U);
}

}  // namespace
}  // namespace tier::sim
