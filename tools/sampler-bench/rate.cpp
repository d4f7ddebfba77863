// Samples a second that the default budget buys on five programs, and the CPU time of one that is of use.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "tools/sampler-bench/subjects.h"

namespace tier {
namespace {

constexpr Nanoseconds kSettled = std::chrono::seconds(16);  // the clock is priced in nine steps, one a second
constexpr Nanoseconds kMeasured = std::chrono::seconds(6);
constexpr std::size_t kChased = std::size_t{256} << 20;
constexpr int kFunctions = 12000;  // of the compiled text: a minute of work

struct Node {
  const Node* next;
  std::uint64_t value;
};

// Each node is known once the one before it is there.
[[noreturn]] void chase() {
  std::vector<Node> nodes(kChased / sizeof(Node));
  std::vector<std::uint32_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  for (std::size_t i = 0; i < order.size(); ++i) nodes[order[i]] = {&nodes[order[(i + 1) % order.size()]], i};
  volatile std::uint64_t sum = 0;
  for (const Node* node = nodes.data();; node = node->next) sum = sum + node->value;
}

// A compiler at work on text that it cannot do quickly.
Subject compiler(const std::string& folder) {
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

struct Rate {
  double samples = 0;  // a second, of use
  double price = 0;    // CPU seconds of one
  double share = 0;    // of one CPU
};

// Earlier builds, measured beside this one by its sources, weigh nothing against the price.
template <typename Source>
void tell_stake(Source& source) {
  if constexpr (requires { source.set_stake(100.0); }) source.set_stake(100.0);
}

std::optional<Rate> measure(const Program& program, const Clock& clock) {
  SamplingSettings settings;
  settings.target_samples_per_second = 1e6;  // as many as the budget buys
  Result<std::unique_ptr<StallSource>> source = start_stall(settings, clock);
  if (!source) {
    cannot(source.error());
    return std::nullopt;
  }
  tell_stake(**source);
  watch(**source, program, kSettled);
  const Nanoseconds begun = clock.now(), ran = program.cpu_time();
  double share = 0;
  std::uint64_t useful = 0;
  constexpr int kParts = 6;
  for (int part = 0; part < kParts; ++part) {
    const SampleBatch batch = watch(**source, program, kMeasured / kParts);
    useful += batch.counters.delivered + batch.counters.computing;
    share += (*source)->status().cpu_share / kParts;
  }
  if (!program.running() || useful == 0) return std::nullopt;
  // A machine busy with other work gives the program less than a CPU: samples a second of its own time.
  const double passed = seconds(clock.now() - begun), busy = seconds(program.cpu_time() - ran);
  fmt::print("  {}\n", (*source)->status().fidelity);
  return Rate{static_cast<double>(useful) / busy, share * passed / static_cast<double>(useful), share};
}

}  // namespace

int bench_rate() {
  const SteadyClock clock;
  const TemporaryFolder folder;
  if (folder.path().empty()) return cannot({ErrorKind::kFailed, "no temporary folder", {}});
  std::vector<Subject> subjects = real_programs(folder.path());
  subjects.resize(3);  // sqlite3, redis-server, python3
  subjects.push_back(compiler(folder.path()));
  nlohmann::json rows = nlohmann::json::object();
  double logarithms = 0;
  const auto add = [&](const std::string& name, const std::optional<Rate>& rate) {
    if (!rate) {
      fmt::print("{:<22}  did not run for long enough\n", name);
      return;
    }
    fmt::print("{:<22}{:>9.0f} a second of its time{:>9.2f} us each{:>8.2f}% of a CPU\n", name, rate->samples,
               rate->price * 1e6, rate->share * 100);
    rows[name] = {
        {"samples_per_s", rate->samples}, {"us_per_sample", rate->price * 1e6}, {"cpu_share", rate->share}};
    logarithms += std::log(rate->samples);
  };
  for (const Subject& subject : subjects)
    add(subject.name, measure(RunningSubject(subject).program(), clock));
  add("pointer chase", measure(Program::fork_body(chase), clock));
  const bool whole = rows.size() == subjects.size() + 1;
  nlohmann::json last = {
      {"name", "rate"},
      {"value", rows.empty() ? 0 : std::exp(logarithms / static_cast<double>(rows.size()))},
      {"unit", "samples of use a second of the program's time, geometric mean"},
      {"target", "printed for five programs"},
      {"holds", whole},
      {"programs", rows}};
  fmt::print("{}\n", last.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stdout);
  return whole ? 0 : 1;
}

}  // namespace tier
