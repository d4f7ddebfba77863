// A model as a file: predictor/model/tensor_file.h holds the tensors, this what they mean.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "predictor/model/tensor_file.h"
#include "predictor/network/model.h"

namespace tier {

struct NamedModel {
  Model model;
  std::string hash;                          // SHA-256 of its values: names it
  std::map<std::string, std::string> notes;  // how it was made, for people
};

// What says the shape in a file's notes, for other files than a model's too; the names begin with "model.".
std::map<std::string, std::string> shape_notes(const ModelShape& shape);
// kUnsupported: another set of features or another architecture; kFailed: notes missing, or a shape that
// cannot be.
Result<ModelShape> shape_from_notes(const std::map<std::string, std::string>& notes,
                                    const std::string& name_for_errors);

// `notes` may not use the names that begin with "model."; those say the shape, the features' schema and what
// a fixed window must give (so that a reader whose arithmetic differs finds out).
TensorFile model_to_tensors(const Model& model, const std::map<std::string, std::string>& notes);

// kUnsupported: made for another set of features or another architecture; kFailed: tensors that do not fit
// the shape, or other outputs for the fixed window than when it was written.
Result<NamedModel> model_from_tensors(const TensorFile& file, const std::string& name_for_errors);

// The model that comes with this version: as installed, else as in the source tree it was built from.
std::filesystem::path default_model_path();

// Reads a file and does all of the above.
Result<std::shared_ptr<const NamedModel>> load_model(const std::filesystem::path& path);

}  // namespace tier
