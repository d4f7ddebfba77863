#include "tools/sampler-bench/subjects.h"

#include <unistd.h>

#include <filesystem>

namespace tier {

std::vector<Subject> real_programs(const std::string& folder) {
  const std::string socket = folder + "/redis.sock";
  const std::string join = "select sum(length(x.b)) from t x join t y on y.a = abs(x.a * 7919) % 1000000007;";
  std::string sql =
      "create table t(a integer, b text); insert into t with recursive n(i) as (select 1 union all select i "
      "+ 1 from n "
      "where i < 2000000) select abs(random()) % 1000000007, hex(randomblob(8)) from n; create index i on "
      "t(a); " +
      join +
      "select count(*) from (select a, count(*) from t group by a % 100003 order by 2);"
      "create index j on t(b); select count(*) from t x join t y on x.b = y.b;";
  for (int again = 0; again < 50; ++again) sql += join;  // for as long as anybody looks
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

RunningSubject::RunningSubject(const Subject& subject)
    : program_(subject.body ? Program::fork_body(subject.body) : Program::execute(subject.command)) {
  if (subject.driver.empty()) return;
  usleep(500000);  // a server opens its socket
  driver_.emplace(Program::execute(subject.driver));
}

TemporaryFolder::TemporaryFolder()
    : path_((std::filesystem::temp_directory_path() / "sampler-bench-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) path_.clear();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace tier
