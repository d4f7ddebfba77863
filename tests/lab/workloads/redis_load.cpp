// Drives a redis-server over a unix socket with a skewed load: reads and overwrites of one key each,
// popularity Zipf-distributed by age, the youngest keys most popular ("read latest", YCSB workload D, Cooper
// et al. 2010).
//   redis_load SOCKET KEYS VALUE_BYTES SEED fill     fills, prints "ready", exits
//   redis_load SOCKET KEYS VALUE_BYTES SEED run      loads for ever, prints "ops N" every second
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int kPipeline = 32;       // requests in flight: the server, not the round trip, is what we measure
constexpr double kExponent = 0.99;  // YCSB's default skew
constexpr double kWriteShare = 0.05;  // YCSB workload D: 95 % reads

class Connection {
 public:
  explicit Connection(const char* path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    for (int attempt = 0; attempt < 300; ++attempt) {
      if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return;
      usleep(100'000);  // the server may still be starting
    }
    std::perror("redis_load: connect");
    std::exit(1);
  }
  ~Connection() { close(fd_); }

  void send(const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = write(fd_, bytes.data() + done, bytes.size() - done);
      if (n <= 0) fail("write");
      done += static_cast<std::size_t>(n);
    }
  }

  // Reads `count` replies: status, error, or bulk strings. An error reply ends the program.
  void skip_replies(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string line = read_line();
      if (line[0] == '-') {
        std::fprintf(stderr, "redis_load: server says %s\n", line.c_str());
        std::exit(1);
      }
      if (line[0] == '$' && line[1] != '-') skip(std::strtoull(line.c_str() + 1, nullptr, 10) + 2);
    }
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    std::perror(what);
    std::exit(1);
  }
  void refill() {
    const ssize_t n = read(fd_, buffer_, sizeof(buffer_));
    if (n <= 0) fail("redis_load: read");
    begin_ = 0;
    end_ = static_cast<std::size_t>(n);
  }
  std::string read_line() {
    std::string line;
    for (;;) {
      if (begin_ == end_) refill();
      const char c = buffer_[begin_++];
      if (c == '\n') return line;
      if (c != '\r') line += c;
    }
  }
  void skip(std::size_t bytes) {
    while (bytes > 0) {
      if (begin_ == end_) refill();
      const std::size_t step = std::min(bytes, end_ - begin_);
      begin_ += step;
      bytes -= step;
    }
  }

  int fd_;
  char buffer_[64 << 10];
  std::size_t begin_ = 0, end_ = 0;
};

std::string command(std::initializer_list<std::string> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return out;
}

std::string key(std::uint64_t number) { return "key:" + std::to_string(number); }

// Ranks 0…n-1 with P(rank) ~ 1 / (rank + 1)^s, by inverse of the continuous distribution: close enough, and
// one power a draw.
class Zipf {
 public:
  Zipf(std::uint64_t n, double s)
      : power_(1 / (1 - s)), span_(std::pow(static_cast<double>(n) + 1, 1 - s) - 1), n_(n) {}
  std::uint64_t operator()(std::mt19937_64& random) {
    const double u = std::uniform_real_distribution<double>()(random);
    const auto rank = static_cast<std::uint64_t>(std::pow(u * span_ + 1, power_)) - 1;
    return std::min(rank, n_ - 1);
  }

 private:
  double power_, span_;
  std::uint64_t n_;
};

void fill(Connection& server, std::uint64_t keys, const std::string& value) {
  for (std::uint64_t i = 0; i < keys; i += kPipeline) {
    std::string batch;
    const auto count = static_cast<int>(std::min<std::uint64_t>(kPipeline, keys - i));
    for (int j = 0; j < count; ++j) batch += command({"SET", key(i + static_cast<std::uint64_t>(j)), value});
    server.send(batch);
    server.skip_replies(count);
  }
  std::printf("ready\n");
}

[[noreturn]] void load(Connection& server, std::uint64_t keys, const std::string& value, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Zipf zipf(keys, kExponent);
  std::uniform_real_distribution<double> dice;
  std::uint64_t ops = 0;
  auto next = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (;;) {
    std::string batch;
    for (int i = 0; i < kPipeline; ++i) {
      const std::string name = key(keys - 1 - zipf(random));
      batch += dice(random) < kWriteShare ? command({"SET", name, value}) : command({"GET", name});
    }
    server.send(batch);
    server.skip_replies(kPipeline);
    ops += kPipeline;
    if (std::chrono::steady_clock::now() >= next) {
      std::printf("ops %llu\n", static_cast<unsigned long long>(ops));
      next += std::chrono::seconds(1);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 || (std::strcmp(argv[5], "fill") != 0 && std::strcmp(argv[5], "run") != 0)) {
    std::fprintf(stderr, "usage: redis_load SOCKET KEYS VALUE_BYTES SEED fill|run\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Connection server(argv[1]);
  const std::uint64_t keys = std::strtoull(argv[2], nullptr, 10);
  const std::string value(std::strtoull(argv[3], nullptr, 10), 'v');
  const std::uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  if (keys == 0) {
    std::fprintf(stderr, "redis_load: KEYS must be above 0\n");
    return 2;
  }
  if (std::strcmp(argv[5], "fill") == 0) {
    fill(server, keys, value);
    return 0;
  }
  load(server, keys, value, seed);
}
