// What the real machine refuses to a caller without rights; the fake machine's deny() stands for it
// elsewhere.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "platform/contract/rig.h"

namespace tier {
namespace {

constexpr ::uid_t kNobody = 65534;

TEST(LinuxPermission, AnotherUsersProcessIsRefusedWithAFix) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else in a child";
  const auto rig = linux_rig();
  const auto program = rig->start();
  const auto target = rig->processes().describe(program->pid());
  ASSERT_TRUE(target);
  // In a child, because the identity cannot be taken back; it answers by its exit status.
  const ::pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(10);
    const Address page = program->range().start;
    if (rig->locator().locate(program->pid(), {&page, 1}).error_number != EPERM) ::_exit(1);
    if (rig->mover().move(program->pid(), {&page, 1}, NodeId{0}).error_number != EPERM) ::_exit(2);
    const auto handle = rig->processes().open(program->pid(), target->start_time);
    if (handle || handle.error().kind != ErrorKind::kPermission || handle.error().fix.empty()) ::_exit(3);
    const auto mappings = rig->processes().mappings(program->pid());
    if (mappings || mappings.error().kind != ErrorKind::kPermission) ::_exit(4);
    if (!rig->processes().describe(program->pid()).has_value()) ::_exit(5);  // what everybody may see
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the number is that of the check above that failed";
}

}  // namespace
}  // namespace tier
