// Children that see less, or may do less, than the test: capabilities dropped, perf events refused,
// namespaces.
#pragma once

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "platform/api/file_descriptor.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace tier {

// Runs `body` in a child; its result is the child's exit code. -1 when the child was killed.
template <typename Body>
int exit_code_of(Body body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// Keeps these capabilities alone, in the bounding set too, as a systemd unit does for a process of root.
inline bool keep_capabilities(std::initializer_list<unsigned> kept) {
  std::uint64_t mask = 0;
  for (const unsigned capability : kept) mask |= std::uint64_t{1} << capability;
  for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if ((mask >> capability & 1U) == 0 && prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EINVAL)
      return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned word = 0; word < 2; ++word)
    data[word].effective = data[word].permitted = static_cast<std::uint32_t>(mask >> (32 * word));
  return syscall(SYS_capset, &header, data) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// perf_event_open(2) fails with EACCES from now on, as on a kernel whose kernel.perf_event_paranoid forbids
// it.
inline bool refuse_perf_events() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof(code) / sizeof(code[0]), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Clocks of children in a time namespace just unshared run ahead by 1,000 s (time_namespaces(7)).
inline bool move_clocks_of_children() {
  const FileDescriptor file(open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC));
  const char text[] = "monotonic 1000 0\nboottime 1000 0\n";
  return file.valid() && write(file.get(), text, sizeof(text) - 1) == static_cast<ssize_t>(sizeof(text) - 1);
}

// Runs `body` as process 1 of a PID namespace of its own with a /proc of its own, as in a container
// (`own_clocks`: and in a time namespace); its exit code. kNoNamespace where that is not permitted.
inline constexpr int kNoNamespace = 77;
template <typename Body>
int exit_code_in_container(Body body, bool own_clocks = false) {
  return exit_code_of([&] {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS | (own_clocks ? CLONE_NEWTIME : 0)) != 0) return kNoNamespace;
    if (own_clocks && !move_clocks_of_children()) return kNoNamespace;
    return exit_code_of([&] {
      if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNoNamespace;
      if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return kNoNamespace;
      return body();
    });
  });
}

}  // namespace tier
