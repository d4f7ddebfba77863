#include "tierd/control/server.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <random>

#include "platform/api/file_descriptor.h"
#include "tierd/control/client.h"
#include "tierd/control/fake_server.h"
#include "tierd/control/peer.h"

namespace tier {
namespace {

using nlohmann::json;
using namespace std::string_literals;
using namespace std::chrono_literals;

constexpr const char* kStatusCall = R"({"method":"io.tierd.Control.Status"})";

// A client that may misbehave.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  bool send(const std::string& bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }
  // One reply without its NUL; nothing when the server hung up or kept silent for the time.
  std::optional<std::string> receive(std::chrono::milliseconds timeout = 5s) {
    std::string message;
    for (;;) {
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
      char byte = 0;
      if (::recv(socket_.get(), &byte, 1, 0) != 1) return std::nullopt;
      if (byte == '\0') return message;
      message.push_back(byte);
    }
  }
  bool hung_up(std::chrono::milliseconds timeout = 5s) {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(timeout.count())) <= 0) return false;
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK) <= 0;
  }

 private:
  FileDescriptor socket_;
  bool connected_ = false;
};

bool answers(const FakeServer& server) {
  auto client = ControlClient::connect(server.socket(), 3s);
  return client && client->call("Status").has_value();
}

TEST(ControlServer, AnswersSeveralCallsOnOneConnection) {
  FakeServer server;
  auto client = ControlClient::connect(server.socket());
  ASSERT_TRUE(client) << client.error().text();
  for (const char* method :
       {"Status", "Doctor", "Nodes", "Top", "Heatmap", "Events", "Snapshot", "ConfigShow"}) {
    const auto reply = client->call(method);
    ASSERT_TRUE(reply) << method << reply.error().text();
    EXPECT_TRUE(reply->contains("schema")) << method;
  }
}

TEST(ControlServer, AnswersPipelinedCallsInOrder) {
  FakeServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.send(std::string(kStatusCall) + "\0{\"method\":\"io.tierd.Control.Nodes\"}\0"s));
  EXPECT_EQ(json::parse(*client.receive()).at("parameters").at("schema"), "io.tierd.status/1");
  EXPECT_EQ(json::parse(*client.receive()).at("parameters").at("schema"), "io.tierd.nodes/1");
}

TEST(ControlServer, AnswersAClientThatStoppedSending) {
  FakeServer server;
  RawClient client(server.socket());
  ASSERT_TRUE(client.send(kStatusCall + "\0"s));
  client.finish_sending();
  EXPECT_TRUE(client.receive());
  EXPECT_TRUE(client.hung_up());
}

TEST(ControlServer, GarbageEndsOnlyItsOwnConnection) {
  FakeServer server;
  for (const std::string& bytes : {"garbage\0"s, "\0"s, "{}\0"s, std::string(100'000, 'x')}) {
    RawClient client(server.socket());
    client.send(bytes);
    EXPECT_TRUE(client.hung_up());
  }
  EXPECT_TRUE(answers(server));
  server.run_inside([](FakeBackend&, ControlServer& inside) { EXPECT_EQ(inside.counters().garbage, 4u); });
}

TEST(ControlServer, HalfAMessageIsDroppedAfterTheTimeout) {
  FakeServer server([](ControlOptions& options) { options.stall_timeout = 100ms; });
  RawClient client(server.socket());
  ASSERT_TRUE(client.send("{\"method\":\"io.tierd"));
  EXPECT_TRUE(client.hung_up());
  server.run_inside([](FakeBackend&, ControlServer& inside) { EXPECT_EQ(inside.counters().stalled, 1u); });
}

TEST(ControlServer, AnIdleConnectionIsKept) {
  FakeServer server([](ControlOptions& options) { options.stall_timeout = 50ms; });
  RawClient client(server.socket());
  EXPECT_FALSE(client.hung_up(250ms));
  ASSERT_TRUE(client.send(kStatusCall + "\0"s));
  EXPECT_TRUE(client.receive());
}

// Asks for more than the socket's buffer and never reads: our memory stays bounded, others are served, it is
// dropped.
TEST(ControlServer, ASlowReaderStallsNobodyAndIsDropped) {
  FakeServer server([](ControlOptions& options) { options.stall_timeout = 300ms; });
  RawClient slow(server.socket());
  std::string calls;
  for (int i = 0; i < 3000; ++i) calls += kStatusCall + "\0"s;
  for (std::size_t at = 0; at < calls.size(); at += 4096)
    if (!slow.send(calls.substr(at, 4096))) break;
  EXPECT_TRUE(answers(server));
  server.run_inside(
      [](FakeBackend&, ControlServer& inside) { EXPECT_LT(inside.counters().requests, 1000u); });
  for (int i = 0; i < 50 && !slow.send(" "); ++i) ::usleep(1);
  bool dropped = false;
  for (int i = 0; i < 100 && !dropped; ++i) {
    server.run_inside([&](FakeBackend&, ControlServer& inside) { dropped = inside.counters().stalled == 1; });
    if (!dropped) ::poll(nullptr, 0, 50);
  }
  EXPECT_TRUE(dropped);
  EXPECT_TRUE(answers(server));
}

TEST(ControlServer, ConnectionsAreCapped) {
  FakeServer server([](ControlOptions& options) { options.max_connections = 8; });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.socket()));
    ASSERT_TRUE(clients.back()->send(kStatusCall + "\0"s));
    if (::geteuid() == 0) {
      ASSERT_TRUE(clients.back()->receive()) << i;
    }
  }
  auto refused = ControlClient::connect(server.socket());
  ASSERT_TRUE(refused);
  const auto reply = refused->call("Status");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "too many connections to tierd");
  clients.clear();
  bool served = false;
  for (int i = 0; i < 100 && !served; ++i) served = answers(server);
  EXPECT_TRUE(served);
}

