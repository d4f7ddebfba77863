#include "tools/tierctl/enable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "platform/api/durable_file.h"
#include "platform/api/text_file.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine =
    "# Written by `tierctl enable {}`, taken back by `tierctl disable {}`. ";
constexpr std::size_t kMostBytes = 64 << 10;        // drop-ins and sysctl files have a few lines
constexpr std::string_view kBefore = "# Before: ";  // what the kernel's setting was

// FNV-1a, 64 bits (RFC 9923): tells a file that was edited, not one that was forged; root alone writes there.
std::string checksum(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return fmt::format("{:016x}", hash);
}

std::string written(const OptionEntry& option, const std::string& shipped, const std::string& before) {
  const std::string rest = (before.empty() ? "" : fmt::format("{}{}\n", kBefore, before)) + shipped;
  return fmt::format(fmt::runtime(kFirstLine), option.name, option.name) + checksum(rest) + "\n" + rest;
}

// As tierctl wrote it, of whatever version.
bool is_ours(const OptionEntry& option, std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string first = fmt::format(fmt::runtime(kFirstLine), option.name, option.name);
  return text.substr(0, end) == first + checksum(text.substr(end + 1));
}

std::optional<long> before_of(std::string_view text) {
  const std::size_t at = text.find(kBefore);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + kBefore.size());
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

Result<std::string> read_text(const fs::path& path) { return read_regular_file(path, kMostBytes); }

}  // namespace

const std::vector<OptionEntry>& option_table() {
  static const std::vector<OptionEntry> table = {
      {"perf-events", OptionKind::kSysctl, "1.9",
       "perf events with CAP_PERFMON: clock event, PEBS, IBS and SPE, PAPI, memory controllers",
       "every user may measure his own programs in user mode (kernel.perf_event_paranoid 2)", "",
       /*needs_stop=*/false, "kernel.perf_event_paranoid", 2},
      {"perf-events-admin", OptionKind::kDropIn, "2.2", "the same for tierd alone, whatever the setting is",
       "the service has CAP_SYS_ADMIN, within the rest of its sandbox", ""},
      {"prefetch-hardware", OptionKind::kDropIn, "2.3",
       "writing the registers that switch hardware prefetchers",
       "CAP_SYS_RAWIO and /dev/cpu/N/msr; a write taints the kernel",
       "name \"hardware\" in prefetch.arm of the configuration", /*needs_stop=*/true},
      {"pcm-server", OptionKind::kDropIn, "2.7", "reaching Intel PCM's sensor server on this machine",
       "the service sees the host's network and may talk to loopback addresses",
       "set prefetch.pcm of the configuration, like \"localhost:9738\""},
  };
  return table;
}

fs::path Enabler::file_of(const OptionEntry& option) const {
  if (option.kind == OptionKind::kSysctl)
    return system_.root / "etc/sysctl.d" / fmt::format("60-tierd-{}.conf", option.name);
  return system_.root / "etc/systemd/system/tierd.service.d" / fmt::format("{}.conf", option.name);
}

Result<std::string> Enabler::shipped(const OptionEntry& option) const {
  const fs::path path = system_.shipped / fmt::format("{}.conf", option.name);
  auto text = read_text(path);
  if (text) return text;
  return fail(ErrorKind::kFailed, fmt::format("{} is missing: it is installed with tierd", path.string()),
              "install tierd again");
}

Result<OptionStanding> Enabler::look_at(const OptionEntry& option) const {
  const fs::path file = file_of(option);
  std::error_code error;
  const fs::file_status status = fs::symlink_status(file, error);
  if (!fs::exists(status)) return OptionStanding{&option, OptionState::kOff, file};
  if (!fs::is_regular_file(status)) return OptionStanding{&option, OptionState::kForeign, file};
  const auto text = TIER_TRY(read_text(file));
  // Also a copy that was made by hand.
  const auto original = shipped(option);
  const bool ours = is_ours(option, text) || (original && *original == text);
  return OptionStanding{&option, ours ? OptionState::kOn : OptionState::kForeign, file};
}

