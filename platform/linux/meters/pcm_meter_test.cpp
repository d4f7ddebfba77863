#include "platform/linux/meters/pcm_meter.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include "platform/fake/tree.h"
#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/meters/pcm_json.h"

namespace tier {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The layout of PCM 202302's JSONPrinter; most counters left out.
std::string socket(int id, const std::string& counters) {
  return R"({"Object": "Socket", "Socket ID": )" + std::to_string(id) +
         R"(, "Number of cores": 1, "Cores": [{"Object": "Core", "Number of threads": 1,)"
         R"("Threads": [{"Object": "HyperThread", "Thread ID": 0, "OS ID": 0,)"
         R"("Core Counters": {"Instructions Retired Any": 5}}], "Core ID": 0}],)"
         R"("Uncore": {"Object": "ServerUncore", "Uncore Counters": {)" +
         counters + R"(}}, "Core Aggregate": {}})";
}
std::string counters(std::uint64_t read, std::uint64_t written, std::uint64_t hbm = 0) {
  return "\"DRAM Writes\": " + std::to_string(written) + ", \"DRAM Reads\": " + std::to_string(read) +
         ", \"Persistent Memory Reads\": 0, \"Embedded DRAM Writes\": " + std::to_string(hbm) +
         ", \"Embedded DRAM Reads\": " + std::to_string(hbm);
}
std::string document(const std::vector<std::string>& sockets) {
  std::string all;
  for (const std::string& one : sockets) all += (all.empty() ? "" : ",\n") + one;
  return R"({"Interval us": 12, "Object": "SystemRoot", "Number of sockets": 2, "Sockets": [)" + all +
         R"(], "QPI/UPI Links": {}})" + "\n";
}

TEST(PcmDocument, HasBytesBySocket) {
  const auto sockets = parse_pcm(document({socket(0, counters(700, 300)), socket(1, counters(9, 0, 4))}));
  ASSERT_TRUE(sockets) << sockets.error().text();
  ASSERT_EQ(sockets->size(), 2U);
  EXPECT_EQ((*sockets)[0].read, 700U);
  EXPECT_EQ((*sockets)[0].written, 300U);
  EXPECT_FALSE((*sockets)[0].hbm_read);
  EXPECT_EQ((*sockets)[1].id, 1U);
  EXPECT_FALSE((*sockets)[1].written) << "0 is what PCM gives where it cannot count";
  EXPECT_EQ((*sockets)[1].hbm_written, 4U);
}

TEST(PcmDocument, OddNumbersAreNone) {
  for (const char* odd : {"-1", "1.5", "\"7\"", "null", "[7]", "1e30", "99999999999999999999999", "true"}) {
    const auto sockets = parse_pcm(document({socket(0, std::string("\"DRAM Reads\": ") + odd)}));
    ASSERT_TRUE(sockets) << odd;
    EXPECT_FALSE(sockets->at(0).read) << odd;
  }
  const auto twice = parse_pcm(document({socket(3, counters(1, 1)), socket(3, counters(2, 2))}));
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->size(), 1U) << "a socket is there once";
}

TEST(PcmDocument, SocketsThatMakeNoSenseAreLeftOut) {
  for (const char* odd : {"7", "[]", "{}", R"({"Socket ID": 0})", R"({"Socket ID": 0, "Uncore": []})",
                          R"({"Socket ID": -1, "Uncore": {"Uncore Counters": {}}})"}) {
    const auto sockets = parse_pcm(document({odd, socket(1, counters(5, 5))}));
    ASSERT_TRUE(sockets) << odd;
    EXPECT_EQ(sockets->size(), 1U) << odd;
  }
}

