#include "tools/sampler-bench/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

namespace tier {
namespace {

constexpr std::size_t kChased = std::size_t{256} << 20;
constexpr std::uint64_t kTreeNodes = 20'000'000;  // of 48 bytes and the allocator's 16
constexpr int kFunctions = 12000;                 // of the compiled text

struct Node {
  const Node* next;
  std::uint64_t value;
};

}  // namespace

// Each node is known once the one before it is there.
[[noreturn]] void chase_pointers() {
  std::vector<Node> nodes(kChased / sizeof(Node));
  std::vector<std::uint32_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  for (std::size_t i = 0; i < order.size(); ++i) nodes[order[i]] = {&nodes[order[(i + 1) % order.size()]], i};
  volatile std::uint64_t sum = 0;
  for (const Node* node = nodes.data();; node = node->next) sum = sum + node->value;
}

Subject busy_compiler(const std::string& folder) {
  const std::string source = folder + "/many.cpp";
  std::ofstream text(source);
  for (int i = 0; i < kFunctions; ++i)
    text << fmt::format(
        "template <int N> struct S{0} {{ double v[N]; double sum() const {{ double s = 0; for (int i = 0; i "
        "< N; ++i) "
        "s += v[i] * v[(i * 7 + {0}) % N]; return s; }} }};\n"
        "double f{0}(const S{0}<{1}>& a, const S{0}<{2}>& b) {{ return a.sum() * b.sum(); }}\n",
        i, 3 + i % 61, 5 + i % 57);
  text.close();
  std::string program;
  if (FILE* asked = popen("g++ -print-prog-name=cc1plus", "r"); asked != nullptr) {
    char line[4096] = "";
    if (fgets(line, sizeof(line), asked) != nullptr) program = line;
    pclose(asked);
  }
  while (program.ends_with('\n')) program.pop_back();
  return {"compiler", {program, "-quiet", "-O2", source, "-o", "/dev/null"}, {}};
}

Subject array_work() {
  const std::string text =
      "import numpy\nc = numpy.random.RandomState(1)\nn = 1 << 25\n"
      "k = c.randint(0, 1 << 40, n)\nv = c.random_sample(n)\nz = (n * c.random_sample(n) ** 4).astype(int)\n"
      "while True:\n  s = numpy.sort(k)\n  p = numpy.searchsorted(s, k[: n // 4])\n"
      "  t = v[z] + v[p[z % (n // 4)]]\n  h = numpy.bincount(z, weights=t, minlength=n)\n  v = v * .9 + h\n";
  return {"numpy arrays", {"/usr/bin/python3", "-c", text}, {}};
}

[[noreturn]] void search_tree() {
  std::map<std::uint64_t, std::uint64_t> tree;
  for (std::uint64_t key = 0; key < kTreeNodes; ++key) tree.emplace_hint(tree.end(), key, key);
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> uniform;
  volatile std::uint64_t sum = 0;
  for (;;) {
    const double place =
        std::pow(uniform(generator), 6);  // a tenth of the keys has two thirds of the searches
    sum = sum + tree.find(static_cast<std::uint64_t>(place * kTreeNodes))->second;
  }
}

Subject graph_searches() {
  const std::string text =
      "import igraph, numpy\nc = numpy.random.RandomState(1)\nn = 2000000\n"
      "e = numpy.empty((8 * n, 2), numpy.int64)\ne[:, 0] = c.randint(0, n, 8 * n)\n"
      "e[:, 1] = n * c.random_sample(8 * n) ** 3\ng = igraph.Graph(n=n, edges=e, directed=True)\n"
      "while True:\n  g.neighborhood_size(vertices=c.randint(0, n, 200).tolist(), order=3, mode=\"out\")\n";
  return {"igraph, large", {"/usr/bin/python3", "-c", text}, {}};
}

}  // namespace tier
