#include "tools/tier-lab/agent/facts.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace tier::lab {
namespace {

double own_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

// A child that uses so much of a CPU by its own clock, says so and waits to be killed.
pid_t busy_child(double seconds, int tell) {
  const pid_t child = fork();
  if (child != 0) return child;
  while (own_cpu_seconds() < seconds) {
  }
  if (write(tell, "x", 1) != 1) _exit(1);
  for (;;) pause();
}

TEST(FamilyCpu, IsThatOfChildrenToo) {
  constexpr double kUsed = 0.2, kTick = 0.02;  // ended children are told in ticks of ten milliseconds
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const double before = family_cpu_seconds(getpid()), alone = process_cpu_seconds(getpid());
  const pid_t child = busy_child(kUsed, ends[1]);
  char word = 0;
  ASSERT_EQ(read(ends[0], &word, 1), 1);
  EXPECT_GE(family_cpu_seconds(getpid()) - before, kUsed - kTick) << "it lives";
  EXPECT_LT(process_cpu_seconds(getpid()) - alone, kUsed) << "which the process itself did not use";
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_GE(family_cpu_seconds(getpid()) - before, kUsed - kTick) << "it has ended";
  close(ends[0]);
  close(ends[1]);
}

TEST(FamilyCpu, NobodyUsesNothing) { EXPECT_EQ(family_cpu_seconds(-1), 0); }

}  // namespace
}  // namespace tier::lab
