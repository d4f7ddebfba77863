// What a search has found, for people.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/tier-sim/gnuplot.h"
#include "tools/tier-train/search.h"
#include "tools/tier-train/search_json.h"

namespace tier::sim {
namespace {

constexpr std::size_t kListed = 12;

// Those that were trained longest, best first.
std::vector<SearchResult> finalists(const std::vector<SearchResult>& results) {
  std::size_t most = 0;
  for (const SearchResult& of : results)
    if (of.loss) most = std::max(most, of.steps);
  std::vector<SearchResult> chosen;
  for (const SearchResult& of : results)
    if (of.loss && of.steps == most) chosen.push_back(of);
  std::sort(chosen.begin(), chosen.end(), [](const SearchResult& a, const SearchResult& b) {
    return std::pair(*a.loss, a.candidate.key()) < std::pair(*b.loss, b.candidate.key());
  });
  return chosen;
}

std::string groups_missing(const Candidate& candidate) {
  std::vector<std::string> missing;
  for (std::size_t g = 0; g < feature_groups().size(); ++g)
    if ((candidate.groups >> g & 1) == 0) missing.emplace_back(feature_groups()[g].name);
  return fmt::format("{}", fmt::join(missing, ","));
}

bool among(const std::vector<SearchResult>& list, const SearchResult& result) {
  return std::any_of(list.begin(), list.end(),
                     [&](const SearchResult& of) { return of.candidate == result.candidate; });
}

}  // namespace

std::vector<SearchResult> pareto_front(const std::vector<SearchResult>& results) {
  auto list = finalists(results);
  std::stable_sort(list.begin(), list.end(), [](const SearchResult& a, const SearchResult& b) {
    return a.microseconds < b.microseconds;
  });
  std::vector<SearchResult> front;
  for (const SearchResult& of : list)
    if (front.empty() || *of.loss < *front.back().loss) front.push_back(of);
  return front;
}

nlohmann::json to_json(const std::vector<SearchResult>& results) {
  nlohmann::json all = nlohmann::json::array(), front = nlohmann::json::array();
  for (const SearchResult& of : results) all.push_back(to_json(of));
  for (const SearchResult& of : pareto_front(results)) front.push_back(to_json(of));
  return {{"schema", "tierd.search/1"}, {"results", all}, {"front", front}};
}

std::string search_table(const std::vector<SearchResult>& results) {
  const auto list = finalists(results), front = pareto_front(results);
  std::string out = fmt::format("{:>10}{:>12}{:>10}{:>8}{:>6}{:>9}{:>8}  {}\n", "loss", "us/region",
                                "channels", "blocks", "rank", "horizons", "steps", "without");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const SearchResult& of = list[i];
    if (i >= kListed && !among(front, of)) continue;
    const Candidate& c = of.candidate;
    out += fmt::format("{:>10.4f}{:>12.3f}{:>10}{:>8}{:>6}{:>9}{:>8}  {}{}\n", *of.loss, of.microseconds,
                       c.channels, c.blocks, c.rank, horizons_table()[c.horizons].name, of.steps,
                       groups_missing(c), among(front, of) ? "  *" : "");
  }
  const auto refused =
      std::count_if(results.begin(), results.end(), [](const SearchResult& of) { return !of.loss; });
  return out + fmt::format("* nothing is both cheaper and better. {} results, {} refused\n", results.size(),
                           refused);
}

Result<void> plot_search(const std::vector<SearchResult>& results, const std::filesystem::path& folder) {
  const auto rows = [](const std::vector<SearchResult>& list) {
    std::string text;
    for (const SearchResult& of : list) text += fmt::format("{:.5g} {:.6g}\n", of.microseconds, *of.loss);
    return text;
  };
  const auto picture = folder / "pareto.svg";
  return draw_picture("$all << EOD\n" + rows(finalists(results)) + "EOD\n$front << EOD\n" +
                          rows(pareto_front(results)) + "EOD\n" + picture_header(picture, 800, 600) +
                          "set xlabel 'microseconds per region and tick'\nset ylabel 'held-back loss'\n"
                          "set offsets graph 0.05, graph 0.05, graph 0.05, graph 0.05\n"
                          "plot $all with points pt 7 lc rgb 'grey50' title 'candidates', "
                          "$front with linespoints pt 7 lw 2 lc rgb '#d62728' title 'front'\n",
                      picture);
}

}  // namespace tier::sim
