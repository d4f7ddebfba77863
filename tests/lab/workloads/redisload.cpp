// redisload: fills a redis server, or loads it with a skewed mix of reads and writes, over its unix socket.
//   redisload SOCKET fill KEYS BYTES           fills, prints "ready"
//   redisload SOCKET run KEYS BYTES THETA SEED [SHIFT]
// The load is 95 % GET and 5 % SET, and prints "ops N latency_us P50 P99 P999": a running total, and what its
// rounds of sixteen requests have waited so far.
// Keys are chosen by age, youngest most often, by Zipf's law with exponent THETA (the "latest" mix of the
// YCSB benchmarks): what was written last is read most, and it lies in the slow tier because the fast one was
// filled first. With SHIFT the favourite keys are others every so many seconds: those a third of all keys
// away.
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace {

constexpr int kPipeline = 16;
constexpr unsigned kWritePercent = 5;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  for (int tries = 0; tries < 300; ++tries) {
    const int peer = socket(AF_UNIX, SOCK_STREAM, 0);
    if (peer >= 0 && connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return peer;
    if (peer >= 0) close(peer);
    usleep(100'000);
  }
  die("redisload: connect");
}

// Reads replies of redis: only as much of the protocol as GET, SET and DEBUG need.
class Replies {
 public:
  explicit Replies(int peer) : peer_(peer) {}

  // Consumes one reply; an error reply ends the program.
  void skip_one() {
    const std::string head = line();
    if (head[0] == '-') {
      std::fprintf(stderr, "redisload: %s\n", head.c_str());
      std::exit(1);
    }
    if (head[0] != '$') return;
    const long length = std::atol(head.c_str() + 1);
    if (length >= 0) drop(static_cast<std::size_t>(length) + 2);
  }

 private:
  std::string line() {
    std::string text;
    while (true) {
      if (at_ == end_) more();
      const char c = buffer_[at_++];
      if (c == '\n') return text;
      if (c != '\r') text += c;
    }
  }
  void drop(std::size_t bytes) {
    while (bytes > 0) {
      if (at_ == end_) more();
      const std::size_t take = std::min(bytes, end_ - at_);
      at_ += take;
      bytes -= take;
    }
  }
  void more() {
    const ssize_t got = read(peer_, buffer_, sizeof buffer_);
    if (got <= 0) die("redisload: read");
    at_ = 0;
    end_ = static_cast<std::size_t>(got);
  }

  int peer_;
  char buffer_[65536];
  std::size_t at_ = 0, end_ = 0;
};

void send_all(int peer, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t wrote = write(peer, text.data() + sent, text.size() - sent);
    if (wrote <= 0) die("redisload: write");
    sent += static_cast<std::size_t>(wrote);
  }
}

// Ranks 0 … n-1 by Zipf's law (Gray and others, "Quickly generating billion-record synthetic databases",
// 1994).
class Zipf {
 public:
  Zipf(std::uint64_t n, double theta) : n_(static_cast<double>(n)), theta_(theta) {
    for (std::uint64_t i = 1; i <= n; ++i) zeta_ += 1 / std::pow(static_cast<double>(i), theta);
    const double zeta2 = 1 + std::pow(0.5, theta);
    eta_ = (1 - std::pow(2 / n_, 1 - theta)) / (1 - zeta2 / zeta_);
  }
  std::uint64_t rank(double uniform) const {
    const double scaled = uniform * zeta_;
    if (scaled < 1) return 0;
    if (scaled < 1 + std::pow(0.5, theta_)) return 1;
    return static_cast<std::uint64_t>(n_ * std::pow(eta_ * uniform - eta_ + 1, 1 / (1 - theta_)));
  }

 private:
  double n_, theta_, zeta_ = 0, eta_ = 0;
};

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Waits by their logarithm: 32 bins to each power of two, so that a percentile is at most 3 % too large.
class Waits {
 public:
  void add(double seconds) {
    const auto bin =
        static_cast<std::size_t>(std::max(0.0, std::log2(std::max(seconds, 1e-9) * 1e9)) * kPerOctave);
    ++bins_[std::min(bin, bins_.size() - 1)];
    ++count_;
  }
  // The wait, in microseconds, that `share` of all waits do not exceed.
  double percentile(double share) const {
    std::uint64_t below = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      below += bins_[bin];
      if (static_cast<double>(below) >= share * static_cast<double>(count_))
        return std::exp2(static_cast<double>(bin + 1) / kPerOctave) * 1e-3;
    }
    return 0;
  }

 private:
  static constexpr double kPerOctave = 32;
  std::array<std::uint64_t, 40 * 32> bins_{};  // up to 2^40 ns, eighteen minutes
  std::uint64_t count_ = 0;
};

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

void load(int peer, std::uint64_t keys, std::size_t bytes, double theta, std::uint64_t seed, double shift_s) {
  Replies replies(peer);
  const Zipf zipf(keys, theta);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  const std::string value = bulk(std::string(bytes, 'v'));
  Waits waits;
  std::uint64_t operations = 0, youngest = keys - 1;
  double next_print = now(), next_shift = now() + shift_s;
  while (true) {
    std::string batch;
    for (int i = 0; i < kPipeline; ++i) {
      const std::uint64_t rank = std::min(zipf.rank(uniform(random)), keys - 1);
      const std::string key = bulk("key:" + std::to_string((youngest + keys - rank) % keys));
      if (random() % 100 < kWritePercent)
        batch += "*3\r\n$3\r\nSET\r\n" + key + value;
      else
        batch += "*2\r\n$3\r\nGET\r\n" + key;
    }
    const double sent = now();
    send_all(peer, batch);
    for (int i = 0; i < kPipeline; ++i) replies.skip_one();
    const double answered = now();
    waits.add(answered - sent);
    operations += kPipeline;
    if (shift_s > 0 && answered >= next_shift) {
      youngest = (youngest + keys / 3) % keys;
      next_shift += shift_s;
    }
    if (answered < next_print) continue;
    std::printf("ops %llu latency_us %.1f %.1f %.1f\n", static_cast<unsigned long long>(operations),
                waits.percentile(0.5), waits.percentile(0.99), waits.percentile(0.999));
    next_print += 0.2;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5)
    return std::fprintf(stderr, "usage: redisload SOCKET fill|run KEYS BYTES [THETA SEED [SHIFT]]\n"), 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int peer = connect_to(argv[1]);
  const std::uint64_t keys = std::strtoull(argv[3], nullptr, 10);
  const auto bytes = static_cast<std::size_t>(std::strtoull(argv[4], nullptr, 10));
  if (std::strcmp(argv[2], "fill") == 0) {
    const std::string count = std::to_string(keys), size = std::to_string(bytes);
    send_all(peer, "*5\r\n" + bulk("DEBUG") + bulk("POPULATE") + bulk(count) + bulk("key") + bulk(size));
    Replies(peer).skip_one();
    std::puts("ready");
    return 0;
  }
  load(peer, keys, bytes, argc > 5 ? std::atof(argv[5]) : 0.99,
       argc > 6 ? std::strtoull(argv[6], nullptr, 10) : 1, argc > 7 ? std::atof(argv[7]) : 0);
}