TEST(PcmDocument, WhatIsNoneIsRefused) {
  const std::string good = document({socket(0, counters(1, 1))});
  const std::string deep = std::string(400'000, '[') + std::string(400'000, ']');
  const std::string hidden =
      R"({"a": )" + std::string(20, '[') + std::string(20, ']') + R"(, "Sockets": []})";
  EXPECT_THAT(parse_pcm(deep).error().message, HasSubstr("too deeply"));
  EXPECT_THAT(parse_pcm(hidden).error().message, HasSubstr("too deeply"));
  EXPECT_THAT(parse_pcm(good + std::string(1, '\0') + "more").error().message, HasSubstr("NUL"));
  EXPECT_THAT(parse_pcm(good + "more").error().message, HasSubstr("not JSON"));
  EXPECT_THAT(parse_pcm("{}").error().message, HasSubstr("Sockets"));
  EXPECT_THAT(parse_pcm(R"({"Sockets": {}})").error().message, HasSubstr("Sockets"));
  EXPECT_THAT(parse_pcm("[1]").error().message, HasSubstr("Sockets"));
  for (std::size_t cut = 0; cut + 2 < good.size(); cut += 7)
    EXPECT_FALSE(parse_pcm(good.substr(0, cut)).has_value()) << cut;
}

// Answers one request after the other with what it is given, and hangs up.
class Server {
 public:
  explicit Server(std::string answer, bool hang = false)
      : answer_(std::move(answer)), hang_(hang), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  const std::string& address() const { return address_; }
  const std::string& request() const { return request_; }  // the last; once the client is done

 private:
  void serve() {
    for (;;) {
      const FileDescriptor client(::accept(listener_.get(), nullptr, nullptr));
      if (!client.valid()) return;
      char buffer[4096];
      const ssize_t n = ::recv(client.get(), buffer, sizeof buffer, 0);
      request_.assign(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
      for (std::size_t sent = 0; sent < answer_.size();) {
        const ssize_t wrote =
            ::send(client.get(), answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (wrote <= 0) break;
        sent += static_cast<std::size_t>(wrote);
      }
      // Until the client has had enough of it.
      if (hang_) (void)::recv(client.get(), buffer, sizeof buffer, 0);
    }
  }

  std::string answer_, address_, request_;
  bool hang_;
  FileDescriptor listener_;
  std::thread thread_;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

Result<std::string> get(const std::string& address, const HttpLimits& limits = {}) {
  const auto http = make_http_get(address, limits);
  if (!http) return tl::make_unexpected(http.error());
  const std::atomic<bool> stop{false};
  return (*http)(stop);
}

TEST(HttpGetTest, GetsADocument) {
  const Server server(ok("hello"));
  EXPECT_EQ(get(server.address()).value_or("none"), "hello");
  EXPECT_THAT(server.request(), HasSubstr("GET / HTTP/1.1\r\n"));
  EXPECT_THAT(server.request(), HasSubstr("Accept: application/json\r\n"));
}

TEST(HttpGetTest, TakesNothingThatIsTooLong) {
  const std::string large(100'001, 'x');
  const Server told(ok(large)), untold("HTTP/1.1 200 OK\r\n\r\n" + large);
  for (const Server* server : {&told, &untold}) {
    const auto document = get(server->address(), {.bytes = 100'000});
    ASSERT_FALSE(document);
    EXPECT_THAT(document.error().message, HasSubstr(server->address()));
    EXPECT_TRUE(get(server->address(), {.bytes = 100'001}));
  }
  std::string header = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1000; ++i) header += "X-Filler: " + std::string(50, 'x') + "\r\n";
  const Server endless(header + "\r\nhello");
  EXPECT_FALSE(get(endless.address()).has_value());
}

TEST(HttpGetTest, TakesNothingThatIsCutOrNoSuccess) {
  const Server cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"), other("SSH-2.0-OpenSSH\r\n");
  const Server missing("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello");
  const Server moved("HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(get(cut.address()).has_value());
  EXPECT_FALSE(get(other.address()).has_value());
  EXPECT_FALSE(get(missing.address()).has_value());
  EXPECT_EQ(get(moved.address()).value_or("none"), "") << "followed nowhere";
}

TEST(HttpGetTest, WaitsNoLongerThanItMay) {
  const Server silent("", true), slow("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", true);
  for (const Server* server : {&silent, &slow}) {
    const auto document = get(server->address(), {.time = milliseconds(50)});
    ASSERT_FALSE(document) << "it would still wait: the server does until we hang up";
    EXPECT_THAT(document.error().message, HasSubstr("imeout"));
  }
}

TEST(HttpGetTest, StopsWhenItIsTold) {
  const Server silent("", true);
  const auto http = make_http_get(silent.address(), {.time = std::chrono::hours(1)});
  ASSERT_TRUE(http);
  const std::atomic<bool> stop{true};
  EXPECT_FALSE((*http)(stop).has_value());
}

TEST(HttpGetTest, NobodyThereIsAnError) {
  std::string address;
  {
    const Server gone("");
    address = gone.address();
  }
  EXPECT_FALSE(get(address).has_value());
}

// A meter whose answers the test hands out.
class PcmMeterTest : public ::testing::Test {
 protected:
  PcmMeterTest() {
    tree_.write("sys/devices/system/node/node0/cpulist", "0-1\n");
    tree_.write("sys/devices/system/node/node0/distance", "10 13\n");
    tree_.write("sys/devices/system/node/node1/cpulist", "\n");
    tree_.write("sys/devices/system/node/node1/distance", "13 10\n");
    tree_.write("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
    clock_.advance(Nanoseconds{100});
  }
  void start() {
    meter_ = make_pcm_meter(clock_, tree_.root(), [this](const std::atomic<bool>&) {
      std::unique_lock lock(mutex_);
      asked_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return answer_ || over_; });
      Result<std::string> given = answer_.value_or("");
      answer_.reset();
      return given;
    });
  }
  ~PcmMeterTest() override {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
  }
  // Lets the request that read() made be answered, and the next one be made, so that this one is done with.
  std::vector<CounterReading> after(const Result<std::string>& answer) {
    auto before = meter_->read();
    wait_until_asked();
    {
      const std::lock_guard lock(mutex_);
      asked_ = false, answer_ = answer;
    }
    (void)meter_->read();
    changed_.notify_all();
    wait_until_asked();
    return meter_->read();
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asked_; });
  }

  TemporaryTree tree_{{{"sys/devices/system/node/online", "0-1\n"}}};
  ManualClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false, over_ = false;
  std::optional<Result<std::string>> answer_;
  std::unique_ptr<Meter> meter_;
};

TEST_F(PcmMeterTest, GivesTheLatestAnswerWithTheTimeItWasAskedFor) {
  start();
  EXPECT_THAT(meter_->read(), IsEmpty()) << "nothing yet, and it does not wait for it";
  wait_until_asked();
  clock_.advance(Nanoseconds{50});  // the answer takes its time
  const auto readings = after(document({socket(0, counters(700, 300, 40)), socket(9, counters(1, 1))}));
  ASSERT_EQ(readings.size(), 4U) << "no CPU is of socket 9";
  EXPECT_EQ(readings[0].signal, Signal::kMemoryRead);
  EXPECT_EQ(readings[0].unit, 0U);
  EXPECT_EQ(readings[0].value, 700U);
  EXPECT_EQ(readings[0].at, Nanoseconds{100});
  EXPECT_EQ(readings[1].unit, 1U) << "memory of the package, a node of its own";
  EXPECT_EQ(readings[1].value, 40U);
  EXPECT_EQ(readings[2].signal, Signal::kMemoryWritten);
  EXPECT_EQ(readings[2].value, 300U);
}

TEST_F(PcmMeterTest, MemoryOfThePackageThatIsNoNodeIsACacheUnlessItIsAll) {
  tree_.write("sys/devices/system/node/node0/distance", "10 24\n");
  start();
  EXPECT_EQ(after(document({socket(0, counters(700, 300, 40))})).size(), 2U);
  const auto alone = after(document({socket(0, counters(0, 0, 40))}));
  ASSERT_EQ(alone.size(), 2U);
  EXPECT_EQ(alone[0].unit, 0U);
  EXPECT_EQ(alone[0].value, 40U);
}

TEST_F(PcmMeterTest, ABadAnswerLeavesTheOneBeforeToGoStale) {
  start();
  const auto good = after(document({socket(0, counters(700, 300))}));
  ASSERT_EQ(good.size(), 2U);
  clock_.advance(Nanoseconds{1000});
  for (const Result<std::string>& bad :
       {Result<std::string>("junk"), Result<std::string>(fail(ErrorKind::kFailed, "refused"))}) {
    const auto readings = after(bad);
    ASSERT_EQ(readings.size(), 2U);
    EXPECT_EQ(readings[0].at, good[0].at) << "its time does not move";
  }
  const auto again = after(document({socket(0, counters(800, 300))}));
  EXPECT_EQ(again[0].value, 800U);
  EXPECT_GT(again[0].at, good[0].at);
}

TEST_F(PcmMeterTest, TellsWhyThereIsNoAnswer) {
  start();
  EXPECT_EQ(meter_->trouble(), "the server has not answered yet");
  (void)after(fail(ErrorKind::kFailed, "refused", "start it"));
  EXPECT_EQ(meter_->trouble(), "refused (fix: start it)");
  (void)after("junk");
  EXPECT_THAT(meter_->trouble(), HasSubstr("not JSON"));
  (void)after(document({socket(0, counters(700, 300))}));
  EXPECT_EQ(meter_->trouble(), "");
}

// What the shipped unit's sandbox does to a connection (systemd.exec(5)), and what does not come of it.
TEST(HttpFailure, NamesTheSandboxWhereThatIsTheCause) {
  for (const int number : {EPERM, EACCES, ENETUNREACH, EAFNOSUPPORT}) {
    const Error error = http_failure("http://a:1/", "no connection", number, false);
    EXPECT_EQ(error.kind, ErrorKind::kPermission) << number;
    EXPECT_THAT(error.fix, HasSubstr("tierctl enable pcm-server")) << number;
    EXPECT_THAT(error.message, HasSubstr("http://a:1/: no connection (")) << number;
  }
  EXPECT_THAT(http_failure("u", "w", ECONNREFUSED, false).fix, HasSubstr("start pcm-sensor-server"));
  EXPECT_THAT(http_failure("u", "w", 0, true).fix, HasSubstr("tierctl enable pcm-server"))
      << "a filter may drop the packets";
  EXPECT_EQ(http_failure("u", "w", 0, false).text(), "u: w") << "an answer that is none is not the sandbox";
}

TEST(HttpGet, SaysWhoRefusedTheConnection) {
  // A port that was free a moment ago.
  std::string address;
  { address = Server("").address(); }
  const auto get = make_http_get(address);
  ASSERT_TRUE(get) << get.error().text();
  const std::atomic<bool> stop{false};
  const auto answer = (*get)(stop);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::kNotRunning) << answer.error().text();
}

// In a network namespace of its own, as PrivateNetwork= makes one, nothing can be reached.
TEST(HttpGet, AnEmptyNetworkIsTheSandbox) {
  const auto get = make_http_get("127.0.0.1:9738");
  ASSERT_TRUE(get) << get.error().text();
  bool alone = false;
  std::optional<Result<std::string>> answer;
  std::thread inside([&] {
    alone = ::unshare(CLONE_NEWNET) == 0;
    const std::atomic<bool> stop{false};
    if (alone) answer = (*get)(stop);
  });
  inside.join();
  if (!alone) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().kind, ErrorKind::kPermission) << answer->error().text();
}

// From here on the calling thread gets EAFNOSUPPORT for every socket but Unix ones, as
// RestrictAddressFamilies=AF_UNIX has it (systemd.exec(5); seccomp(2) has the layout).
bool forbid_networks() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
                           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog all{std::size(program), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0;
}

TEST(HttpGet, AForbiddenAddressFamilyIsTheSandbox) {
  for (const char* address : {"127.0.0.1:9738", "localhost:9738"}) {
    const auto get = make_http_get(address);
    ASSERT_TRUE(get) << get.error().text();
    bool forbidden = false;
    std::optional<Result<std::string>> answer;
    std::thread inside([&] {
      forbidden = forbid_networks();
      const std::atomic<bool> stop{false};
      if (forbidden) answer = (*get)(stop);
    });
    inside.join();
    if (!forbidden) GTEST_SKIP() << "no seccomp here";
    ASSERT_FALSE(*answer);
    EXPECT_EQ(answer->error().kind, ErrorKind::kPermission) << answer->error().text();
    EXPECT_THAT(answer->error().fix, HasSubstr("tierctl enable pcm-server"));
  }
}

TEST(PcmMeter, AsksARealServer) {
  const TemporaryTree tree({{"sys/devices/system/node/online", "0\n"},
                            {"sys/devices/system/node/node0/cpulist", "0\n"},
                            {"sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"}});
  const Server server(ok(document({socket(0, counters(700, 300))})));
  const MonotonicClock clock;
  const auto meter = make_pcm_meter(clock, tree.root(), server.address());
  ASSERT_TRUE(meter) << meter.error().text();
  std::vector<CounterReading> readings;
  while (readings.empty()) readings = (*meter)->read(), std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(readings[0].value, 700U);
  EXPECT_LE(readings[0].at, clock.now());
}

TEST(PcmMeter, AddressesAreHostsAndPorts) {
  const MonotonicClock clock;
  for (const char* good : {"127.0.0.1:9738", "localhost", "[::1]:9738", "[::1]", "a-b.example:1"})
    EXPECT_TRUE(make_pcm_meter(clock, "", good)) << good;
  for (const char* bad : {"http://localhost", "localhost:", "localhost:0", "localhost:65536", "a b:1",
                          ":9738", "user@host:1", "host:1/x", "host:1?x", "host:1\n", "h\xc3\xb6st:1"}) {
    const auto meter = make_pcm_meter(clock, "", bad);
    ASSERT_FALSE(meter) << bad;
    EXPECT_EQ(meter.error().kind, ErrorKind::kUsage) << bad;
    EXPECT_THAT(meter.error().fix, HasSubstr("127.0.0.1:9738")) << bad;
  }
  EXPECT_EQ(make_pcm_meter(clock, "", "").error().kind, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace tier
