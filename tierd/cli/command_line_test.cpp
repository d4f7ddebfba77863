#include "tierd/cli/command_line.h"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

#include "tierd/cli/number_range.h"
#include "tierd/words/wrap.h"

namespace tier {
namespace {

constexpr const char* kLongExplanation =
    "Regions, those with most demand first, as many as the terminal has lines for";

// A program with commands two levels deep.
class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--socket", socket_, "The socket");
    app_.add_flag("--json", json_, "JSON");
    app_.add_subcommand("status", "At a glance");
    auto* report = app_.add_subcommand("report", "Pictures")->require_subcommand(1);
    report->add_subcommand("heatmap", "Regions over time")->add_option("--rows", rows_, kLongExplanation);
    app_.add_subcommand("explain", "Why")->add_option("PID", pid_, "Process")->required();
    add_common_commands(app_);
  }

  // What the program would print for these arguments; "" where they are right.
  std::string parse(std::vector<std::string> arguments) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(reversed);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() != 0) return command_line_problem(app_, arguments, error);
      std::ostringstream out, err;
      app_.exit(error, out, err);
      return out.str();
    }
    return {};
  }

  CLI::App app_{"test: a program", "test"};
  std::string socket_;
  bool json_ = false;
  int rows_ = 0, pid_ = 0;
};

TEST_F(CommandLine, NamesAnUnknownWordAndTheNearest) {
  EXPECT_EQ(parse({"stauts"}), "no command is called \"stauts\"; did you mean \"status\"?");
  EXPECT_EQ(parse({"stat"}), "no command is called \"stat\"; did you mean \"status\"?") << "an abbreviation";
  EXPECT_EQ(parse({"report", "heatmp"}), "no command is called \"heatmp\"; did you mean \"heatmap\"?");
  EXPECT_EQ(parse({"--socket", "x", "--json", "stauts"}),
            "no command is called \"stauts\"; did you mean \"status\"?")
      << "the value of an option is no command";
  EXPECT_EQ(parse({"fly"}), "no command is called \"fly\"") << "nothing is near";
  EXPECT_EQ(parse({"status", "--jsno"}), "no option is called \"--jsno\"; did you mean \"--json\"?");
  EXPECT_EQ(parse({"report", "heatmap", "--row=3"}),
            "no option is called \"--row\"; did you mean \"--rows\"?");
}

TEST(RunMain, TellsWhatIsThrown) {
  EXPECT_EQ(run_main("one", [] { return 7; }), 7);
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_main("one", []() -> int { throw std::runtime_error("a folder is\nno file"); }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "one: a folder is\\nno file\n");
}

TEST_F(CommandLine, SaysWhichCommandsThereAre) {
  EXPECT_EQ(parse({"report"}), "name one of its commands: heatmap");
  EXPECT_EQ(parse({}), "name one of its commands: status, report, explain, help");
}

TEST_F(CommandLine, AWrongValueIsStillTold) {
  EXPECT_NE(parse({"explain", "x"}).find("PID"), std::string::npos);
  EXPECT_NE(parse({"explain"}).find("PID is required"), std::string::npos);
  EXPECT_EQ(parse({"explain", "1"}), "");
}

TEST_F(CommandLine, RepeatsNothingOverlong) {
  for (const std::vector<std::string>& hostile :
       std::initializer_list<std::vector<std::string>>{{std::string(5000, '9')},
                                                       {"status", std::string(5000, '9')},
                                                       {"status", "--" + std::string(5000, 'x')},
                                                       {"explain", std::string(310, '9')},
                                                       {"help", std::string(5000, 'y')}}) {
    const std::string text = parse(hostile);
    EXPECT_FALSE(text.empty());
    EXPECT_LT(text.size(), 250U) << text;
  }
}

TEST_F(CommandLine, HelpIsACommandToo) {
  EXPECT_NE(parse({"help"}).find("Usage: test [OPTIONS] SUBCOMMAND"), std::string::npos) << parse({"help"});
  const std::string heatmap = parse({"help", "report", "heatmap"});
  EXPECT_NE(heatmap.find("Usage: test report heatmap"), std::string::npos) << heatmap;
  EXPECT_NE(heatmap.find("--rows"), std::string::npos) << heatmap;
  EXPECT_NE(parse({"help", "heatmp"}).find("no command is called \"heatmp\""), std::string::npos);
}

TEST_F(CommandLine, HelpFitsEightyColumns) {
  std::istringstream lines(parse({"help", "report", "heatmap"}) + parse({"help"}));
  std::string explained;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(display_width(line), 80U) << line;
    if (line.size() > 30) explained += line.substr(30) + " ";
  }
  EXPECT_NE(explained.find(kLongExplanation), std::string::npos) << explained;
}

TEST(ErrorText, IsPrintableAndRepeatsNothingOverlong) {
  const std::string text =
      error_text({ErrorKind::kFailed, "a\x1b[2J\n" + std::string(310, '9') + ": too large", "write less"});
  EXPECT_TRUE(text.starts_with("a\\x1b[2J\n999")) << text;
  EXPECT_TRUE(text.ends_with(": too large (fix: write less)")) << text;
  EXPECT_LT(text.size(), 120U) << text;
}

TEST_F(CommandLine, TellsTheVersion) { EXPECT_TRUE(parse({"--version"}).starts_with("test ")); }

TEST(NumberFrom, TakesWhatIsInRangeAndRepeatsNoLongText) {
  const CLI::Validator range = number_from(0.5, 1e6);
  for (const char* text : {"0.5", "1", "1e6", "1000000"}) {
    std::string given = text;
    EXPECT_EQ(range(given), "") << text;
  }
  for (const std::string& text :
       {std::string("-1"), std::string("0.4"), std::string("1000001"), std::string("nan"), std::string("inf"),
        std::string("1x"), std::string(" 1"), std::string(""), std::string("1e400"), std::string(300, '9')}) {
    std::string given = text;
    const std::string answer = range(given);
    EXPECT_NE(answer.find("is not a number from 0.5 to 1000000"), std::string::npos) << answer;
    EXPECT_LT(answer.size(), 150U);
  }
}

}  // namespace
}  // namespace tier
