#include "tools/tier-train/candidate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "predictor/network/features.h"

namespace tier::sim {
namespace {

constexpr std::array<std::uint32_t, 3> kChannels = {8, 16, 24};
constexpr std::array<std::uint32_t, 5> kBlocks = {0, 1, 2, 3, 4};
constexpr std::array<std::uint32_t, 5> kRanks = {0, 2, 4, 8, 16};
constexpr std::array<HorizonsEntry, 3> kHorizonWeights = {
    {{"even", {1, 1, 1}}, {"near", {1.5, 1, 0.5}}, {"far", {0.5, 1, 1.5}}}};

std::uint64_t features_called(std::initializer_list<std::string_view> prefixes) {
  std::uint64_t bits = 0;
  const auto& table = feature_table();
  for (std::size_t f = 0; f < table.size(); ++f)
    for (const std::string_view prefix : prefixes)
      if (std::string_view(table[f].name).starts_with(prefix)) bits |= std::uint64_t{1} << f;
  return bits;
}

// The library's distributions differ from one to another; this does not.
std::size_t index(std::mt19937_64& random, std::size_t count) { return random() % count; }

std::uint32_t all_groups() { return (1U << feature_groups().size()) - 1; }

// Half of the draws see everything; the others lack up to three groups.
std::uint32_t draw_groups(std::mt19937_64& random) {
  std::uint32_t groups = all_groups();
  if (index(random, 2) == 0) return groups;
  const std::size_t lacking = 1 + index(random, 3);
  for (std::size_t i = 0; i < lacking; ++i) groups &= ~(1U << index(random, feature_groups().size()));
  return groups;
}

void change_one(Candidate& candidate, std::mt19937_64& random) {
  switch (index(random, 5)) {
    case 0:
      candidate.channels = kChannels[index(random, kChannels.size())];
      break;
    case 1:
      candidate.blocks = kBlocks[index(random, kBlocks.size())];
      break;
    case 2:
      candidate.rank = kRanks[index(random, kRanks.size())];
      break;
    case 3:
      candidate.groups ^= 1U << index(random, feature_groups().size());
      break;
    default:
      candidate.horizons = static_cast<std::uint32_t>(index(random, kHorizonWeights.size()));
  }
  if (candidate.groups == 0) candidate.groups = all_groups();
}

}  // namespace

std::span<const FeatureGroup> feature_groups() {
  static const std::array<FeatureGroup, 8> groups = {{
      {"demand", features_called({"demand"})},
      {"averages", features_called({"average-"})},
      {"neighbours", features_called({"around", "left", "right"})},
      {"season", features_called({"season-"})},
      {"group", features_called({"group-"})},
      {"switch", features_called({"switch-"})},
      {"idle", features_called({"touched", "idle", "age", "due"})},
      {"writes", features_called({"writes"})},
  }};
  return groups;
}

std::span<const HorizonsEntry> horizons_table() { return kHorizonWeights; }

ModelShape Candidate::shape() const {
  return {{static_cast<std::uint32_t>(kFeatures), channels, blocks}, {rank, true}, true};
}

std::uint64_t Candidate::seen_features() const {
  std::uint64_t seen = 0;
  const auto list = feature_groups();
  for (std::size_t g = 0; g < list.size(); ++g)
    if ((groups >> g & 1) != 0) seen |= list[g].features;
  return seen;
}

std::string Candidate::key() const {
  return fmt::format("c{}-b{}-r{}-g{:02x}-{}", channels, blocks, rank, groups,
                     kHorizonWeights[horizons].name);
}

// FNV-1a over the key, after the search's seed.
std::uint64_t Candidate::seed(std::uint64_t search) const {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ search;
  for (const char c : key()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

Candidate usual_candidate() {
  Candidate candidate;
  candidate.groups = all_groups();
  return candidate;
}

Candidate draw_candidate(std::mt19937_64& random) {
  Candidate candidate;
  candidate.channels = kChannels[index(random, kChannels.size())];
  candidate.blocks = kBlocks[index(random, kBlocks.size())];
  candidate.rank = kRanks[index(random, kRanks.size())];
  candidate.groups = draw_groups(random);
  candidate.horizons = static_cast<std::uint32_t>(index(random, kHorizonWeights.size()));
  return candidate;
}

Candidate mutate(const Candidate& of, std::mt19937_64& random) {
  Candidate other = of;
  while (other == of) {
    change_one(other, random);
    if (index(random, 2) == 0) change_one(other, random);
  }
  return other;
}

nlohmann::json to_json(const Candidate& of) {
  nlohmann::json groups = nlohmann::json::array();
  for (std::size_t g = 0; g < feature_groups().size(); ++g)
    if ((of.groups >> g & 1) != 0) groups.push_back(feature_groups()[g].name);
  return {{"channels", of.channels},
          {"blocks", of.blocks},
          {"rank", of.rank},
          {"groups", groups},
          {"horizons", kHorizonWeights[of.horizons].name}};
}

Result<Candidate> candidate_from(const nlohmann::json& json) {
  const auto wrong = [] { return fail(ErrorKind::kFailed, "not a candidate of this search"); };
  const auto among = [](const auto& list, std::uint32_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  try {
    Candidate out{json.at("channels").get<std::uint32_t>(), json.at("blocks").get<std::uint32_t>(),
                  json.at("rank").get<std::uint32_t>(), 0, 0};
    if (!among(kChannels, out.channels) || !among(kBlocks, out.blocks) || !among(kRanks, out.rank))
      return wrong();
    for (const auto& name : json.at("groups")) {
      const auto groups = feature_groups();
      const auto found = std::find_if(groups.begin(), groups.end(), [&](const FeatureGroup& group) {
        return name.get<std::string>() == group.name;
      });
      if (found == groups.end()) return wrong();
      out.groups |= 1U << (found - groups.begin());
    }
    const auto called = json.at("horizons").get<std::string>();
    const auto found = std::find_if(kHorizonWeights.begin(), kHorizonWeights.end(),
                                    [&](const HorizonsEntry& entry) { return called == entry.name; });
    if (found == kHorizonWeights.end() || out.groups == 0) return wrong();
    out.horizons = static_cast<std::uint32_t>(found - kHorizonWeights.begin());
    return out;
  } catch (const nlohmann::json::exception&) {
    return wrong();
  }
}

}  // namespace tier::sim