TEST(ControlServer, RequestsBeyondTheRateWaitButAreAnswered) {
  FakeServer server([](ControlOptions& options) { options.requests_per_second = 5; });
  RawClient client(server.socket());
  std::string calls;
  for (int i = 0; i < 8; ++i) calls += kStatusCall + "\0"s;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(client.send(calls));
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(client.receive()) << i;
  EXPECT_GT(std::chrono::steady_clock::now() - start, 100ms);
}

TEST(ControlServer, FollowersGetEventsAsTheyHappen) {
  FakeServer server;
  auto client = ControlClient::connect(server.socket());
  ASSERT_TRUE(client);
  std::vector<std::string> seen;
  const auto done = client->follow("Events", {{"since", 2}},
                                   [&](const json& parameters) {
                                     for (const json& event : parameters.at("events"))
                                       seen.push_back(event.at("message"));
                                     if (seen.size() == 1)
                                       server.run_inside([](FakeBackend& backend, ControlServer& inside) {
                                         backend.add_event("mode", 0, kNobody, "now in act mode");
                                         inside.publish();
                                       });
                                     return seen.size() < 2;
                                   },
                                   {});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(seen, (std::vector<std::string>{"2 MiB of postgres to node 0", "now in act mode"}));
}

TEST(ControlServer, FollowersGetASnapshotATick) {
  FakeServer server;
  auto client = ControlClient::connect(server.socket());
  ASSERT_TRUE(client);
  std::vector<std::uint64_t> ticks;
  const auto done = client->follow("Snapshot", json::object(),
                                   [&](const json& parameters) {
                                     ticks.push_back(parameters.at("tick"));
                                     server.run_inside([](FakeBackend& backend, ControlServer& inside) {
                                       inside.publish();  // nothing new: nothing is sent
                                       ++backend.tick;
                                       inside.publish();
                                     });
                                     return ticks.size() < 3;
                                   },
                                   {});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{100, 101, 102}));
}

TEST(ControlServer, AFollowerThatLeavesIsForgotten) {
  FakeServer server;
  {
    RawClient client(server.socket());
    ASSERT_TRUE(client.send(R"({"method":"io.tierd.Control.Events","more":true})"
                            "\0"s));
    ASSERT_TRUE(client.receive());
  }
  std::size_t left = 1;
  for (int i = 0; i < 100 && left != 0; ++i) {
    server.run_inside([&](FakeBackend&, ControlServer& inside) { left = inside.connections(); });
    if (left != 0) ::poll(nullptr, 0, 10);
  }
  EXPECT_EQ(left, 0u);
}

TEST(ControlServer, StoppingEndsFollowersAsNotRunning) {
  auto server = std::make_unique<FakeServer>();
  auto client = ControlClient::connect(server->socket());
  ASSERT_TRUE(client);
  const auto done = client->follow("Events", json::object(),
                                   [&](const json&) {
                                     server.reset();
                                     return true;
                                   },
                                   {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kNotRunning);
}

TEST(ControlServer, SurvivesManyHostileClients) {
  FakeServer server([](ControlOptions& options) {
    options.stall_timeout = 50ms;
    options.requests_per_second = 100'000;
  });
  std::mt19937 random(7);  // NOLINT: repeatable
  for (int round = 0; round < 400; ++round) {
    RawClient client(server.socket());
    std::string bytes;
    for (auto parts = random() % 5; parts > 0; --parts) {
      switch (random() % 4) {
        case 0:
          bytes += kStatusCall + "\0"s;
          break;
        case 1:
          bytes += R"({"method":"io.tierd.Control.Events","more":true})"
                   "\0"s;
          break;
        case 2:
          bytes += std::string(random() % 2000, static_cast<char>(random()));
          break;
        default:
          bytes += "{\"method\":\"io.tierd.Control.Heatmap\",\"parameters\":{\"max_rows\":" +
                   std::to_string(random()) + "}}\0"s;
          break;
      }
    }
    client.send(bytes);
    if (random() % 2) client.finish_sending();
    if (random() % 4 == 0) client.receive(1ms);
  }
  EXPECT_TRUE(answers(server));
}

// Runs `work` as another user in a child; its return value is the child's exit status.
int as_user(uid_t uid, std::vector<gid_t> groups, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0)
      ::_exit(100);
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

class ControlServerUsers : public testing::Test {
 protected:
  static constexpr gid_t kGroup = 54321;
  static constexpr uid_t kUser = 65534;
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  }
};

