#include "tools/tier-lab/vm.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

TEST(Console, LastLinesAreTheLast) {
  EXPECT_EQ(last_lines("a\nb\nc", 2), "b\nc");
  EXPECT_EQ(last_lines("a\nb", 9), "a\nb");
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("\x1b[31mred\x1b[0m\r\nplain", 2), "red\nplain");
}

TEST(Console, KernelFailuresAreRecognised) {
  EXPECT_EQ(kernel_failure("[ 1.0] Run /init\n"), "");
  EXPECT_EQ(kernel_failure("x\n[ 2.0] Kernel panic - not syncing: sysrq\n"),
            "the guest kernel panicked: Kernel panic - not syncing: sysrq");
  EXPECT_EQ(kernel_failure("[ 2.0] BUG: unable to handle page fault for address: 0\n"),
            "the guest kernel oopsed: BUG: unable to handle page fault for address: 0");
}

}  // namespace
}  // namespace tier::lab
