// sampler-bench: what the access sources are worth and what they cost, measured on this machine. Needs root.
#include <cstdio>
#include <map>
#include <string>

#include "tools/sampler-bench/bench_support.h"

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::map<std::string, int (*)()> benches = {
      {"accuracy", tier::bench_accuracy}, {"decode-rate", tier::bench_decode_rate},
      {"cost", tier::bench_cost},         {"price", tier::bench_price},
      {"rate", tier::bench_rate},         {"perf", tier::bench_perf},
      {"hints", tier::bench_hints}};
  const auto bench = argc == 2 ? benches.find(argv[1]) : benches.end();
  if (bench == benches.end()) {
    std::fputs(
        "usage: sampler-bench accuracy | decode-rate | cost | price | rate | perf | hints\n"
        "The last line is a JSON object with name, value, unit, target, holds. Exit code 0: the target "
        "holds, 1: it\n"
        "does not, 2: it could not be measured.\n",
        stderr);
    return 2;
  }
  return bench->second();
}
