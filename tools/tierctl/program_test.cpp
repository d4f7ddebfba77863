// The program itself, as people and scripts run it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "platform/api/file_descriptor.h"
#include "sim/trace/trace.h"
#include "tierd/control/fake_server.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

using nlohmann::json;

// A running tierctl with its output in pipes.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    std::array<int, 2> out{}, err{};
    if (::pipe(out.data()) != 0 || ::pipe(err.data()) != 0) std::abort();
    out_.reset(out[0]), err_.reset(err[0]);
    const FileDescriptor child_out(out[1]), child_err(err[1]);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      for (const int fd : {out[0], out[1], err[0], err[1]}) ::close(fd);
      arguments.insert(arguments.begin(), TIERCTL_PROGRAM);
      std::vector<char*> argv;
      argv.reserve(arguments.size() + 1);
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(TIERCTL_PROGRAM, argv.data());
      ::_exit(127);
    }
  }
  ~Program() {
    if (!waited_) ::kill(child_, SIGKILL), wait();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int wait() {
    output += rest(out_.get());
    errors += rest(err_.get());
    int status = 0;
    ::waitpid(child_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  void interrupt() const { ::kill(child_, SIGINT); }
  bool read_some() {
    pollfd waiting{out_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 5000) <= 0) return false;
    std::array<char, 65536> bytes;
    const ssize_t n = ::read(out_.get(), bytes.data(), bytes.size());
    if (n > 0) output.append(bytes.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  std::string output, errors;

 private:
  static std::string rest(int fd) {
    std::string text;
    std::array<char, 65536> bytes;
    for (ssize_t n = 0; (n = ::read(fd, bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(n));
    return text;
  }

  pid_t child_ = -1;
  bool waited_ = false;
  FileDescriptor out_, err_;
};

struct Ended {
  int code;
  std::string output, errors;
};

Ended run(std::vector<std::string> arguments) {
  Program program(std::move(arguments));
  const int code = program.wait();
  return {code, program.output, program.errors};
}

TEST(Tierctl, PrintsThroughAPipeWithoutColour) {
  FakeServer server;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status"},
                                             {"doctor"},
                                             {"nodes"},
                                             {"top"},
                                             {"report", "heatmap"},
                                             {"report", "forecast"},
                                             {"explain", "4100", "0x7f0000000000"},
                                             {"events"},
                                             {"policy", "show"},
                                             {"prefetch", "status"},
                                             {"prefetch", "explain", "core", "3"},
                                             {"prefetch", "explain", "core 3"},
                                             {"prefetch", "arm", "--dry-run"},
                                             {"prefetch", "arm"},
                                             {"prefetch", "disarm"},
                                             {"prefetch", "restore"},
                                             {"config", "show"},
                                             {"version"}}) {
    auto arguments = command;
    arguments.insert(arguments.end(), {"--socket", server.socket()});
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << command[0] << ended.errors;
    EXPECT_EQ(ended.output.find('\x1b'), std::string::npos) << command[0];
    EXPECT_FALSE(ended.output.empty()) << command[0];
    EXPECT_TRUE(ended.errors.empty()) << ended.errors;
    arguments.emplace_back("--json");
    std::istringstream lines(run(arguments).output);
    if (command[0] == "events") {
      for (std::string line; std::getline(lines, line);) EXPECT_TRUE(json::accept(line)) << line;
    } else {
      EXPECT_TRUE(json::accept(lines.str())) << command[0];
    }
  }
}

TEST(Tierctl, ColoursWhenAsked) {
  FakeServer server;
  EXPECT_NE(
      run({"report", "heatmap", "--color=always", "--socket", server.socket()}).output.find("\x1b[48;5;"),
      std::string::npos);
}

TEST(Tierctl, ExitCodesTellTheKindOfFailure) {
  FakeServer server;
  const std::string at = "--socket=" + server.socket();
  EXPECT_EQ(run({"--help"}).code, 0);
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"fly"}).code, 2);
  EXPECT_EQ(run({"status", "--wach"}).code, 2);
  EXPECT_EQ(run({"status", "--watch", "x"}).code, 2);
  EXPECT_EQ(run({"status", "--count", "2"}).code, 2);
  EXPECT_EQ(run({"explain", "4100"}).code, 2);
  EXPECT_EQ(run({"record", at}).code, 2);
  EXPECT_EQ(run({"prefetch", at}).code, 2);
  EXPECT_EQ(run({"prefetch", "explain", at}).code, 2);
  EXPECT_EQ(run({"prefetch", "disarm", "--dry-run", at}).code, 2);
  EXPECT_EQ(run({"prefetch", "explain", "core", "99", at}).code, 1);
  EXPECT_EQ(run({"record", "-o", "x.trace", "--duration", "30", at}).code, 2);
  EXPECT_EQ(run({"explain", "4100", "0x7fzz", at}).code, 2);
  EXPECT_EQ(run({"explain", "99", "0x7f00", at}).code, 1);
  const Ended gone = run({"status", "--socket=/nonexistent/socket"});
  EXPECT_EQ(gone.code, 3);
  EXPECT_TRUE(gone.output.empty());
  EXPECT_NE(gone.errors.find("tierd is not running"), std::string::npos) << gone.errors;
}

