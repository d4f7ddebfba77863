// The learned forecaster with idle time: what is adapted, when, and what a second life knows of it.
#include "predictor/network/adapter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "predictor/network/learned.h"
#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

// Context moves one thing: how far the network goes by the switch's counsel.
std::shared_ptr<const NamedModel> gated_model(const std::string& hash = std::string(64, 'a')) {
  NamedModel named{Model::random({{kFeatures, 8, 1}, {2, true}, true}, 11), hash, {}};
  Model& model = named.model;
  const auto basis = model.values().subspan(model.network_size(), 2 * model.network_size());
  std::fill(basis.begin(), basis.end(), 0.0F);
  for (const TensorPlace& place : network_tensors(model.shape().network))
    if (place.name == "head.bias")
      for (std::size_t h = 0; h < kHorizons.size(); ++h)
        basis[place.offset + h * kHeadPerHorizon + kBaselines - 1] = 1;
  return std::make_shared<const NamedModel>(std::move(named));
}

// Every other region is busy every other tick: averages do not tell, the season does.
RegionSnapshot taking_turns(std::uint64_t tick) {
  std::vector<double> samples(64);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = i % 2 == tick % 2 ? 60 : 2;
  RegionSnapshot snapshot = snapshot_of(samples, tick, static_cast<std::uint32_t>(tick));
  snapshot.interval = std::chrono::seconds(1);
  return snapshot;
}

// Others, all at once, and steadily.
RegionSnapshot another_program(std::uint64_t tick) {
  std::vector<double> samples(64);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = (tick / 7 + i) % 16 == 0 ? 300 : 0;
  return snapshot_of(samples, tick, static_cast<std::uint32_t>(tick));
}

void run(LearnedForecaster& forecaster, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t t = from; t < to; ++t) forecaster.forecast(taking_turns(t));
}

std::size_t work_off(Forecaster& forecaster) {
  std::size_t steps = 1;
  while (forecaster.idle_work() && steps < 1000) ++steps;
  return steps;
}

struct Kept {
  std::string bytes;
  int saves = 0;
  SignatureStorage storage() {
    return {[this]() -> Result<std::string> { return bytes; },
            [this](const std::string& given) -> Result<void> {
              bytes = given, ++saves;
              return {};
            },
            [] { return std::int64_t{1000}; }};
  }
};

LearnedSettings settings_with(Kept& kept) {
  LearnedSettings settings;
  settings.adapter.storage = kept.storage();
  return settings;
}

TEST(Adapter, AdaptsOnceTheWorkloadIsKnownAndRestsThen) {
  Kept kept;
  LearnedForecaster forecaster(gated_model(), settings_with(kept));
  run(forecaster, 0, 60);
  EXPECT_FALSE(forecaster.idle_work()) << "too little is known";
  EXPECT_EQ(forecaster.describe().adapter.begun, 0U);
  run(forecaster, 60, 80);
  work_off(forecaster);
  const LearnedStatus status = forecaster.describe();
  EXPECT_EQ(status.adapter.adapted, 1U);
  EXPECT_LT(status.adapter.last.adapted, status.adapter.last.encoded);
  ASSERT_EQ(status.network.offset.size(), 2U);
  EXPECT_GT(status.network.offset[0], 0.3F) << "the counsel is worth following";
  EXPECT_EQ(kept.saves, 1);
  // The same workload goes on: nothing more to do.
  run(forecaster, 80, 180);
  EXPECT_EQ(work_off(forecaster), 1U);
  EXPECT_EQ(forecaster.describe().adapter.begun, 1U);
  EXPECT_EQ(forecaster.describe().network.offset, status.network.offset);
}

TEST(Adapter, IdleWorkIsBounded) {
  Kept kept;
  LearnedForecaster forecaster(gated_model(), settings_with(kept));
  run(forecaster, 0, 80);
  // Begin, two starts twice, fifteen steps, the end, the save.
  EXPECT_LE(work_off(forecaster), 1U + 4 + 15 + 1 + 1);
  EXPECT_FALSE(forecaster.idle_work());
}

TEST(Adapter, WorksOnWhileTicksGoByAndIsSwitchedOffBySetting) {
  LearnedForecaster forecaster(gated_model());
  run(forecaster, 0, 80);
  for (std::uint64_t t = 80; t < 110; ++t) forecaster.idle_work(), forecaster.forecast(taking_turns(t));
  EXPECT_EQ(forecaster.describe().adapter.ended, 1U);
  LearnedSettings off;
  off.adapter.enabled = false;
  LearnedForecaster other(gated_model(), off);
  run(other, 0, 80);
  EXPECT_FALSE(other.idle_work());
  EXPECT_EQ(other.describe().adapter.begun, 0U);
}

