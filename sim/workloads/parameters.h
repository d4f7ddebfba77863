// Parameters of workload generators: numbers with a unit, a default and a range, read from `name=value,…`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier::sim {

enum class Unit { kBytes, kBytesPerSecond, kSeconds, kShare, kNumber, kCount, kPages };

struct Parameter {
  const char* name;
  const char* description;
  Unit unit;
  double fallback, least, most;  // bytes, bytes per second, seconds, 0..1, plain; pages: 0 small, 1 huge
};

// A value for every parameter of a generator. Names that it does not have are an error in the program.
class Values {
 public:
  explicit Values(std::map<std::string, double, std::less<>> values) : values_(std::move(values)) {}
  double operator[](std::string_view name) const { return values_.find(name)->second; }
  Bytes bytes(std::string_view name) const { return {static_cast<std::uint64_t>((*this)[name])}; }
  std::uint64_t count(std::string_view name) const { return static_cast<std::uint64_t>((*this)[name]); }

 private:
  std::map<std::string, double, std::less<>> values_;
};

// `text` is what stands after the generator's name: "footprint=10GiB,hot=0.1". Errors (kUsage) name the
// parameter and say what there is.
Result<Values> parse_values(std::string_view text, const std::vector<Parameter>& parameters);

std::string show(const Parameter& parameter, double value);  // as one would write it
std::string list(const std::vector<Parameter>& parameters);  // "footprint (default 16GiB), …"

}  // namespace tier::sim