TEST(Tierctl, TellsItsVersionAndExplainsItsCommands) {
  const Ended version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.output.starts_with("tierctl ")) << version.output;
  for (const std::vector<std::string>& help :
       std::initializer_list<std::vector<std::string>>{{"help"}, {"--help"}}) {
    const Ended ended = run(help);
    EXPECT_EQ(ended.code, 0);
    EXPECT_NE(ended.output.find("Usage: tierctl [OPTIONS] SUBCOMMAND"), std::string::npos) << ended.output;
    EXPECT_NE(ended.output.find("explain"), std::string::npos);
  }
  EXPECT_NE(run({"help", "report", "heatmap"}).output.find("--ticks"), std::string::npos);
}

TEST(Tierctl, NamesAnUnknownCommandAndTheNearest) {
  const Ended ended = run({"stauts"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.errors,
            "tierctl: no command is called \"stauts\"; did you mean \"status\"? (fix: see `tierctl help`)\n");
  EXPECT_NE(run({"report", "heat"}).errors.find("did you mean \"heatmap\"?"), std::string::npos);
}

TEST(Tierctl, LinesFitColumnsAndAreWholeWithoutIt) {
  FakeServer server;
  const auto widest = [](const std::string& text) {
    std::size_t most = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) most = std::max(most, display_width(line));
    return most;
  };
  for (const char* view : {"status", "doctor", "top"}) {
    ::setenv("COLUMNS", "80", 1);
    EXPECT_LE(widest(run({view, "--socket", server.socket()}).output), 80U) << view;
    ::unsetenv("COLUMNS");
    EXPECT_GT(widest(run({view, "--socket", server.socket()}).output), 80U) << "what is grepped is whole";
  }
}

TEST(Tierctl, SecondTierdIsNotNeededToCheckAFile) {
  const Ended bad = run({"config", "check", "/nonexistent/tierd.toml"});
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.errors.find("no such file"), std::string::npos) << bad.errors;
}

TEST(Tierctl, ChecksTheModelAsTheDaemonReadsIt) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("tierctl-model-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "model").flush();
  std::ofstream(folder / "t.toml") << "[targets]\npids = [1]\n[policy]\nforecaster = \"learned\"\nmodel = \""
                                   << (folder / "model").string() << "\"\n";
  const Ended ended = run({"config", "check", (folder / "t.toml").string()});
  EXPECT_NE(ended.code, 0);
  EXPECT_NE(ended.errors.find("policy.model: "), std::string::npos) << ended.errors;
  std::filesystem::remove_all(folder);
}

