#include "tierd/policy/ranking.h"

#include <gtest/gtest.h>

#include <random>

namespace tier {
namespace {

TEST(Ranking, IsAStableSortHoweverItIsAsked) {
  std::mt19937 random(7);
  std::vector<Ranking::Entry> entries(500);
  for (std::uint32_t i = 0; i < entries.size(); ++i) entries[i] = {static_cast<double>(random() % 40), i};
  auto sorted = entries;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.merit > b.merit; });
  Ranking ranking(entries);
  ASSERT_EQ(ranking.size(), entries.size());
  for (const std::size_t i : {0u, 1u, 0u, 37u, 5u, 36u}) EXPECT_EQ(ranking.at(i), sorted[i].candidate) << i;
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(ranking.at(i), sorted[i].candidate) << i;
}

}  // namespace
}  // namespace tier