Result<std::vector<OptionStanding>> Enabler::list() const {
  std::vector<OptionStanding> all;
  for (const OptionEntry& option : option_table()) {
    auto standing = TIER_TRY(look_at(option));
    all.push_back(std::move(standing));
  }
  return all;
}

Result<const OptionEntry*> Enabler::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const OptionEntry& option : option_table()) {
    names.emplace_back(option.name);
    if (option.name != name) continue;
    if (system_.privileged) return &option;
    return fail(ErrorKind::kPermission, "only root may change what the service is allowed", "sudo");
  }
  return fail(ErrorKind::kUsage, fmt::format("there is no option \"{}\"", name),
              fmt::format("choose one of {}", fmt::join(names, ", ")));
}

Result<void> Enabler::systemctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "systemctl");
  const auto code = TIER_TRY(system_.run(arguments));
  if (code == 0) return {};
  return fail(ErrorKind::kFailed,
              fmt::format("`{}` ended with exit code {}", fmt::join(arguments, " "), code),
              "look at `systemctl status tierd`; the file is as said above");
}

bool Enabler::tierd_runs() const {
  return system_.live && system_.systemd && systemctl({"is-active", "--quiet", "tierd"}).has_value();
}

// A file whose content is what it should be already stays untouched.
Result<void> Enabler::write(const OptionEntry& option, const std::string& before, OptionChange& change) {
  const auto original = TIER_TRY(shipped(option));
  const fs::path file = file_of(option);
  const std::string text = written(option, original, before);
  if (const auto old = read_text(file); old && *old == text) return {};
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  auto done = replace_file(file, text);
  fs::remove(file.string() + ".previous", error);
  if (!done) return done;
  change.changed = true;
  change.notes.push_back("wrote " + file.string());
  return {};
}

// The kernel's setting comes last: what cannot be set must not be found set after the next boot.
Result<void> Enabler::switch_on(const OptionEntry& option, OptionChange& change) {
  const auto now =
      TIER_TRY(system_.live ? system_.read_sysctl(option.sysctl) : Result<long>(option.sysctl_value + 1));
  const auto old = read_text(file_of(option));
  if (now <= option.sysctl_value && !old) {
    change.notes.push_back(
        fmt::format("{} is {} already, which allows it: nothing is to be done as long as that "
                    "stays so",
                    option.sysctl, now));
    return {};
  }
  // Enabled again, the value of before is the one that was found the first time.
  const std::optional<long> first = old ? before_of(*old) : std::nullopt;
  const std::string before = first ? std::to_string(*first) : system_.live && !old ? std::to_string(now) : "";
  TIER_TRY(write(option, before, change));
  change.state = OptionState::kOn;
  if (!system_.live || now <= option.sysctl_value) return {};
  if (auto set = system_.write_sysctl(option.sysctl, option.sysctl_value); !set) {
    std::error_code error;
    if (!old) fs::remove(file_of(option), error);
    return set;
  }
  change.changed = true;
  change.notes.push_back(fmt::format("{} is {} now, was {}", option.sysctl, option.sysctl_value, now));
  return {};
}

// Also when nothing changed: an earlier call may have failed between the file and systemd.
Result<void> Enabler::tell_systemd(const OptionEntry& option, bool restart, OptionChange& change) {
  if (!system_.live || !system_.systemd) {
    // A setting of the running kernel is in force already.
    if (change.changed && (option.kind == OptionKind::kDropIn || !system_.live))
      change.notes.emplace_back("systemd does not run here: it takes effect with the next boot");
    return {};
  }
  if (option.kind == OptionKind::kDropIn) TIER_TRY(systemctl({"daemon-reload"}));
  if (restart) {
    TIER_TRY(systemctl({"try-restart", "tierd"}));
    change.notes.emplace_back("tierd was restarted, if it ran");
  } else if (change.changed && option.kind == OptionKind::kDropIn) {
    change.notes.emplace_back("it takes effect with `systemctl restart tierd`");
  } else if (change.changed) {
    change.notes.emplace_back("tierd notices within a minute or so; `systemctl restart tierd` is sooner");
  }
  return {};
}