TEST_F(ControlServerUsers, SeeTheirOwnAndMayNotControl) {
  FakeServer server([](ControlOptions& options) { options.group = kGroup; }, kUser);
  EXPECT_EQ(as_user(kUser, {},
                    [&] {
                      auto client = ControlClient::connect(server.socket());
                      if (!client) return 1;
                      const auto top = client->call("Top");
                      if (!top || top->at("rows").size() != 1 || top->at("hidden") != 1) return 2;
                      const auto other = client->call("Explain", {{"pid", 4200}, {"address", 4096}});
                      if (other || other.error().kind != ErrorKind::kPermission) return 3;
                      if (!client->call("Explain", {{"pid", 4100}, {"address", 4096}}).has_value()) return 4;
                      const auto pause = client->call("Pause");
                      if (pause || pause.error().kind != ErrorKind::kPermission) return 5;
                      return 0;
                    }),
            0);
  server.run_inside([](FakeBackend& backend, ControlServer&) { EXPECT_FALSE(backend.paused); });
}

TEST_F(ControlServerUsers, OfTheGroupMayControlAndSeeAll) {
  FakeServer server([](ControlOptions& options) { options.group = kGroup; });
  EXPECT_EQ(as_user(kUser, {11, kGroup, 12},
                    [&] {
                      auto client = ControlClient::connect(server.socket());
                      if (!client || !client->call("Pause").has_value()) return 1;
                      const auto top = client->call("Top");
                      return top && top->at("rows").size() == 2 ? 0 : 2;
                    }),
            0);
  server.run_inside([](FakeBackend& backend, ControlServer&) {
    EXPECT_TRUE(backend.paused);
    ASSERT_EQ(backend.control_calls.size(), 1u);
    EXPECT_EQ(backend.control_calls[0].uid, kUser);
  });
}

TEST_F(ControlServerUsers, OfAGroupThatIsMadeLaterMayControlToo) {
  FakeServer server;
  const auto pause = [&] {
    auto client = ControlClient::connect(server.socket());
    return client && client->call("Pause").has_value() ? 0 : 1;
  };
  EXPECT_EQ(as_user(kUser, {kGroup}, pause), 1);
  server.run_inside([](FakeBackend&, ControlServer& inside) {
    EXPECT_FALSE(inside.has_group());
    inside.set_group(kGroup);
    EXPECT_TRUE(inside.has_group());
  });
  EXPECT_EQ(as_user(kUser, {kGroup}, pause), 0);
}

TEST_F(ControlServerUsers, CannotKeepRootOut) {
  FakeServer server([](ControlOptions& options) {
    options.max_connections = 16;
    options.max_connections_per_uid = 100;
  });
  int held[2], asked[2];
  ASSERT_EQ(::pipe(held), 0);
  ASSERT_EQ(::pipe(asked), 0);
  const FileDescriptor told(held[0]), awaited(asked[0]);
  FileDescriptor tell(held[1]), end(asked[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    end.reset();
    if (::setgid(kUser) != 0 || ::setuid(kUser) != 0) ::_exit(1);
    std::vector<std::unique_ptr<RawClient>> clients;
    clients.reserve(40);
    for (int i = 0; i < 40; ++i) clients.push_back(std::make_unique<RawClient>(server.socket()));
    if (!clients.back()->receive()) ::_exit(2);  // the refusal: all that get in are in
    char byte = 'h';
    if (::write(tell.get(), &byte, 1) != 1) ::_exit(3);
    ::_exit(::read(awaited.get(), &byte, 1) == 0 ? 0 : 4);  // until the parent closes
  }
  tell.reset();
  char byte = 0;
  EXPECT_EQ(::read(told.get(), &byte, 1), 1);
  EXPECT_TRUE(answers(server));
  server.run_inside([](FakeBackend&, ControlServer& inside) {
    EXPECT_EQ(inside.counters().refused, 26u);  // 40 less the 14 that are not kept for root
  });
  end.reset();
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FindGroup, KnowsRootAndNotNonsense) {
  EXPECT_EQ(find_group("root"), std::optional<gid_t>(0));
  EXPECT_FALSE(find_group("no-such-group-on-any-machine"));
}

}  // namespace
}  // namespace tier
