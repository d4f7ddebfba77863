// What is in a model's file, for people.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "predictor/network/model_file.h"

namespace tier::sim {

struct TensorSummary {
  std::string name;
  std::vector<std::uint64_t> shape;
  double mean = 0, deviation = 0, least = 0, most = 0;  // deviation: of the population
};

// How the encoder looks at one context. Nothing of rank 0 and without attention.
struct ContextSummary {
  std::string workload, machine;
  std::array<std::size_t, kTokenKinds> tokens{};                  // by TokenKind
  std::array<std::array<double, kHeads>, kTokenKinds> attention;  // sums to 1 over the kinds, by head
  double z = 0;                                                   // root of the mean square
};

struct Inspection {
  ModelShape shape;
  std::string hash;
  std::uint64_t bytes = 0, network_weights = 0, values = 0;
  std::map<std::string, std::string> notes;
  std::vector<TensorSummary> tensors;
  std::vector<ContextSummary> contexts;  // of three generators on three machines
};

// Errors: those of reading the file and of model_from_tensors().
Result<Inspection> inspect_model(const std::filesystem::path& file);

nlohmann::json to_json(const Inspection& inspection);
std::string inspection_table(const Inspection& inspection);  // for a terminal

}  // namespace tier::sim
