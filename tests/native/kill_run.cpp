#include "tests/native/kill_run.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <thread>

#include "platform/linux/linux_knobs.h"
#include "prefetch/journal/known_journal.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

// So low that most writers see several rewritings, or one at every record once all knobs are written.
constexpr JournalLimit kOften{24, 2}, kAlways{1, 1};

enum class Way { kAtAccess, kInWrite, kAnyTime };

// Kills this process before or after one of its accesses.
class Deadly final : public Knobs {
 public:
  Deadly(Knobs& real, unsigned access, bool before) : real_(real), left_(access), before_(before) {}
  Result<std::uint64_t> read(const Knob& knob) override {
    die(true);
    auto value = real_.read(knob);
    die(false);
    return value;
  }
  Result<void> write(const Knob& knob, std::uint64_t value) override {
    die(true);
    auto done = real_.write(knob, value);
    die(false);
    return done;
  }

 private:
  void die(bool before) {
    if (before == before_ && left_-- == 0) kill(getpid(), SIGKILL);
  }
  Knobs& real_;
  unsigned left_;
  bool before_;
};

// Read-ahead has three digits: a file in place of sysfs keeps those beyond what is written.
std::uint64_t any_value(const Knob& knob, std::mt19937_64& random) {
  return knob.kind == kTierKnobReadahead ? 100 + random() % 900 : random();
}

bool same(const Knob& a, const Knob& b) { return !KnobOrder()(a, b) && !KnobOrder()(b, a); }

class Run {
 public:
  Run(KillRig& rig, const KillOptions& options) : rig_(rig), options_(options) {}
  KillCounts all() {
    for (unsigned point = 0; point < options_.kills; ++point) one(point);
    return std::move(counts_);
  }

 private:
  using Values = std::map<Knob, std::uint64_t, KnobOrder>;

  void one(unsigned point) {
    point_ = point;
    std::mt19937_64 random(options_.seed * 1'000'003 + point);
    Values expected = begin(random);
    if (!kill_one(random)) return;
    std::vector<Knob> changed;
    for (const auto& [knob, value] : expected)
      if (rig_.get(knob) != value) changed.push_back(knob);
    counts_.left_written += changed.empty() ? 0U : 1U;
    // At every third point somebody else has written one of them since.
    const Knob* taken = point % 3 == 0 && !changed.empty() ? &changed[random() % changed.size()] : nullptr;
    const auto other = taken != nullptr ? somebody_elses(*taken, random) : std::nullopt;
    if (taken != nullptr && !other)
      return fault(to_string(*taken) + " was written and is not in the journal");
    if (taken != nullptr) {
      rig_.set(*taken, *other);
      expected[*taken] = rig_.get(*taken);
      ++counts_.foreign;
    }
    rig_.after_kill(random);
    for (int time = 0; time < 2; ++time)
      if (const int code = restore(); code != (taken != nullptr ? 6 : 0))
        fault(fmt::format("the restore program's exit code was {}", code));
    rig_.after_restore();
    compare(expected, taken);
  }

  Values begin(std::mt19937_64& random) {
    for (const fs::path& old : {journal(), first(), beside(), options_.known}) fs::remove(old);
    std::ofstream(journal()).close();
    fs::create_hard_link(journal(), first());  // so that a rewritten journal is told from the first
    std::ofstream(boot_file()) << boot_ << "\n";
    Values values;
    std::vector<Knob> all = rig_.untouched();
    for (const ControlledKnob& each : rig_.controlled()) all.push_back(each.knob);
    for (const Knob& knob : all) rig_.set(knob, any_value(knob, random)), values[knob] = rig_.get(knob);
    return values;
  }

