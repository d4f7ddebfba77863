#include "predictor/network/model_file.h"

#include <gtest/gtest.h>

#include "predictor/network/features.h"

namespace tier {
namespace {

TensorFile some_file() { return model_to_tensors(Model::random({}, 7), {{"made.by", "a test"}}); }

void expect_refused(const TensorFile& file, ErrorKind kind, const std::string& part) {
  const auto model = model_from_tensors(file, "some.file");
  ASSERT_FALSE(model) << part;
  EXPECT_EQ(model.error().kind, kind);
  EXPECT_NE(model.error().text().find("some.file"), std::string::npos) << model.error().text();
  EXPECT_NE(model.error().text().find(part), std::string::npos) << model.error().text();
}

TEST(ModelFile, GivesBackWhatWasWritten) {
  for (const ModelShape& shape : {ModelShape{}, ModelShape{{kFeatures, 16, 2}, {0, false}, false}}) {
    const Model model = Model::random(shape, 7);
    const std::string bytes = write_tensor_file(model_to_tensors(model, {{"made.by", "a test"}}));
    const auto file = parse_tensor_file(std::as_bytes(std::span(bytes)), "some.file");
    ASSERT_TRUE(file);
    const auto read = model_from_tensors(*file, "some.file");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->model.shape(), shape);
    EXPECT_TRUE(std::equal(model.values().begin(), model.values().end(), read->model.values().begin()));
    EXPECT_EQ(read->notes.at("made.by"), "a test");
    EXPECT_EQ(read->hash.size(), 64U);
  }
}

TEST(ModelFile, RefusesAnotherArchitectureAndOtherFeatures) {
  TensorFile file = some_file();
  file.metadata["model.architecture"] = "lstm";
  expect_refused(file, ErrorKind::kUnsupported, "architecture");
  file = some_file();
  file.metadata["model.features"] = "0000000000000000";
  expect_refused(file, ErrorKind::kUnsupported, "features");
}

TEST(ModelFile, RefusesShapesThatAreNone) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"model.channels", "7"},
                                                                      {"model.channels", "-8"},
                                                                      {"model.blocks", "99"},
                                                                      {"model.rank", "1e3"},
                                                                      {"model.rank", ""},
                                                                      {"model.inputs", "16"}}) {
    TensorFile file = some_file();
    file.metadata[name] = value;
    EXPECT_FALSE(model_from_tensors(file, "some.file").has_value()) << name << " " << value;
  }
}

TEST(ModelFile, RefusesTensorsOfAnotherShape) {
  TensorFile file = some_file();
  std::swap(file.tensors[0], file.tensors[1]);
  expect_refused(file, ErrorKind::kFailed, "tensors");
  file = some_file();
  file.tensors.erase(file.tensors.begin() + 3);
  expect_refused(file, ErrorKind::kFailed, "tensors");
  file = some_file();
  file.metadata["model.channels"] = "16";
  expect_refused(file, ErrorKind::kFailed, "tensors");
}

TEST(ModelFile, RefusesWeightsThatSayOtherThingsThanWhenTheyWereWritten) {
  TensorFile file = some_file();
  for (float& value : file.tensors[0].values) value += 0.05F;
  expect_refused(file, ErrorKind::kFailed, "says other things");
}

TEST(ModelFile, WhatIsNoFileIsSaidSo) { EXPECT_FALSE(load_model("/nonexistent/model").has_value()); }

}  // namespace
}  // namespace tier