TEST(Adapter, ASecondLifeStartsFromTheStoredOffset) {
  Kept kept;
  LearnedForecaster first(gated_model(), settings_with(kept));
  run(first, 0, 80);
  work_off(first);
  const std::vector<float> offset = first.describe().network.offset;
  ASSERT_FALSE(offset.empty());

  LearnedSettings settings = settings_with(kept);
  settings.adapter.adaptation.most_steps = 0;  // what is found can only be what was stored
  LearnedForecaster second(gated_model(), settings);
  EXPECT_EQ(second.describe().adapter.entries, 1U);
  run(second, 0, 80);
  EXPECT_TRUE(second.describe().adapter.known);
  EXPECT_TRUE(second.describe().network.offset.empty());
  work_off(second);
  EXPECT_EQ(second.describe().adapter.stored, 1U);
  ASSERT_EQ(second.describe().network.offset.size(), offset.size());
  for (std::size_t r = 0; r < offset.size(); ++r)
    EXPECT_NEAR(second.describe().network.offset[r], offset[r], 1e-5);
  EXPECT_EQ(second.describe().adapter.entries, 1U);
}

TEST(Adapter, AnotherModelsOffsetsAreNotUsed) {
  Kept kept;
  LearnedForecaster first(gated_model(), settings_with(kept));
  run(first, 0, 80);
  work_off(first);
  ASSERT_EQ(kept.saves, 1);
  LearnedForecaster second(gated_model(std::string(64, 'b')), settings_with(kept));
  EXPECT_EQ(second.describe().adapter.entries, 0U);
}

TEST(Adapter, AStoreThatCannotBeReadIsAnEmptyOneAndSaysSo) {
  Kept kept;
  kept.bytes = "no tensor file at all";
  LearnedForecaster forecaster(gated_model(), settings_with(kept));
  EXPECT_EQ(forecaster.describe().adapter.entries, 0U);
  EXPECT_FALSE(forecaster.describe().adapter.trouble.empty());
  run(forecaster, 0, 80);
  work_off(forecaster);
  EXPECT_EQ(forecaster.describe().adapter.adapted, 1U);
}

TEST(Adapter, ASaveThatFailsIsToldAndNotRepeated) {
  LearnedSettings settings;
  int tried = 0;
  settings.adapter.storage.save = [&](const std::string&) -> Result<void> {
    ++tried;
    return fail(ErrorKind::kFailed, "the disk is full", "make room");
  };
  LearnedForecaster forecaster(gated_model(), settings);
  run(forecaster, 0, 80);
  work_off(forecaster);
  EXPECT_EQ(tried, 1);
  EXPECT_NE(forecaster.describe().adapter.trouble.find("the disk is full"), std::string::npos);
}

TEST(Adapter, ADriftResetDropsTheOffset) {
  LearnedForecaster forecaster(gated_model());
  run(forecaster, 0, 80);
  work_off(forecaster);
  ASSERT_FALSE(forecaster.describe().network.offset.empty());
  for (std::uint64_t t = 80; t < 140 && forecaster.describe().classical.drift_resets == 0; ++t)
    forecaster.forecast(another_program(t));
  ASSERT_GT(forecaster.describe().classical.drift_resets, 0U);
  EXPECT_TRUE(forecaster.describe().network.offset.empty());
}

TEST(Signature, IsOfSixtyFourTicksAndMeasuresHowFarWorkloadsAreApart) {
  WorkloadWindows windows;
  WorkloadNumbers numbers{};
  numbers[3] = 0.5F;
  for (int t = 0; t < 63; ++t) windows.add(numbers);
  EXPECT_FALSE(workload_signature(windows));
  windows.add(numbers);
  const auto one = workload_signature(windows);
  ASSERT_TRUE(one);
  EXPECT_EQ(signature_distance(*one, *one), 0);
  numbers[3] = 0.75F, numbers[7] = 100;
  for (int t = 0; t < 64; ++t) windows.add(numbers);
  EXPECT_EQ(signature_distance(*one, *workload_signature(windows)), 2 + 15);
  numbers.fill(NAN);
  for (int t = 0; t < 64; ++t) windows.add(numbers);
  EXPECT_EQ(workload_signature(windows), 0U);
}

TEST(Signature, TheNearestEntryIsFoundUnlessItIsAnotherWorkloads) {
  const std::vector<SignatureEntry> entries = {{0x000F, {1}}, {0x0003, {2}}, {0x0014, {3}}};
  EXPECT_EQ(nearest_entry(entries, 0x0003), &entries[1]);
  EXPECT_EQ(nearest_entry(entries, 0x0005), &entries[2]) << "of two as near the one used last";
  EXPECT_EQ(nearest_entry(entries, 0xFF000), nullptr);
}

}  // namespace
}  // namespace tier
