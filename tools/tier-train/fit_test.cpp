#include "tools/tier-train/fit.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tools/tier-train/exporting.h"
#include "tools/tier-train/fit_fixture.h"
#include "tools/tier-train/inspection.h"

namespace tier::sim {
namespace {

const FitData& tiny_data() {
  static const FitData data = make_fit_data(tiny_fit());
  return data;
}

FitReport run(const FitSettings& settings) {
  auto report = fit(settings, tiny_data());
  EXPECT_TRUE(report) << (report ? "" : report.error().text());
  return *std::move(report);
}

bool same(const Model& a, const Model& b) {
  return a.shape() == b.shape() && std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Fit, TheSameSeedGivesTheSameBytes) {
  TemporaryFolder one, two, three;
  FitSettings settings = tiny_fit();
  settings.folder = one.path();
  run(settings);
  settings.folder = two.path();
  run(settings);
  settings.training.seed = 2, settings.folder = three.path();
  run(settings);
  const std::string bytes = bytes_of(one.path() / "model.safetensors");
  EXPECT_FALSE(bytes.empty());
  EXPECT_EQ(bytes, bytes_of(two.path() / "model.safetensors"));
  EXPECT_NE(bytes, bytes_of(three.path() / "model.safetensors"));
}

// The rate follows the steps in all: a run is interrupted by putting its early checkpoint back.
TEST(Fit, ResumedIsAsUninterrupted) {
  TemporaryFolder whole, broken;
  FitSettings settings = tiny_fit();
  settings.folder = whole.path();
  const FitReport expected = run(settings);
  settings.folder = broken.path();
  settings.patience = 1;
  {
    FitSettings first = settings;  // stops at its first judgement
    first.patience = 0;
    const FitReport stopped = run(first);
    ASSERT_EQ(stopped.history.size(), 1U);
  }
  settings.patience = tiny_fit().patience, settings.resume = true;
  const FitReport resumed = run(settings);
  EXPECT_TRUE(same(expected.model, resumed.model));
  ASSERT_EQ(expected.history.size(), resumed.history.size());
  for (std::size_t i = 0; i < expected.history.size(); ++i) {
    EXPECT_EQ(expected.history[i].step, resumed.history[i].step);
    EXPECT_DOUBLE_EQ(expected.history[i].with_context, resumed.history[i].with_context);
    EXPECT_EQ(expected.history[i].by_family, resumed.history[i].by_family);
  }
  EXPECT_EQ(bytes_of(whole.path() / "model.safetensors"), bytes_of(broken.path() / "model.safetensors"));
}

TEST(Fit, ResumingKeepsTheBestThatWasThere) {
  TemporaryFolder folder;
  FitSettings settings = tiny_fit();
  settings.folder = folder.path();
  const FitReport before = run(settings);
  settings.resume = true;
  const FitReport after = run(settings);  // nothing left to do
  EXPECT_EQ(before.best_step, after.best_step);
  EXPECT_TRUE(same(before.model, after.model));
}

TEST(Fit, StopsWhereNothingIsGained) {
  FitSettings settings = tiny_fit();
  settings.training.steps = 400, settings.patience = 2;
  settings.training.rate = 1e-30;  // learns nothing: the loss stays what it is
  settings.judge_every = 1;
  const FitReport report = run(settings);
  EXPECT_TRUE(report.stopped_early);
  EXPECT_LT(report.history.back().step, 400U);
  EXPECT_EQ(report.history.size(), report.best_step + 2);
}

TEST(Fit, RefusesWhatCannotBe) {
  FitSettings settings = tiny_fit();
  settings.judge_every = 0;
  EXPECT_EQ(fit(settings, tiny_data()).error().kind, ErrorKind::kUsage);
  settings = tiny_fit();
  settings.shape.network.channels = 9;
  EXPECT_EQ(fit(settings, tiny_data()).error().kind, ErrorKind::kUsage);
  TemporaryFolder folder;
  settings = tiny_fit();
  settings.folder = folder.path(), settings.resume = true;
  EXPECT_FALSE(fit(settings, tiny_data()).has_value()) << "no checkpoint";
  settings.resume = false;
  run(settings);
  settings.resume = true, settings.shape.network.blocks = 2;
  const auto other = fit(settings, tiny_data());
  ASSERT_FALSE(other) << "of another shape";
  EXPECT_EQ(other.error().kind, ErrorKind::kFailed);
}

TEST(Fit, HeldOutAreOtherDrawsAndTheRecordingsLeftOut) {
  RecipeSettings settings;
  settings.per_generator = 6, settings.mixtures = 0, settings.per_recording = 6;
  settings.recordings = {"a/redis.trace", "a/sqlite.trace"};
  settings.left_out = {"sqlite", "zipf"};
  const RecipeSettings other = held_out_recipes(settings);
  EXPECT_EQ(other.recordings, std::vector<std::string>{"a/sqlite.trace"});
  EXPECT_TRUE(other.left_out.empty());
  EXPECT_NE(other.seed, settings.seed);
  EXPECT_EQ(other.mixtures, 0U);
}

TEST(Export, GivesTheBestOrTheLatest) {
  TemporaryFolder folder;
  FitSettings settings = tiny_fit();
  settings.folder = folder.path();
  const FitReport report = run(settings);
  auto checkpoint = read_tensor_file(folder.path() / "checkpoint.safetensors");
  ASSERT_TRUE(checkpoint);
  checkpoint->tensors.front().values.front() = 0.125F;  // it went on from the best
  ASSERT_TRUE(write_tensor_file(folder.path() / "checkpoint.safetensors", *checkpoint));
  const auto best = export_model(folder.path(), FitModel::kBest, folder.path() / "best");
  const auto latest = export_model(folder.path(), FitModel::kLatest, folder.path() / "latest");
  ASSERT_TRUE(best) << best.error().text();
  ASSERT_TRUE(latest) << latest.error().text();
  EXPECT_NE(best->hash, latest->hash);
  EXPECT_EQ(best->bytes, std::filesystem::file_size(folder.path() / "best"));
  const auto loaded = load_model(folder.path() / "best");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(same((*loaded)->model, report.model));
  const auto last = load_model(folder.path() / "latest");
  ASSERT_TRUE(last);
  EXPECT_EQ((*last)->notes.at("made.step"), "12");
  EXPECT_EQ((*last)->model.values().front(), 0.125F);
}

TEST(Export, LeavesAGoodFileWhereTheNewOneIsBad) {
  TemporaryFolder folder;
  FitSettings settings = tiny_fit();
  settings.folder = folder.path();
  run(settings);
  const auto to = folder.path() / "installed";
  ASSERT_TRUE(export_model(folder.path(), FitModel::kBest, to));
  const std::string good = bytes_of(to);
  auto file = read_tensor_file(folder.path() / "model.safetensors");
  ASSERT_TRUE(file);
  file->tensors.front().values.front() += 1;  // hashes are right, but the network says other things
  ASSERT_TRUE(write_tensor_file(folder.path() / "model.safetensors", *file));
  EXPECT_FALSE(export_model(folder.path(), FitModel::kBest, to).has_value());
  EXPECT_EQ(bytes_of(to), good);
  EXPECT_FALSE(export_model(folder.path() / "none", FitModel::kLatest, to).has_value());
}

TEST(Inspection, SaysWhatIsInTheFile) {
  TemporaryFolder folder;
  Model model(ModelShape{{kFeatures, 8, 1}, {2, true}, true});
  std::fill(model.values().begin(), model.values().end(), 0.0625F);
  const auto file = folder.path() / "model";
  ASSERT_TRUE(write_tensor_file(file, model_to_tensors(model, {{"made.by", "a test"}})));
  const auto inspection = inspect_model(file);
  ASSERT_TRUE(inspection) << inspection.error().text();
  EXPECT_EQ(inspection->shape, model.shape());
  EXPECT_EQ(inspection->hash, (*load_model(file))->hash);
  EXPECT_EQ(inspection->tensors.front().name, "base.stem.weight");
  EXPECT_EQ(inspection->tensors.front().shape, (std::vector<std::uint64_t>{8, kFeatures}));
  EXPECT_DOUBLE_EQ(inspection->tensors.front().mean, 0.0625);
  EXPECT_DOUBLE_EQ(inspection->tensors.front().deviation, 0);
  ASSERT_EQ(inspection->contexts.size(), 3U);
  for (const ContextSummary& context : inspection->contexts) {
    double sum = 0;
    for (const auto& kind : context.attention) sum += kind[0];
    EXPECT_NEAR(sum, 1, 1e-5) << context.workload;
  }
  EXPECT_EQ(to_json(*inspection).at("notes").at("made.by"), "a test");
  EXPECT_NE(inspection_table(*inspection).find("base.stem.weight"), std::string::npos);
  EXPECT_FALSE(inspect_model(folder.path() / "none").has_value());
}

}  // namespace
}  // namespace tier::sim
