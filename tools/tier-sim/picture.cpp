#include "tools/tier-sim/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace tier::sim {
namespace {

// HSL to RGB; all from 0 to 1.
std::string colour_of(double hue, double saturation, double lightness) {
  const auto channel = [&](double n) {
    const double k = std::fmod(n + hue * 12, 12);
    const double a = saturation * std::min(lightness, 1 - lightness);
    return static_cast<int>(
        std::lround(255 * (lightness - a * std::max(-1.0, std::min({k - 3, 9 - k, 1.0})))));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", channel(0), channel(8), channel(4));
}

}  // namespace

std::vector<std::string> distinct_colours(std::size_t count) {
  // Dark enough for thin lines on white; three depths tell neighbours in hue apart.
  constexpr std::array<double, 3> kLightness = {0.42, 0.28, 0.58};
  std::vector<std::string> colours;
  for (std::size_t i = 0; i < count; ++i)
    colours.push_back(colour_of(static_cast<double>(i) / static_cast<double>(count), 0.75,
                                kLightness[i % kLightness.size()]));
  return colours;
}

std::vector<double> spread_labels(const std::vector<double>& wanted, double apart) {
  std::vector<std::size_t> order(wanted.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  // Labels that touch form a block, which lies where its labels lie on average.
  struct Block {
    double sum = 0;
    std::size_t first = 0, count = 0;
    double start(double gap) const {
      return sum / static_cast<double>(count) - gap * static_cast<double>(count - 1) / 2;
    }
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size(); ++i) {
    blocks.push_back({wanted[order[i]], i, 1});
    while (blocks.size() > 1) {
      Block& low = blocks[blocks.size() - 2];
      const Block& high = blocks.back();
      if (low.start(apart) + apart * static_cast<double>(low.count) <= high.start(apart)) break;
      low.sum += high.sum, low.count += high.count;
      blocks.pop_back();
    }
  }
  std::vector<double> at(wanted.size());
  for (const Block& block : blocks)
    for (std::size_t i = 0; i < block.count; ++i)
      at[order[block.first + i]] = block.start(apart) + apart * static_cast<double>(i);
  return at;
}

std::vector<std::string> told_apart(std::vector<std::string> texts) {
  std::map<std::string, std::size_t> count, number;
  for (const std::string& text : texts) ++count[text];
  for (std::string& text : texts) {
    const std::string same = text;
    if (count[same] > 1) text += fmt::format(" #{}", ++number[same]);
  }
  return texts;
}

std::vector<RowLabel> row_labels(const std::vector<RegionName>& names, std::size_t region_size,
                                 std::size_t apart) {
  std::map<std::size_t, std::string> chosen;
  std::set<std::string> named;
  const auto free = [&](std::size_t at) {
    const auto after = chosen.lower_bound(at);
    if (after != chosen.end() && after->first - at < apart) return false;
    return after == chosen.begin() || at - std::prev(after)->first >= apart;
  };
  // A process whose first region has no room for a label is named where there is.
  const auto pass = [&](const auto& wanted) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!names[i].target.empty() && wanted(i) && free(i))
        chosen[i] = (named.insert(names[i].target).second ? names[i].target + " " : "") +
                    fmt::format("0x{:x}", names[i].address);
  };
  const auto begins = [&](std::size_t i) { return i == 0 || names[i].target != names[i - 1].target; };
  pass(begins);
  pass([&](std::size_t i) { return !begins(i) && names[i].address != names[i - 1].address + region_size; });
  pass([&](std::size_t i) { return !begins(i); });
  std::vector<RowLabel> labels;
  labels.reserve(chosen.size());
  for (auto& [at, text] : chosen) labels.push_back({at, std::move(text)});
  return labels;
}

}  // namespace tier::sim