  // A child that writes until it is killed, in one of three ways. false: it died of something else.
  bool kill_one(std::mt19937_64& random) {
    Way way = static_cast<Way>(random() % 3);
    if (way == Way::kInWrite && !rig_.kill_in_write(static_cast<unsigned>(random() % 60), random))
      way = Way::kAtAccess;
    const auto access =
        way == Way::kAtAccess ? static_cast<unsigned>(random() % 120) : std::numeric_limits<unsigned>::max();
    const std::chrono::microseconds delay(random() % 12'000);
    const bool in_rewriting = random() % 2 == 0;
    const pid_t child = fork();
    if (child == 0) write_until_killed(random, access);
    if (way == Way::kAnyTime) {
      std::this_thread::sleep_for(delay);
      if (in_rewriting) wait_for_rewriting();
      kill(child, SIGKILL);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      fault(fmt::format("the writer was not killed, its status is {:#x}", status));
      return false;
    }
    ++counts_.kills;
    ++(way == Way::kAtAccess  ? counts_.at_access
       : way == Way::kInWrite ? counts_.in_write
                              : counts_.any_time);
    counts_.rewritten += fs::equivalent(journal(), first()) ? 0U : 1U;
    counts_.in_rewriting += fs::exists(beside()) ? 1U : 0U;
    return true;
  }

  // Until the rewritten journal lies beside the old one; not for ever, for the writer may have none to
  // rewrite.
  void wait_for_rewriting() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    while (!fs::exists(beside()) && std::chrono::steady_clock::now() < end) {
    }
  }

  [[noreturn]] void write_until_killed(std::mt19937_64& random, unsigned access) const {
    LinuxKnobs real(rig_.files());
    Deadly knobs(real, access, random() % 2 == 0);
    auto journal = open_known_journal({this->journal(), options_.known}, boot_, {},
                                      random() % 2 == 0 ? kOften : kAlways);
    if (!journal) std::_Exit(3);
    KnobGuard guard(knobs, *std::move(journal), std::chrono::seconds(10));
    (void)guard.begin({});
    const auto all = rig_.controlled();
    for (;;) {
      const ControlledKnob& which = all[random() % all.size()];
      (void)guard.set(which, any_value(which.knob, random));
      if (random() % 64 == 0) (void)guard.restore();
    }
  }

  // A value of the knob that tierd neither found nor wrote last, nor was about to write. None: the journal
  // says nothing of it.
  std::optional<std::uint64_t> somebody_elses(const Knob& knob, std::mt19937_64& random) const {
    TierJournalRecord record{}, last{};
    std::ifstream in(journal(), std::ios::binary);
    while (in.read(reinterpret_cast<char*>(&record), sizeof record))
      if (same(record.knob, knob)) last = record;
    while (last.mask != 0) {
      const std::uint64_t other = (last.after & ~last.mask) | (any_value(knob, random) & last.mask);
      bool known = false;
      for (const std::uint64_t value : {last.original, last.before, last.after})
        known |= (value & last.mask) == (other & last.mask);
      if (!known) return other;
    }
    return {};
  }

  int restore() {
    const TierKnobFiles files = rig_.files();
    const fs::path out = options_.folder / "out";
    const fs::path told = options_.known.empty() ? journal() : options_.known;
    const int status = std::system(fmt::format("{} --journal {} --cpus {} --block {} --boot-id {} > {}",
                                               TIER_RESTORE_PROGRAM, told.string(), files.cpus, files.block,
                                               boot_file().string(), out.string())
                                       .c_str());
    std::ifstream in(out);
    for (std::string line; std::getline(in, line);)
      if (line.find(" through CPU ") != std::string::npos && line.find(": restored") != std::string::npos)
        ++counts_.through_sibling;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void compare(const Values& expected, const Knob* taken) {
    for (const auto& [knob, value] : expected) {
      const std::uint64_t held = rig_.get(knob);
      const bool exact = held == value, foreign = taken != nullptr && same(knob, *taken);
      ++counts_.knobs, counts_.exact += exact ? 1 : 0;
      counts_.foreign_kept += exact && foreign ? 1 : 0;
      if (!exact) fault(fmt::format("{} holds {:#x} instead of {:#x}", to_string(knob), held, value));
    }
  }

  void fault(const std::string& what) { counts_.faults.push_back(fmt::format("point {}: {}", point_, what)); }

  fs::path journal() const { return options_.folder / "journal"; }
  fs::path beside() const { return options_.folder / "journal.new"; }
  fs::path first() const { return options_.folder / "journal.first"; }
  fs::path boot_file() const { return options_.folder / "boot_id"; }

  KillRig& rig_;
  KillOptions options_;
  const std::string boot_ = std::string(kTierBootIdSize, 'b');
  unsigned point_ = 0;
  KillCounts counts_;
};

}  // namespace

KillCounts run_kills(KillRig& rig, const KillOptions& options) { return Run(rig, options).all(); }

}  // namespace tier
