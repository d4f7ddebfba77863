// Our BPF programs against three real kernels, and DAMON where taking it over harms nobody. One guest for
// each kernel: booting it takes longer than most of what is asked of it.
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

struct Asked {
  const char* kernel;
  std::vector<std::string> binaries;
  std::vector<std::string> commands;  // of a shell, one after the other
};

constexpr const char* kMappings = "mappings_native_test --gtest_filter=-*Overlay*";

// The iterators over mappings, and what happens to processes, differ a little between kernels. Two thousand
// processes are too many for an emulated CPU, and no overlay can be mounted there. Last, for it leaves the
// setting behind: the unit's capabilities where the kernel refuses perf events as Debian's does by default,
// and containers.
std::vector<std::string> what_differs() {
  return {"bpf-verify", kMappings, "process_watch_native_test --gtest_filter=-*IdleProcesses*",
          "process_watch_contract_test",
          "echo 3 > /proc/sys/kernel/perf_event_paranoid && confined_native_test"};
}

std::vector<Asked> guests() {
  const std::vector<std::string> all = {"bpf-verify", "mappings_native_test", "process_watch_native_test",
                                        "process_watch_contract_test", "confined_native_test"};
  return {{"6.1", all, what_differs()},
          {"6.12",
           {"bpf-verify", "mappings_native_test", "damon_guest_test"},
           {"bpf-verify", kMappings, "TIER_DAMON_ALLOWED=1 damon_guest_test"}},
          {"7.2", all, what_differs()}};
}

std::string list_of(const std::vector<std::string>& words, const std::string& before,
                    const std::string& after) {
  std::string text;
  for (const std::string& word : words) {
    text += text.empty() ? "" : ",";
    text += before;
    text += word;
    text += after;
  }
  return "[" + text + "]";
}

class Bpf : public ::testing::TestWithParam<Asked> {};

TEST_P(Bpf, ProgramsLoadAndTellTheTruth) {
  const Asked& asked = GetParam();
  const Outcome outcome = run_scenario(
      "bpf-verify", {std::string("run.kernel=\"") + asked.kernel + "\"",
                     "image.binaries=" + list_of(asked.binaries, "\"", "\""),
                     "workload.commands=" + list_of(asked.commands, "[\"sh\",\"-c\",\"", "\"]")});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const std::string lines = all_lines(outcome.record);
  ASSERT_EQ(outcome.record.exits.size(), asked.commands.size());
  for (std::size_t i = 0; i < asked.commands.size(); ++i)
    EXPECT_EQ(outcome.record.exits[i]["code"], 0) << asked.commands[i] << "\n" << lines;
  EXPECT_EQ(lines.find("SKIPPED"), std::string::npos) << lines;
  for (const char* program : {"OK       stall/on_tick", "OK       processes/on_look",
                              "OK       processes/on_end", "OK       mappings/on_vma"})
    EXPECT_NE(lines.find(program), std::string::npos) << lines;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Bpf, ::testing::ValuesIn(guests()),
                         [](const auto& each) { return "Linux" + std::to_string(each.index); });

}  // namespace
}  // namespace tier::lab