Result<OptionChange> Enabler::enable(const std::string& name, bool restart) {
  const auto option = TIER_TRY(find(name));
  const auto standing = TIER_TRY(look_at(*option));
  if (standing.state == OptionState::kForeign)
    return fail(ErrorKind::kFailed, fmt::format("{} is not as tierctl wrote it", standing.file),
                "look at it, and move it away if it is not wanted");
  OptionChange change{option, standing.state, standing.file, false, {}};
  auto done = option->kind == OptionKind::kSysctl ? switch_on(*option, change) : write(*option, "", change);
  if (done && option->kind == OptionKind::kDropIn) change.state = OptionState::kOn;
  if (done) done = tell_systemd(*option, restart, change);
  if (!done) return tl::make_unexpected(done.error());
  if (!change.changed && standing.state == OptionState::kOn)
    change.notes.insert(change.notes.begin(), "it is on already");
  if (change.state == OptionState::kOn && *option->besides != '\0')
    change.notes.emplace_back(option->besides);
  return change;
}

// Only where it still is what the option made of it; else somebody has chosen it since.
Result<void> Enabler::put_back(const OptionEntry& option, const std::string& text,
                               OptionChange& change) const {
  const auto before = before_of(text);
  if (option.kind != OptionKind::kSysctl || !system_.live || !before) return {};
  const auto now = TIER_TRY(system_.read_sysctl(option.sysctl));
  if (now != option.sysctl_value) {
    change.notes.push_back(fmt::format("{} is {}, which tierctl did not set: it stays", option.sysctl, now));
    return {};
  }
  TIER_TRY(system_.write_sysctl(option.sysctl, *before));
  change.notes.push_back(fmt::format("{} is {} again", option.sysctl, *before));
  return {};
}

Result<void> Enabler::remove(const OptionEntry& option, OptionChange& change) {
  const fs::path file = file_of(option);
  const auto text = TIER_TRY(read_text(file));
  TIER_TRY(put_back(option, text, change));
  std::error_code error;
  if (!fs::remove(file, error))
    return fail(ErrorKind::kFailed, fmt::format("cannot remove {}: {}", file.string(), error.message()));
  if (option.kind == OptionKind::kDropIn) fs::remove(file.parent_path(), error);  // if nothing else is in it
  change.changed = true, change.state = OptionState::kOff;
  change.notes.push_back("removed " + file.string());
  return {};
}

Result<OptionChange> Enabler::disable(const std::string& name, bool restart) {
  const auto option = TIER_TRY(find(name));
  const auto standing = TIER_TRY(look_at(*option));
  OptionChange change{option, standing.state, standing.file, false, {}};
  if (standing.state == OptionState::kOff) {
    change.notes.emplace_back("it is off already");
    TIER_TRY(tell_systemd(*option, restart, change));
    return change;
  }
  if (standing.state == OptionState::kForeign)
    return fail(ErrorKind::kFailed, fmt::format("{} is not as tierctl wrote it: it stays", standing.file),
                "look at it, and remove it by hand");
  const bool stop = option->needs_stop && tierd_runs();
  if (stop && !restart)
    return fail(ErrorKind::kFailed,
                fmt::format("tierd runs, and could not put back what it has set without {}", name),
                "`systemctl stop tierd` first, or add --restart");
  if (stop) TIER_TRY(systemctl({"stop", "tierd"}));
  Result<void> done = remove(*option, change);
  if (done) done = tell_systemd(*option, restart && !stop, change);
  // Whatever went wrong: it ran before.
  if (stop)
    if (auto started = systemctl({"start", "tierd"}); !started && done) done = started;
  if (!done) return tl::make_unexpected(done.error());
  return change;
}

}  // namespace tier
