#include "predictor/network/model_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "platform/api/text_file.h"
#include "predictor/network/features.h"
#include "predictor/network/runner.h"

namespace tier {
namespace {

constexpr const char* kArchitecture = "tierd-tcn-1";
constexpr std::size_t kGoldenTicks = 40, kGoldenRows = 3;
constexpr const char* kGolden = "model.golden";  // a tensor: outputs after the last tick
constexpr float kSame = 1e-3F;                   // of 1 plus the output

// What a network of the model's base, and of a context that is one in every number, says of a window that
// follows from nothing but this function.
Result<std::vector<float>> golden_outputs(const Model& model) {
  const std::size_t features = model.shape().network.features;
  std::vector<float> z(model.shape().encoder.rank, 0.5F), weights(model.network_size());
  model.generate(z, weights);
  auto runner = TIER_TRY(make_runner(model.shape().network, {RunnerKind::kStreaming}));
  TIER_TRY(runner->set_weights(weights));
  RegionSnapshot snapshot;
  snapshot.regions.resize(kGoldenRows);
  for (std::size_t row = 0; row < kGoldenRows; ++row)
    snapshot.regions[row].key = {{1}, row * kDefaultRegionSize.value};
  Roster roster;
  std::vector<float> input(kGoldenRows * features), outputs(kGoldenRows * kHeadOutputs);
  for (std::size_t t = 0; t < kGoldenTicks; ++t) {
    // Small whole numbers over a power of two: the same bits on every machine.
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>((t * 31 + i * 17) % 64) / 32;
    roster.update(snapshot);
    runner->step(roster, {input}, outputs, [] { return true; });
  }
  return outputs;
}

using Notes = std::map<std::string, std::string>;

std::optional<std::uint32_t> number(const Notes& notes, const std::string& name) {
  const auto it = notes.find(name);
  if (it == notes.end()) return {};
  std::uint32_t value = 0;
  const char* const end = it->second.data() + it->second.size();
  const auto [stop, error] = std::from_chars(it->second.data(), end, value);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

}  // namespace

Notes shape_notes(const ModelShape& shape) {
  return {{"model.architecture", kArchitecture},
          {"model.features", fmt::format("{:016x}", feature_schema())},
          {"model.inputs", std::to_string(shape.network.features)},
          {"model.channels", std::to_string(shape.network.channels)},
          {"model.blocks", std::to_string(shape.network.blocks)},
          {"model.rank", std::to_string(shape.encoder.rank)},
          {"model.attention", shape.encoder.attention ? "1" : "0"},
          {"model.generated", shape.generated ? "1" : "0"}};
}

Result<ModelShape> shape_from_notes(const Notes& notes, const std::string& name) {
  const auto is = [&](const char* note, const std::string& value) {
    const auto it = notes.find(note);
    return it != notes.end() && it->second == value;
  };
  if (!is("model.architecture", kArchitecture))
    return fail(ErrorKind::kUnsupported, name + ": not a model of the architecture " + kArchitecture,
                "use the model that came with this version, or train one");
  if (!is("model.features", fmt::format("{:016x}", feature_schema())))
    return fail(ErrorKind::kUnsupported, name + ": the model was trained on other features",
                "use the model that came with this version, or train one");
  const auto features = number(notes, "model.inputs"), channels = number(notes, "model.channels"),
             blocks = number(notes, "model.blocks"), rank = number(notes, "model.rank"),
             attention = number(notes, "model.attention"), generated = number(notes, "model.generated");
  if (!features || !channels || !blocks || !rank || !attention || !generated || *features != kFeatures)
    return fail(ErrorKind::kFailed, name + ": the model's shape is missing or wrong", "fetch the file again");
  const ModelShape shape{{*features, *channels, *blocks}, {*rank, *attention != 0}, *generated != 0};
  if (auto checked = shape.check(); !checked)
    return fail(ErrorKind::kFailed, name + ": " + checked.error().message, "fetch the file again");
  return shape;
}

TensorFile model_to_tensors(const Model& model, const Notes& notes) {
  TensorFile file;
  file.metadata = notes;
  const ModelShape& shape = model.shape();
  for (const auto& [name, text] : shape_notes(shape)) file.metadata[name] = text;
  for (const TensorPlace& place : model_tensors(shape)) {
    const auto values = model.values().subspan(place.offset, place.size);
    file.tensors.push_back({place.name, place.dimensions, {values.begin(), values.end()}});
  }
  if (auto outputs = golden_outputs(model))
    file.tensors.push_back({kGolden, {kGoldenRows, kHeadOutputs}, *std::move(outputs)});
  return file;
}

Result<NamedModel> model_from_tensors(const TensorFile& file, const std::string& name) {
  const auto shape = TIER_TRY(shape_from_notes(file.metadata, name));
  NamedModel out{Model(shape), payload_sha256(file), file.metadata};
  const auto places = model_tensors(shape);
  bool fits = file.tensors.size() == places.size() + 1;
  for (std::size_t i = 0; fits && i < places.size(); ++i) {
    const Tensor& tensor = file.tensors[i];
    fits = tensor.name == places[i].name && tensor.shape == places[i].dimensions;
    if (fits)
      std::copy(tensor.values.begin(), tensor.values.end(),
                out.model.values().begin() + static_cast<std::ptrdiff_t>(places[i].offset));
  }
  fits = fits && file.tensors.back().name == kGolden &&
         file.tensors.back().values.size() == kGoldenRows * kHeadOutputs;
  if (!fits)
    return fail(ErrorKind::kFailed, name + ": its tensors are not those of its shape",
                "fetch the file again");
  const auto outputs = TIER_TRY(golden_outputs(out.model));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const float expected = file.tensors.back().values[i];
    if (std::abs(outputs[i] - expected) <= kSame * (1 + std::abs(expected))) continue;
    return fail(ErrorKind::kFailed, name + ": the network says other things here than where it was trained",
                "report it with the processor's model; until then the switch forecasts alone");
  }
  return out;
}

std::filesystem::path default_model_path() { return shared_file("model.safetensors", TIERD_MODEL_INSTALLED); }

Result<std::shared_ptr<const NamedModel>> load_model(const std::filesystem::path& path) {
  const auto file = TIER_TRY(read_tensor_file(path));
  auto model = TIER_TRY(model_from_tensors(file, path.string()));
  return std::make_shared<const NamedModel>(std::move(model));
}

}  // namespace tier
