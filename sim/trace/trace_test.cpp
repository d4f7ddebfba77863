#include "sim/trace/trace.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "sim/trace/trace_fixture.h"
#include "sim/trace/trace_json.h"

namespace tier::sim {
namespace {

using testing::HasSubstr;

TEST_F(TraceTest, RoundTrip) {
  write_sample(file(), 200);
  const Content content = read_trace(file());
  ASSERT_FALSE(content.error) << content.error->text();
  EXPECT_EQ(to_json_text(*content.header), to_json_text(sample_header()));
  EXPECT_TRUE(content.header->has_stall);
  EXPECT_FALSE(content.header->exact);
  EXPECT_EQ(content.intervals.size(), 200U);
  EXPECT_TRUE(is_prefix(content.intervals, sample_intervals(200)));
}

TEST_F(TraceTest, EmptyTraceHasItsHeaderAndNoInterval) {
  write_sample(file(), 0);
  const Content content = read_trace(file());
  ASSERT_FALSE(content.error) << content.error->text();
  EXPECT_EQ(content.header->workload.name, "sample");
  EXPECT_TRUE(content.intervals.empty());
}

TEST_F(TraceTest, NotesOfProvenanceKeepTheirKeysWhole) {
  TraceHeader header = sample_header();
  header.provenance = {{"a", "1"}, {std::string("a\0b", 3), "2"}};
  ASSERT_TRUE(create_trace(file(), header).map([](auto writer) { return writer->finish().has_value(); }));
  const Content content = read_trace(file());
  ASSERT_TRUE(content.header);
  EXPECT_EQ(content.header->provenance, header.provenance);
}

TEST_F(TraceTest, ExtremeValuesComeBackAsTheyWere) {
  TraceHeader header = sample_header();
  header.workload.regions = 1U << 28;
  auto demand = std::make_shared<Demand>();
  demand->streams = {
      {{0, std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(), 1e-30F},
       {(1U << 28) - 1, 0, 0, 0}},
      {{5, 0, 0, 0}},
      {}};
  Interval interval{Nanoseconds::max(), {std::numeric_limits<double>::max(), 5e-324}, {}, demand};
  interval.events = {{RegionChange::kAllocate, 1, (1U << 28) - 1, 1, 0xFFFFFFFFFFC00000, PageKind::kUnknown}};
  auto writer = create_trace(file(), header);
  ASSERT_TRUE(writer);
  const auto done = (*writer)->append(interval);
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_TRUE((*writer)->finish());
  const Content content = read_trace(file());
  ASSERT_EQ(content.intervals.size(), 1U);
  EXPECT_TRUE(same(content.intervals[0], interval));
}

TEST_F(TraceTest, EqualDemandIsStoredOnceAndHandedOutShared) {
  auto writer = create_trace(file(), sample_header());
  ASSERT_TRUE(writer);
  const auto shared = sample_demand(1);
  for (int i = 0; i < 150; ++i) {
    // Every second time an equal one that is not the same object.
    const Interval interval{Nanoseconds(1), {0, 0}, {}, i % 2 == 0 ? shared : sample_demand(1)};
    ASSERT_TRUE((*writer)->append(interval));
  }
  ASSERT_TRUE((*writer)->append({Nanoseconds(1), {0, 0}, {}, sample_demand(2)}));
  ASSERT_TRUE((*writer)->finish());
  const Content content = read_trace(file());
  ASSERT_EQ(content.intervals.size(), 151U);
  for (std::size_t i = 1; i < 150; ++i)
    ASSERT_EQ(content.intervals[i].demand, content.intervals[0].demand) << i;
  EXPECT_EQ(*content.intervals[0].demand, *shared);
  EXPECT_EQ(*content.intervals[150].demand, *sample_demand(2));
}

TEST_F(TraceTest, EveryReaderStartsAtTheBeginning) {
  write_sample(file(), 3);
  const auto first = open_trace(file()), second = open_trace(file());
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*first)->next().value()->duration, Nanoseconds(1'000'000'000));
  EXPECT_EQ((*first)->next().value()->duration, Nanoseconds(1'000'000'001));
  EXPECT_EQ((*second)->next().value()->duration, Nanoseconds(1'000'000'000));
}

TEST_F(TraceTest, TheEndStaysTheEnd) {
  write_sample(file(), 1);
  const auto reader = open_trace(file());
  ASSERT_TRUE((*reader)->next().value());
  EXPECT_FALSE((*reader)->next().value());
  EXPECT_FALSE((*reader)->next().value());
}

TEST_F(TraceTest, WhatIsFoundLaterIsKnownFromTheStart) {
  auto writer = create_trace(file(), sample_header());
  ASSERT_TRUE(writer);
  for (const Interval& interval : sample_intervals(70)) ASSERT_TRUE((*writer)->append(interval));
  WorkloadInfo grown = sample_header().workload;
  grown.regions = 12;
  grown.targets.push_back({"newcomer", 2});
  grown.streams.push_back({"sampled", 2, 1, 0});
  ASSERT_TRUE((*writer)->update(grown));
  auto demand = std::make_shared<Demand>(*sample_demand(1));
  demand->streams.push_back({{11, 5, 0, 0}});
  ASSERT_TRUE((*writer)->append({Nanoseconds(9), {1, 2, 3}, {}, demand}));
  ASSERT_TRUE((*writer)->finish());

  const auto reader = open_trace(file());
  ASSERT_TRUE(reader);
  EXPECT_TRUE(same((*reader)->info(), grown));
  const auto first = (*reader)->next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->compute, (std::vector<double>{0, 1.0 / 3, 0})) << "none of a target still unknown";
  ASSERT_EQ((*first)->demand->streams.size(), 4U) << "as many streams as info() says";
  EXPECT_TRUE((*first)->demand->streams[3].empty());
  const Content content = read_trace(file());
  ASSERT_EQ(content.intervals.size(), 71U);
  EXPECT_EQ(content.intervals[70].demand->streams, demand->streams);
  EXPECT_EQ(content.intervals[70].compute, (std::vector<double>{1, 2, 3}));
}

TEST_F(TraceTest, SameInputSameBytes) {
  EXPECT_EQ(write_sample(file("a"), 100), write_sample(file("b"), 100));
  EXPECT_NE(write_sample(file("c"), 100), write_sample(file("d"), 99));
}

TEST_F(TraceTest, TheFinalNameAppearsAtFinishOnly) {
  {
    auto writer = create_trace(file(), sample_header());
    ASSERT_TRUE(writer);
    EXPECT_TRUE(std::filesystem::exists(file("a.trace.part")));
    EXPECT_FALSE(std::filesystem::exists(file()));
    ASSERT_TRUE((*writer)->finish());
    EXPECT_FALSE(std::filesystem::exists(file("a.trace.part")));
    EXPECT_TRUE(std::filesystem::exists(file()));
    EXPECT_FALSE((*writer)->append({Nanoseconds(1), {0, 0}, {}, sample_demand(1)}).has_value() &&
                 (*writer)->finish().has_value());
  }
  { ASSERT_TRUE(create_trace(file("given-up"), sample_header())); }
  EXPECT_FALSE(std::filesystem::exists(file("given-up.part")));
  EXPECT_FALSE(std::filesystem::exists(file("given-up")));
}

TEST_F(TraceTest, APartFileOfAnotherWriterIsLeftAlone) {
  auto first = create_trace(file(), sample_header());
  ASSERT_TRUE(first);
  const auto second = create_trace(file(), sample_header());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text(), HasSubstr("a.trace.part exists"));
  ASSERT_TRUE((*first)->finish());
  EXPECT_FALSE(read_trace(file()).error);
}

TEST_F(TraceTest, AFolderThatIsNotThereIsNamed) {
  const auto writer = create_trace(file("none/a.trace"), sample_header());
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().text(), HasSubstr("none/a.trace.part: No such file or directory"));
}

TEST_F(TraceTest, NamesThatAreNotUtf8AreKeptReadable) {
  TraceHeader header = sample_header();
  header.workload.targets[0].name = "caf\xE9";
  auto writer = create_trace(file(), header);
  ASSERT_TRUE(writer) << writer.error().text();
  ASSERT_TRUE((*writer)->finish());
  EXPECT_EQ(read_trace(file()).header->workload.targets[0].name, "caf\uFFFD");
}

struct Refusal {
  const char* because;
  std::function<void(Interval&, Demand&)> spoil;
};

TEST_F(TraceTest, AnIntervalThatContradictsTheHeaderIsRefused) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const Refusal refusals[] = {
      {"duration is not positive", [](Interval& i, Demand&) { i.duration = {}; }},
      {"computation of 1 targets", [](Interval& i, Demand&) { i.compute.pop_back(); }},
      {"computation is negative", [](Interval& i, Demand&) { i.compute[0] = -1; }},
      {"demand of 2 streams", [](Interval&, Demand& d) { d.streams.pop_back(); }},
      {"asks for region 8",
       [](Interval&, Demand& d) {
         d.streams[1] = {{8, 1, 0, 0}};
       }},
      {"not in order",
       [](Interval&, Demand& d) {
         d.streams[0] = {{2, 1, 0, 0}, {1, 1, 0, 0}};
       }},
      {"not in order",
       [](Interval&, Demand& d) {
         d.streams[0] = {{2, 1, 0, 0}, {2, 1, 0, 0}};
       }},
      {"not finite",
       [](Interval&, Demand& d) {
         d.streams[0] = {{2, kNan, 0, 0}};
       }},
      {"negative",
       [](Interval&, Demand& d) {
         d.streams[0] = {{2, 0, 0, -1}};
       }},
      {"of target 2",
       [](Interval& i, Demand&) {
         i.events = {{{}, 2, 0, 1, 0, {}}};
       }},
      {"2 regions from 7",
       [](Interval& i, Demand&) {
         i.events = {{{}, 0, 7, 2, 0, {}}};
       }},
      {"0 regions from 0",
       [](Interval& i, Demand&) {
         i.events = {{{}, 0, 0, 0, 0, {}}};
       }},
      {"within a region",
       [](Interval& i, Demand&) {
         i.events = {{{}, 0, 0, 1, 4096, {}}};
       }},
      {"beyond the last",
       [](Interval& i, Demand&) {
         i.events = {{{}, 0, 0, 2, ~Address{0} << 21, {}}};
       }},
      {"neither",
       [](Interval& i, Demand&) {
         i.events = {{static_cast<RegionChange>(2), 0, 0, 1, 0, {}}};
       }},
  };
  auto writer = create_trace(file(), sample_header());
  ASSERT_TRUE(writer);
  for (const Refusal& refusal : refusals) {
    Demand demand = *sample_demand(1);
    Interval interval{Nanoseconds(1), {0, 0}, {}, {}};
    refusal.spoil(interval, demand);
    interval.demand = std::make_shared<const Demand>(demand);
    const auto done = (*writer)->append(interval);
    ASSERT_FALSE(done) << refusal.because;
    EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(done.error().message, HasSubstr(refusal.because));
  }
  EXPECT_FALSE((*writer)->append({Nanoseconds(1), {0, 0}, {}, nullptr}).has_value());
  ASSERT_TRUE((*writer)->append({Nanoseconds(1), {0, 0}, {}, sample_demand(1)}))
      << "a refusal changes nothing";
  ASSERT_TRUE((*writer)->finish());
  EXPECT_EQ(read_trace(file()).intervals.size(), 1U);
}

TEST_F(TraceTest, StallThatTheHeaderDeniesIsRefused) {
  TraceHeader header = sample_header();
  header.has_stall = false;
  auto writer = create_trace(file(), header);
  ASSERT_TRUE(writer);
  const auto done = (*writer)->append({Nanoseconds(1), {0, 0}, {}, sample_demand(1)});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("has stall"));
}

TEST_F(TraceTest, AHeaderThatIsNotSoundIsRefused) {
  struct Case {
    const char* because;
    std::function<void(TraceHeader&)> spoil;
  };
  const Case cases[] = {
      {"power of two", [](TraceHeader& h) { h.workload.region_size = Bytes{3 << 20}; }},
      {"interval_ns", [](TraceHeader& h) { h.workload.interval = Nanoseconds(-1); }},
      {"interval is not positive", [](TraceHeader& h) { h.workload.interval = {}; }},
      {"regions are more", [](TraceHeader& h) { h.workload.regions = (1U << 28) + 1; }},
      {"stream 2 is of target 9", [](TraceHeader& h) { h.workload.streams[2].target = 9; }},
      {"parallelism of 0.5", [](TraceHeader& h) { h.workload.streams[0].parallelism = 0.5; }},
      {"prefetchable by 1.5", [](TraceHeader& h) { h.workload.streams[0].prefetchable = 1.5; }},
      {"\"threads\" is not a number",
       [](TraceHeader& h) { h.workload.targets[0].threads = std::numeric_limits<double>::infinity(); }},
      {"has 0 threads", [](TraceHeader& h) { h.workload.targets[0].threads = 0; }},
      {"not a JSON object", [](TraceHeader& h) { h.machine = 5; }},
      {"too long", [](TraceHeader& h) { h.workload.name.assign(2000, 'x'); }},
      {"provenance \"packages\" is too long",
       [](TraceHeader& h) { h.provenance["packages"].assign(20000, 'x'); }},
  };
  for (const Case& c : cases) {
    TraceHeader header = sample_header();
    c.spoil(header);
    const auto writer = create_trace(file(), header);
    ASSERT_FALSE(writer) << c.because;
    EXPECT_EQ(writer.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(writer.error().message, HasSubstr(c.because));
    EXPECT_FALSE(std::filesystem::exists(file("a.trace.part")));
  }
}

TEST_F(TraceTest, TheWorkloadMayOnlyGrow) {
  auto writer = create_trace(file(), sample_header());
  ASSERT_TRUE(writer);
  const std::function<void(WorkloadInfo&)> changes[] = {
      [](WorkloadInfo& w) { --w.regions; }, [](WorkloadInfo& w) { w.streams.pop_back(); },
      [](WorkloadInfo& w) { w.region_size = 4_MiB; }, [](WorkloadInfo& w) { w.streams[0].target = 1; },
      [](WorkloadInfo& w) { w.targets[0].threads = -1; }};
  for (const auto& change : changes) {
    WorkloadInfo info = sample_header().workload;
    change(info);
    const auto done = (*writer)->update(info);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kUsage);
  }
  ASSERT_TRUE((*writer)->finish());
  EXPECT_TRUE(same(read_trace(file()).header->workload, sample_header().workload));
}

}  // namespace
}  // namespace tier::sim