TEST(Tierctl, WrongArgumentsAreToldInOneShortLine) {
  for (const std::vector<std::string>& wrong : std::initializer_list<std::vector<std::string>>{
           {"report", "heatmap", "--pid", "-1"},
           {"report", "heatmap", "--pid", "x"},
           {"report", "heatmap", "--rows", "1e308"},
           {"explain", "99999999999", "0x7f00"},
           {"status", "--watch", "nan"},
           {"status", "--watch", "inf"},
           {"status", "--watch", "-1"},
           {"status", "--watch=-0.5"},
           {"events", "--since", "-1"},
           {"events", "--since=-1"},
           {"events", "--since", "1.5"},
           {"status", "--watch", "1", "--count", "-1"},
           {"top", "--rows", "0"},
           {"top", "--sort", "age"},
           {"top", "--sort", std::string(5'000, '9')},
           {"record", "-o", "x", "--pid", "0"},
           {std::string(5'000, '9')},
           {"status", "--" + std::string(5'000, '9')},
           {"explain", "1", std::string(310, '9')},
           {"record", "-o", "x", "--duration", std::string(310, '9')},
           {"config", "check", std::string(310, '9')},
           {"enable", std::string(310, '9'), "--root", "/nonexistent"},
           {"status", "--watch", "\x1b[2J\nx"},
           {"explain", "1", std::string(10'000, '9')}}) {
    const Ended ended = run(wrong);
    EXPECT_EQ(ended.code, 2) << wrong[0];
    EXPECT_LT(ended.errors.size(), 350U) << ended.errors;
    EXPECT_EQ(ended.errors.find(std::string(81, '9')), std::string::npos) << ended.errors;
    EXPECT_EQ(ended.errors.find('\x1b'), std::string::npos) << ended.errors;
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
  }
}

// systemd runs it to reload the service; standard error is the journal's stream then.
TEST(Tierctl, EachLineOfAnErrorHasItsPriorityInTheJournal) {
  const auto folder = std::filesystem::temp_directory_path() / ("tierctl-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "bad.toml") << "mode = \"fly\"\ninterval = \"10\"\n";
  std::ofstream(folder / "errors").close();
  struct stat status {};
  ASSERT_EQ(::stat((folder / "errors").c_str(), &status), 0);
  const std::string command = std::string(TIERCTL_PROGRAM) + " config check " +
                              (folder / "bad.toml").string() + " 2>>" + (folder / "errors").string();
  const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  EXPECT_EQ(WEXITSTATUS(std::system(("JOURNAL_STREAM=" + stream + " " + command).c_str())), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(("JOURNAL_STREAM=8:1 " + command).c_str())), 2);
  std::ifstream errors(folder / "errors");
  std::vector<std::string> begins;
  for (std::string line; std::getline(errors, line);) begins.push_back(line.substr(0, line.find('/')));
  EXPECT_EQ(begins, (std::vector<std::string>{"<3>tierctl: ", "<3>tierctl: ", "tierctl: ", ""}));
  std::filesystem::remove_all(folder);
}

TEST(Tierctl, WatchesPrefetch) {
  FakeServer server;
  const Ended ended =
      run({"prefetch", "status", "--json", "--watch", "0.1", "--count", "2", "--socket", server.socket()});
  EXPECT_EQ(ended.code, 0) << ended.errors;
  std::istringstream lines(ended.output);
  int documents = 0;
  for (std::string line; std::getline(lines, line); ++documents)
    EXPECT_EQ(json::parse(line).at("schema"), "io.tierd.prefetch/1");
  EXPECT_EQ(documents, 2);
}

TEST(Tierctl, AnInterruptLeavesCompleteDocuments) {
  FakeServer server;
  Program watching({"status", "--json", "--watch", "0.1", "--socket", server.socket()});
  ASSERT_TRUE(watching.read_some());
  watching.interrupt();
  EXPECT_EQ(watching.wait(), 0) << watching.errors;
  std::istringstream lines(watching.output);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(json::accept(line)) << line;
  EXPECT_EQ(watching.output.back(), '\n');
}

TEST(Tierctl, FollowsEventsUntilInterrupted) {
  FakeServer server;
  Program following({"events", "--follow", "--json", "--since", "2", "--socket", server.socket()});
  ASSERT_TRUE(following.read_some());
  server.run_inside([](FakeBackend& backend, ControlServer& inside) {
    backend.add_event("mode", 0, kNobody, "now in act mode");
    inside.publish();
  });
  ASSERT_TRUE(following.read_some());
  following.interrupt();
  EXPECT_EQ(following.wait(), 0) << following.errors;
  EXPECT_NE(following.output.find("now in act mode"), std::string::npos);
}

TEST(Tierctl, AFollowerLearnsThatTheDaemonStopped) {
  auto server = std::make_unique<FakeServer>();
  Program following({"events", "--follow", "--socket", server->socket()});
  ASSERT_TRUE(following.read_some());
  server.reset();
  EXPECT_EQ(following.wait(), 3);
  EXPECT_NE(following.errors.find("the connection to tierd ended"), std::string::npos) << following.errors;
}

TEST(Tierctl, RecordsUntilInterrupted) {
  FakeServer server;
  const auto file = std::filesystem::path(server.socket()).parent_path() / "a.trace";
  auto part = file;
  part += ".part";
  Program recording({"record", "-o", file.string(), "--json", "--socket", server.socket()});
  for (int i = 0; i < 500 && !std::filesystem::exists(part); ++i) ::poll(nullptr, 0, 10);
  ASSERT_TRUE(std::filesystem::exists(part)) << "the first tick opens it";
  recording.interrupt();
  EXPECT_EQ(recording.wait(), 0) << recording.errors;
  EXPECT_EQ(json::parse(recording.output).at("ticks"), 1);
  EXPECT_EQ(recording.errors, "") << "no line of progress off a terminal";
  EXPECT_FALSE(std::filesystem::exists(part));
  auto reader = sim::open_trace(file);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_TRUE((*reader)->next().value());
  EXPECT_FALSE((*reader)->next().value());
}

TEST(Tierctl, AFullDiskIsAFailure) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  FakeServer server;
  const std::string command =
      std::string(TIERCTL_PROGRAM) + " status --socket " + server.socket() + " >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace tier
