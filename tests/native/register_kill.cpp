// register-kill: the kill run over registers that behave (register_device.h). Prints what it counted as a
// JSON object in the last line. Exit: 0 everything is as it must be, 1 it is not, 2 wrong usage, 77 it cannot
// run here: no root or no FUSE.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/linux/linux_knobs.h"
#include "tests/native/kill_run.h"
#include "tests/native/register_device.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kCpus = 8, kCore = 2, kModule = 4;  // two modules of two cores of two threads
constexpr std::uint32_t kDevice = 8 << 20 | 16;
constexpr std::uint64_t kMoving = 0xFF00'0000'0000;

// What is controlled, with bits that hardware moves beside the mask, and its neighbours in number. Addresses
// and masks as on real machines; who shares what is the model's.
struct Controlled {
  RegisterKind kind;
  std::uint64_t mask;
};
const std::vector<Controlled> kControlled = {
    {{.address = 0x1A4, .sharers = kCore, .moving = kMoving}, 0x2F},
    {{.address = 0x6D, .sharers = kCore}, (1ULL << 14) | (1ULL << 52)},
    {{.address = 0xC0000108, .sharers = kCore, .moving = 0xFF0000}, 0x2F},
    {{.address = 0x1320, .sharers = kModule, .moving = kMoving}, 0xFF},
    {{.address = 0x1321, .sharers = kModule}, ~0ULL}};
const std::vector<RegisterKind> kNeighbours = {{.address = 0x1A3, .sharers = kCore},
                                               {.address = 0x1A5, .sharers = kCore},
                                               {.address = 0x6E, .sharers = kCore},
                                               {.address = 0xC0000109, .sharers = kCore},
                                               {.address = 0x1322, .sharers = kModule}};

std::vector<RegisterKind> all_kinds() {
  std::vector<RegisterKind> all = kNeighbours;
  for (const Controlled& each : kControlled) all.push_back(each.kind);
  return all;
}

class DeviceRig final : public KillRig {
 public:
  DeviceRig(RegisterModel& model, const fs::path& cpus, const fs::path& folder)
      : model_(model), cpus_(cpus.string()), block_((folder / "block").string()) {
    fs::create_directories(fs::path(block_) / "8:16/queue");
    std::ofstream(read_ahead()) << "128\n";
  }
  TierKnobFiles files() const override { return {cpus_.c_str(), block_.c_str(), "/nowhere"}; }
  std::vector<ControlledKnob> controlled() const override {
    std::vector<ControlledKnob> all = {{{kTierKnobReadahead, kDevice, 0}, 0xFFFF}};
    for (const auto& [kind, mask] : kControlled)
      for (std::uint32_t cpu = 0; cpu < kCpus; cpu += kind.sharers)
        all.push_back({{kTierKnobRegister, cpu, kind.address}, mask, cpu + 1});
    return all;
  }
  std::vector<Knob> untouched() const override {
    std::vector<Knob> all;
    for (const RegisterKind& kind : kNeighbours)
      for (std::uint32_t cpu = 0; cpu < kCpus; cpu += kind.sharers)
        all.push_back({kTierKnobRegister, cpu, kind.address});
    return all;
  }
  std::uint64_t get(const Knob& knob) override {
    if (knob.kind == kTierKnobRegister) return model_.peek(knob.unit, knob.index);
    std::uint64_t value = 0;
    std::ifstream(read_ahead()) >> value;
    return value;
  }
  void set(const Knob& knob, std::uint64_t value) override {
    if (knob.kind == kTierKnobRegister) return model_.poke(knob.unit, knob.index, value);
    std::ofstream(read_ahead()) << value << "\n";
  }
  bool kill_in_write(unsigned write, std::mt19937_64& random) override {
    model_.kill_writer_at(write, random() % 2 == 0 ? KillMoment::kBeforeStored : KillMoment::kAfterStored);
    return true;
  }
  // In every other run the CPUs that wrote are gone: the registers are reached through those that share them.
  void after_kill(std::mt19937_64& random) override {
    model_.kill_writer_at({});
    if (random() % 2 == 0) return;
    for (std::uint32_t cpu = 0; cpu < kCpus; cpu += kCore)
      model_.set_offline(cpu, random() % 2 == 0 ? ENOENT : ENXIO);
  }
  void after_restore() override {
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) model_.set_offline(cpu, 0);
  }

 private:
  fs::path read_ahead() const { return fs::path(block_) / "8:16/queue/read_ahead_kb"; }
  RegisterModel& model_;
  const std::string cpus_, block_;
};

nlohmann::ordered_json json_of(const KillCounts& counts) {
  return {{"kills", counts.kills},
          {"in_write", counts.in_write},
          {"at_access", counts.at_access},
          {"any_time", counts.any_time},
          {"left_written", counts.left_written},
          {"rewritten", counts.rewritten},
          {"in_rewriting", counts.in_rewriting},
          {"knobs", counts.knobs},
          {"exact", counts.exact},
          {"foreign", counts.foreign},
          {"foreign_kept", counts.foreign_kept},
          {"through_sibling", counts.through_sibling},
          {"faults", counts.faults.size()}};
}

// That each kind of kill was among them: a run that killed nobody in time would find nothing wrong.
bool thorough(const KillCounts& counts) {
  const unsigned some = counts.kills / 16;
  return counts.in_write > some && counts.at_access > some && counts.any_time > some &&
         counts.left_written > counts.kills / 2 && counts.rewritten > some && counts.foreign > some &&
         counts.through_sibling > some;
}

int run(const KillOptions& wanted) {
  RegisterModel model(kCpus, all_kinds());
  const auto device = RegisterDevice::mount(model);
  if (!device) {
    fmt::print(stderr, "skipped: {}\n", device.error().text());
    return 77;
  }
  KillOptions options = wanted;
  options.folder = fs::temp_directory_path() / fmt::format("register-kill-{}", getpid());
  fs::create_directories(options.folder);
  DeviceRig rig(model, (*device)->path(), options.folder);
  const KillCounts counts = run_kills(rig, options);
  fs::remove_all(options.folder);
  for (const std::string& fault : counts.faults) fmt::print("{}\n", fault);
  fmt::print("{}\n", json_of(counts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return counts.faults.empty() && counts.kills == options.kills && thorough(counts) ? 0 : 1;
}

}  // namespace
}  // namespace tier

int main(int count, char** arguments) {
  tier::KillOptions options;
  CLI::App app("Kills writers of registers and restores what they left");
  app.add_option("--kills", options.kills, "how many; at least 32")->check(CLI::Range(32U, 1'000'000U));
  app.add_option("--seed", options.seed, "of everything but the kills by the clock");
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return tier::run(options);
}
