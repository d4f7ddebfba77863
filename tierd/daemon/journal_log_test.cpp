#include "tierd/daemon/journal_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tier {
namespace {

// A logger that writes into a string.
class Log {
 public:
  explicit Log(LogReader reader)
      : logger_("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(stream_)) {
    logger_.set_formatter(line_formatter(reader));
    logger_.set_level(spdlog::level::trace);
  }
  spdlog::logger& operator*() { return logger_; }
  std::string text() const { return stream_.str(); }

 private:
  std::ostringstream stream_;
  spdlog::logger logger_;
};

TEST(JournalLog, EachLineCarriesItsPriority) {
  Log log(LogReader::kJournal);
  (*log).critical("a");
  (*log).error("b");
  (*log).warn("c");
  (*log).info("d");
  (*log).debug("e");
  EXPECT_EQ(log.text(), "<2>critical: a\n<3>error: b\n<4>warning: c\n<6>info: d\n<7>debug: e\n");
}

TEST(JournalLog, PeopleGetTheTimeInstead) {
  Log log(LogReader::kPerson);
  (*log).warn("c");
  EXPECT_EQ(log.text().find('<'), std::string::npos);
  EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(log.text().front()))) << log.text();
  EXPECT_NE(log.text().find(" warning: c\n"), std::string::npos) << log.text();
}

TEST(JournalLog, ForeignTextStartsNoLineAndSteersNoTerminal) {
  for (const LogReader reader : {LogReader::kPerson, LogReader::kJournal}) {
    Log log(reader);
    (*log).info("{} runs", "evil\n<0>emerg: root fell\r\x1b[2J");
    const std::string text = log.text();
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
    EXPECT_NE(text.find("evil\\n<0>emerg: root fell\\x0d\\x1b[2J runs"), std::string::npos) << text;
  }
}

TEST(JournalLog, ALongLineIsCutBeforeTheJournalSplitsIt) {
  Log log(LogReader::kJournal);
  // Two bytes each, so that the cut meets the middle of a character.
  std::string text = "x";
  while (text.size() < (1U << 20)) text += "\xc3\xa9";
  (*log).info(text);
  EXPECT_LT(log.text().size(), 48U << 10);
  EXPECT_NE(log.text().find("\\xc3… (1015809 more bytes)\n"), std::string::npos)
      << log.text().substr(log.text().size() - 60);
}

class Stream : public testing::Test {
 protected:
  Stream() : file_(std::tmpfile()) {}
  ~Stream() override { std::fclose(file_); }
  int descriptor() const { return ::fileno(file_); }
  std::string name() const {
    struct stat status {};
    EXPECT_EQ(::fstat(descriptor(), &status), 0);
    return fmt::format("{}:{}", status.st_dev, status.st_ino);
  }

 private:
  std::FILE* file_;
};

TEST_F(Stream, IsTheJournalsOnlyWhereDeviceAndInodeAgree) {
  EXPECT_EQ(log_reader(name().c_str(), descriptor()), LogReader::kJournal);
  EXPECT_EQ(log_reader(nullptr, descriptor()), LogReader::kPerson);
  for (const std::string& other : {std::string(), std::string(":"), std::string("8:1"), name() + "0",
                                   name() + " ", " " + name(), "0" + name()})
    EXPECT_EQ(log_reader(other.c_str(), descriptor()), LogReader::kPerson) << other;
  EXPECT_EQ(log_reader(name().c_str(), -1), LogReader::kPerson);
}

struct Ran {
  int code;
  std::string errors;
};

// The daemon itself, its standard error a file that $JOURNAL_STREAM names, as under systemd.
Ran run_tierd(const std::string& arguments, bool as_journal) {
  const auto path = std::filesystem::temp_directory_path() / ("tierd-log-" + std::to_string(::getpid()));
  std::ofstream(path).close();
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  const std::string stream = as_journal ? fmt::format("{}:{}", status.st_dev, status.st_ino) : "8:1";
  const int ended = std::system(
      fmt::format("JOURNAL_STREAM={} {} {} 2>>{} >/dev/null", stream, TIERD_PROGRAM, arguments, path.string())
          .c_str());
  std::ifstream in(path);
  Ran ran{WIFEXITED(ended) ? WEXITSTATUS(ended) : -1, {std::istreambuf_iterator<char>(in), {}}};
  std::filesystem::remove(path);
  return ran;
}

class Daemon : public testing::Test {
 protected:
  ~Daemon() override { std::filesystem::remove(config_); }
  std::string with(const std::string& toml) const {
    std::ofstream(config_) << toml;
    return "--check --config " + config_.string();
  }
  const std::filesystem::path config_ =
      std::filesystem::temp_directory_path() / ("tierd-log-" + std::to_string(::getpid()) + ".toml");
};

TEST_F(Daemon, EachProblemOfAConfigurationIsAnErrorLine) {
  const Ran ran = run_tierd(with("mode = \"fly\"\ninterval = \"10\"\n"), true);
  EXPECT_EQ(ran.code, 2);
  std::istringstream lines(ran.errors);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(line.starts_with("<3>error: ")) << line;
    EXPECT_NE(line.find(".toml:"), std::string::npos) << line;
  }
  EXPECT_EQ(count, 2) << ran.errors;
  EXPECT_EQ(run_tierd(with("mode = \"fly\"\n"), false).errors.find('<'), std::string::npos);
}

TEST_F(Daemon, AWarningOfAConfigurationIsAWarning) {
  const Ran ran = run_tierd(with("mode = \"act\"\n"), true);
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(ran.errors.starts_with("<4>warning: [targets] names nothing")) << ran.errors;
}

// Exit code 2 is one that the unit does not retry.
TEST_F(Daemon, AWrongCommandLineIsWrongUsage) {
  const Ran ran = run_tierd("--chekc", true);
  EXPECT_EQ(ran.code, 2);
  EXPECT_TRUE(ran.errors.starts_with("<3>error: ")) << ran.errors;
  EXPECT_NE(ran.errors.find("did you mean \"--check\"?"), std::string::npos) << ran.errors;
  EXPECT_EQ(run_tierd("--help", true).code, 0);
  EXPECT_EQ(run_tierd("--version", true).code, 0);
}

}  // namespace
}  // namespace tier
