// How many user-time samples of real programs decode to a data address.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "tools/sampler-bench/bench_support.h"

namespace tier {
namespace {

constexpr Nanoseconds kWarmUp = std::chrono::seconds(3);
constexpr Nanoseconds kMeasured = std::chrono::seconds(6);
constexpr std::size_t kProgramsWanted = 4;

struct Subject {
  std::string name;
  std::vector<std::string> command;
  std::vector<std::string> driver;  // keeps it busy; empty: it is busy by itself
};

std::vector<Subject> subjects(const std::string& folder) {
  const std::string socket = folder + "/redis.sock";
  const std::string sql =
      "create table t(a integer, b text); insert into t with recursive n(i) as (select 1 union all select i "
      "+ 1 from n "
      "where i < 2000000) select abs(random()) % 1000000007, hex(randomblob(8)) from n; create index i on "
      "t(a); "
      "select sum(length(x.b)) from t x join t y on y.a = abs(x.a * 7919) % 1000000007;"
      "select count(*) from (select a, count(*) from t group by a % 100003 order by 2);"
      "create index j on t(b); select count(*) from t x join t y on x.b = y.b;";
  const std::string dictionary =
      "import random\nd = {random.getrandbits(40): i for i in range(2000000)}\nk = "
      "list(d)\nrandom.shuffle(k)\n"
      "while True:\n  s = 0\n  for x in k:\n    s += d[x]\n    d[x] = s & 255\n";
  const std::string graph =
      "import igraph, numpy\nc = numpy.random.RandomState(1)\ne = numpy.empty((1000000, 2), numpy.int64)\n"
      "e[:, 0] = c.randint(0, 100000, 1000000)\ne[:, 1] = 100000 * c.random_sample(1000000) ** 3\n"
      "g = igraph.Graph(n=100000, edges=e, directed=True)\n"
      "while True:\n  g.neighborhood_size(vertices=c.randint(0, 100000, 500).tolist(), order=2, "
      "mode=\"out\")\n";
  std::vector<std::string> xz = {"xz", "-9", "-T1", "-k", "-c"};
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator("/usr/lib/x86_64-linux-gnu", ignored))
    if (file.is_regular_file(ignored) && file.file_size(ignored) > (4U << 20))
      xz.push_back(file.path().string());
  return {{"sqlite3", {"sqlite3", ":memory:", sql}, {}},
          {"redis-server",
           {"redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"},
           {"redis-benchmark", "-s", socket, "-r", "1000000", "-n", "100000000", "-t", "set,get", "-P", "16",
            "-q"}},
          {"python3 dictionary", {"python3", "-c", dictionary}, {}},
          {"igraph neighbourhoods", {"/usr/bin/python3", "-c", graph}, {}},
          {"xz -9", xz, {}}};
}

struct Outcome {
  std::uint64_t taken = 0;
  double rate = 0;       // of samples that decode
  double computing = 0;  // share of them in which the program waited for no memory
};

std::optional<Outcome> measure(AccessSource& source, const Subject& subject) {
  const Program program = Program::execute(subject.command);
  usleep(500000);  // a server opens its socket
  std::optional<Program> driver;
  if (!subject.driver.empty()) driver.emplace(Program::execute(subject.driver));
  watch(source, program, kWarmUp);
  if (!program.running()) return std::nullopt;
  const SampleBatch batch = watch(source, program, kMeasured);
  if (batch.counters.taken == 0) return std::nullopt;
  const auto taken = static_cast<double>(batch.counters.taken);
  const auto decoded = static_cast<double>(batch.counters.delivered + batch.counters.computing);
  return Outcome{batch.counters.taken, decoded / taken,
                 static_cast<double>(batch.counters.computing) / std::max(decoded, 1.0)};
}

}  // namespace

int bench_decode_rate() {
  const SteadyClock clock;
  Result<std::unique_ptr<StallSource>> source = start_stall({}, clock);
  if (!source) return cannot(source.error());
  std::string folder = (std::filesystem::temp_directory_path() / "sampler-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return cannot({ErrorKind::kFailed, "no temporary folder " + folder, {}});
  fmt::print("{:<22}{:>10}{:>10}{:>14}\n", "program", "samples", "decoded", "computing");
  double lowest = 1;
  std::size_t measured = 0;
  for (const Subject& subject : subjects(folder)) {
    const std::optional<Outcome> outcome = measure(**source, subject);
    if (!outcome) {
      fmt::print("{:<22}  did not run or used no CPU (is {} installed?)\n", subject.name,
                 subject.command.front());
      continue;
    }
    ++measured;
    lowest = std::min(lowest, outcome->rate);
    fmt::print("{:<22}{:>10}{:>9.1f}%{:>13.1f}%\n", subject.name, outcome->taken, 100 * outcome->rate,
               100 * outcome->computing);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  std::fflush(stdout);
  return verdict("decode-rate", measured == 0 ? 0 : lowest,
                 "share of user-time samples that decode, lowest program", "printed for 4 programs or more",
                 measured >= kProgramsWanted);
}

}  // namespace tier
