// tier-lab-agent: the first process of the lab guest. Mounts what programs expect, runs the plan, powers off.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "platform/api/file_descriptor.h"
#include "tools/tier-lab/agent/facts.h"
#include "tools/tier-lab/agent/session.h"

namespace {

struct Mount {
  const char* type;
  const char* where;
  const char* options;
};

void mount_all() {
  static constexpr Mount kMounts[] = {
      {"devtmpfs", "/dev", ""},
      {"proc", "/proc", ""},
      {"sysfs", "/sys", ""},
      {"tmpfs", "/tmp", ""},
      {"tmpfs", "/run", ""},
      {"tmpfs", "/dev/shm", ""},
      {"cgroup2", "/sys/fs/cgroup", ""},
      {"debugfs", "/sys/kernel/debug", ""},
      {"tracefs", "/sys/kernel/tracing", ""},
      {"bpf", "/sys/fs/bpf", ""},
      {"devpts", "/dev/pts", ""},
  };
  for (const Mount& one : kMounts) {
    mkdir(one.where, 0755);
    // What the image holds there must stay to be seen: a checkout that lies in /tmp, for example.
    std::error_code none;
    if (one.type == std::string_view("tmpfs") && !std::filesystem::is_empty(one.where, none)) continue;
    if (mount(one.type, one.where, one.type, 0, one.options) != 0) std::perror(one.where);
  }
}

void load_modules(const nlohmann::json& modules) {
  for (const nlohmann::json& module : modules) {
    const std::string path = module.get<std::string>();
    const tier::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid() || syscall(SYS_finit_module, file.get(), "", 0) != 0) std::perror(path.c_str());
  }
}

}  // namespace

int main() {
  mount_all();
  setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
  setenv("HOME", "/tmp", 1);
  setenv("LC_ALL", "C", 1);
  chdir("/tmp");
  signal(SIGUSR1,
         SIG_IGN);  // inherited by children, so that the start signal harms no program that does not know it
  const nlohmann::json plan =
      nlohmann::json::parse(tier::lab::read_text("/etc/tier-lab/plan.json"), nullptr, false);
  if (plan.is_discarded()) {
    std::fputs("tier-lab-agent: /etc/tier-lab/plan.json is missing or broken\n", stderr);
  } else {
    if (plan.contains("seed"))
      setenv("TIER_SEED", std::to_string(plan.at("seed").get<std::uint64_t>()).c_str(), 1);
    load_modules(plan.at("modules"));
    tier::lab::Session session(plan);
    session.run();
  }
  sync();
  reboot(RB_POWER_OFF);
  pause();
}
