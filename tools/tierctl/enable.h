// `tierctl enable` and `tierctl disable`: rights beyond those of the unit, each a file that is installed with
// tierd and is off until it is copied to where systemd or sysctl(8) reads it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace tier {

// Where an option's file goes, and what makes it count.
enum class OptionKind : std::uint8_t {
  kDropIn,  // /etc/systemd/system/tierd.service.d/, read by `systemctl daemon-reload`
  kSysctl,  // /etc/sysctl.d/, read at boot; the kernel's setting is written besides
};

struct OptionEntry {
  const char* name;  // its installed file is NAME.conf
  OptionKind kind;
  const char*
      exposure;  // of tierd.service with it alone, by `systemd-analyze security`; systemd/CMakeLists.txt
  const char* allows;
  const char* costs;
  const char* besides;      // what else must be set; or empty
  bool needs_stop = false;  // taken from under a running tierd, settings could not be put back
  const char* sysctl = "";  // kSysctl: the setting's name
  long sysctl_value = 0;    // and the value that the file gives it
};

const std::vector<OptionEntry>& option_table();

enum class OptionState : std::uint8_t {
  kOff,
  kOn,
  kForeign,  // a file is there that tierctl did not write, or that was changed since: left alone
};

struct OptionStanding {
  const OptionEntry* option = nullptr;
  OptionState state = OptionState::kOff;
  std::string file;  // where it is, or would be
};

struct OptionChange {
  const OptionEntry* option = nullptr;
  OptionState state = OptionState::kOff;  // now
  std::string file;
  bool changed = false;
  std::vector<std::string> notes;  // what was done, and what the reader has to do
};

// What the commands need of the system.
struct EnableSystem {
  std::filesystem::path root = "/";  // etc/ is below it
  std::filesystem::path shipped;     // the folder of the installed files
  bool privileged = true;            // may write there
  bool live = true;                  // `root` is the running system, not an image
  bool systemd = true;               // systemd runs it
  std::function<Result<long>(const std::string& name)> read_sysctl;
  std::function<Result<void>(const std::string& name, long value)> write_sysctl;
  // Runs a program with its output on ours; its exit code.
  std::function<Result<int>(const std::vector<std::string>&)> run;
};

class Enabler {
 public:
  explicit Enabler(EnableSystem system) : system_(std::move(system)) {}

  Result<std::vector<OptionStanding>> list() const;
  // kUsage: there is no such option. kPermission: only root may. kFailed: a file is there that is not ours.
  // Idempotent. `restart` lets a running tierd begin anew with it.
  Result<OptionChange> enable(const std::string& name, bool restart);
  // What was there before comes back, unless somebody has changed it since. Idempotent.
  Result<OptionChange> disable(const std::string& name, bool restart);

 private:
  std::filesystem::path file_of(const OptionEntry& option) const;
  Result<std::string> shipped(const OptionEntry& option) const;
  Result<OptionStanding> look_at(const OptionEntry& option) const;
  Result<const OptionEntry*> find(const std::string& name) const;
  Result<void> write(const OptionEntry& option, const std::string& before, OptionChange& change);
  Result<void> switch_on(const OptionEntry& option, OptionChange& change);
  Result<void> remove(const OptionEntry& option, OptionChange& change);
  Result<void> put_back(const OptionEntry& option, const std::string& text, OptionChange& change) const;
  Result<void> tell_systemd(const OptionEntry& option, bool restart, OptionChange& change);
  Result<void> systemctl(std::vector<std::string> arguments) const;
  bool tierd_runs() const;

  EnableSystem system_;
};

}  // namespace tier
