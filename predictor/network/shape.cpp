#include "predictor/network/shape.h"

#include <fmt/format.h>

namespace tier {

Result<void> NetworkShape::check() const {
  const auto wrong = [](const char* what, std::uint32_t value, const char* fix) {
    return fail(ErrorKind::kUsage, fmt::format("a network cannot have {} {}", value, what), fix);
  };
  if (features == 0 || features % 8 != 0 || features > 64)
    return wrong("features", features, "use a multiple of 8, at most 64");
  if (channels == 0 || channels % 8 != 0 || channels > 64)
    return wrong("channels", channels, "use a multiple of 8, at most 64");
  if (blocks > 5) return wrong("blocks", blocks, "use 0 to 5");
  return {};
}

std::vector<TensorPlace> network_tensors(const NetworkShape& shape) {
  std::vector<TensorPlace> places;
  std::size_t offset = 0;
  const auto add = [&](const std::string& name, std::vector<std::uint64_t> dimensions, std::size_t inputs) {
    std::size_t size = 1;
    for (const std::uint64_t d : dimensions) size *= d;
    places.push_back({name, std::move(dimensions), offset, size, inputs});
    offset += size;
  };
  const std::uint64_t c = shape.channels;
  add("stem.weight", {c, shape.features}, shape.features), add("stem.bias", {c}, 0);
  for (std::uint32_t b = 0; b < shape.blocks; ++b)
    for (int conv = 0; conv < 2; ++conv) {
      const std::string name = fmt::format("block{}.conv{}", b, conv);
      add(name + ".weight", {c, c, kTaps}, c * kTaps), add(name + ".bias", {c}, 0);
    }
  add("head.weight", {kHeadOutputs, c}, c), add("head.bias", {kHeadOutputs}, 0);
  return places;
}

std::size_t network_weights(const NetworkShape& shape) {
  const TensorPlace last = network_tensors(shape).back();
  return last.offset + last.size;
}

}  // namespace tier
