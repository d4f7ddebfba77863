#include "tools/tier-train/inspection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "predictor/training/pass.h"
#include "tools/tier-train/recipes.h"

namespace tier::sim {
namespace {

constexpr std::array<const char*, kTokenKinds> kKinds = {"tier", "metric", "workload"};
constexpr std::size_t kKnownTicks = 64;  // of the workload, when its context is looked at

TensorSummary summarise(const Tensor& tensor) {
  TensorSummary out{tensor.name, tensor.shape, 0, 0, 0, 0};
  if (tensor.values.empty()) return out;
  const auto n = static_cast<double>(tensor.values.size());
  for (const float v : tensor.values) out.mean += v / n;
  for (const float v : tensor.values) out.deviation += (v - out.mean) * (v - out.mean) / n;
  out.deviation = std::sqrt(out.deviation);
  const auto [least, most] = std::minmax_element(tensor.values.begin(), tensor.values.end());
  out.least = *least, out.most = *most;
  return out;
}

Result<ContextSummary> look_at(const Model& model, const std::string& workload, const std::string& machine) {
  const auto spec = fmt::format("{}:footprint=512MiB,length={}s", workload, kKnownTicks + 1);
  const auto task = TIER_TRY(make_task({spec, workload, machine}, {kKnownTicks, 64, RegionPart::kAll}));
  const Conditioned context = condition(model, tokens_after(task, kKnownTicks));
  ContextSummary out{workload, machine, {}, {}, 0};
  for (std::size_t t = 0; t < context.tokens.size(); ++t) {
    const auto kind = static_cast<std::size_t>(context.tokens[t].kind);
    ++out.tokens[kind];
    for (std::size_t head = 0; head < kHeads && !context.encoding.attention.empty(); ++head)
      out.attention[kind][head] += context.encoding.attention[t * kHeads + head];
  }
  const auto& z = context.encoding.z;
  for (const float v : z) out.z += static_cast<double>(v) * v / static_cast<double>(z.size());
  out.z = std::sqrt(out.z);
  return out;
}

std::string shape_text(const ModelShape& shape) {
  return fmt::format("{} features, {} channels, {} blocks ({} ticks), context of rank {}{}, {}",
                     shape.network.features, shape.network.channels, shape.network.blocks,
                     shape.network.receptive_field(), shape.encoder.rank,
                     shape.encoder.attention ? "" : " without attention",
                     shape.generated ? "weights generated" : "stem's biases generated");
}

}  // namespace

Result<Inspection> inspect_model(const std::filesystem::path& path) {
  const auto file = TIER_TRY(read_tensor_file(path));
  const auto named = TIER_TRY(model_from_tensors(file, path.string()));
  Inspection out;
  out.shape = named.model.shape(), out.hash = named.hash;
  std::error_code unknown;
  out.bytes = std::filesystem::file_size(path, unknown);
  if (unknown) out.bytes = 0;
  out.network_weights = named.model.network_size(), out.values = named.model.values().size();
  out.notes = named.notes;
  for (const Tensor& tensor : file.tensors) out.tensors.push_back(summarise(tensor));
  if (out.shape.encoder.rank == 0) return out;
  for (const auto& [workload, machine] :
       {std::pair("zipf", "ddr5-cxl"), std::pair("phases", "xeon-max"), std::pair("stencil", "gh200")}) {
    const auto context = TIER_TRY(look_at(named.model, workload, machine));
    out.contexts.push_back(context);
  }
  return out;
}

nlohmann::json to_json(const Inspection& of) {
  nlohmann::json tensors = nlohmann::json::array(), contexts = nlohmann::json::array();
  for (const TensorSummary& t : of.tensors)
    tensors.push_back({{"name", t.name},
                       {"shape", t.shape},
                       {"mean", t.mean},
                       {"deviation", t.deviation},
                       {"least", t.least},
                       {"most", t.most}});
  for (const ContextSummary& c : of.contexts) {
    nlohmann::json attention, tokens;
    for (std::size_t k = 0; k < kTokenKinds; ++k)
      attention[kKinds[k]] = c.attention[k], tokens[kKinds[k]] = c.tokens[k];
    contexts.push_back({{"workload", c.workload},
                        {"machine", c.machine},
                        {"tokens", tokens},
                        {"attention_by_head", attention},
                        {"z", c.z}});
  }
  return {{"schema", "tierd.model/1"},
          {"sha256", of.hash},
          {"bytes", of.bytes},
          {"features", of.shape.network.features},
          {"channels", of.shape.network.channels},
          {"blocks", of.shape.network.blocks},
          {"rank", of.shape.encoder.rank},
          {"attention", of.shape.encoder.attention},
          {"generated", of.shape.generated},
          {"network_weights", of.network_weights},
          {"values", of.values},
          {"notes", of.notes},
          {"tensors", tensors},
          {"contexts", contexts}};
}

std::string inspection_table(const Inspection& of) {
  std::string out = fmt::format("sha256  {}\nshape   {}\nsize    {} bytes, {} values, {} of the network\n",
                                of.hash, shape_text(of.shape), of.bytes, of.values, of.network_weights);
  for (const auto& [name, text] : of.notes)
    if (!name.starts_with("model.")) out += fmt::format("{:<18}{}\n", name, text);
  out += fmt::format("\n{:<26}{:>12}{:>11}{:>11}{:>11}{:>11}\n", "tensor", "shape", "mean", "deviation",
                     "least", "most");
  for (const TensorSummary& t : of.tensors)
    out += fmt::format("{:<26}{:>12}{:>11.4f}{:>11.4f}{:>11.4f}{:>11.4f}\n", t.name,
                       fmt::format("{}", fmt::join(t.shape, "x")), t.mean, t.deviation, t.least, t.most);
  if (of.contexts.empty()) return out;
  out += fmt::format("\nattention in %, by head\n{:<30}", "");
  for (const char* kind : kKinds) out += fmt::format("{:>14}", kind);
  out += fmt::format("{:>10}\n", "z");
  for (const ContextSummary& c : of.contexts) {
    out += fmt::format("{:<30}", c.workload + " on " + c.machine);
    for (std::size_t k = 0; k < kTokenKinds; ++k)
      out += c.tokens[k] == 0
                 ? fmt::format("{:>14}", "-")
                 : fmt::format("{:>9.0f}{:>5.0f}", 100 * c.attention[k][0], 100 * c.attention[k][1]);
    out += fmt::format("{:>10.3f}\n", c.z);
  }
  return out;
}

}  // namespace tier::sim
