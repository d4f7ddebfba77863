#include "migrator/move_errors.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>

#include "migrator/migrator_fixture.h"

namespace tier {
namespace {

using testing::HasSubstr;

// ERRORS and "Page states in the status array" of move_pages(2), and what mm/migrate.c adds (EAGAIN, ENOSYS).
constexpr int kDocumented[] = {EACCES, EBUSY,  EFAULT, EINVAL, EIO,    ENOENT, ENOMEM,
                               E2BIG,  ENODEV, EPERM,  ESRCH,  EAGAIN, ENOSYS};

TEST(MoveErrors, EachDocumentedOneStandsOnce) {
  std::multiset<int> numbers;
  for (const MoveError& error : move_errors()) {
    numbers.insert(error.number);
    EXPECT_NE(std::string(error.name), "");
    EXPECT_NE(std::string(error.means), "") << error.name;
  }
  EXPECT_EQ(numbers, std::multiset<int>(std::begin(kDocumented), std::end(kDocumented)));
  EXPECT_EQ(find_move_error(EDOM), nullptr);
}

TEST(MoveErrors, UnknownOnesAreToldByNumber) {
  PageCounts pages;
  pages.failed[EDOM] = 3;
  EXPECT_EQ(failures_text(pages), "3 pages errno 33");
  EXPECT_FALSE(region_refused(pages));
}

class EveryError : public MigratorTest, public testing::WithParamInterface<int> {};

// A page's refusal makes its region wait, for long where only the program can change it; what is the node's,
// the process's or our own fault says nothing about the region.
TEST_P(EveryError, OfEachPageIsCountedToldAndJudged) {
  const int number = GetParam();
  if (number == ENOMEM) GTEST_SKIP() << "of a whole call, never of a page";
  build(two_tiers(1_GiB, 4_MiB));
  machine->refuse_pages(kProgram, page_range(0, 0, kPagesPerRegion), number);
  const auto r = run(plan(1, {promote(0)})).at(0);
  const MoveError& error = *find_move_error(number);
  EXPECT_EQ(r.pages.failed, (std::map<int, std::uint64_t>{{number, kPagesPerRegion}}));
  EXPECT_TRUE(r.pages.balanced());
  EXPECT_THAT(r.detail, HasSubstr(std::string(error.name) + ": " + error.means));
  const bool pages_fault = error.fault == MoveFault::kPage || error.fault == MoveFault::kRegion;
  EXPECT_EQ(r.unmovable, pages_fault && error.retry == MoveRetry::kLater);
  const auto calls = machine->move_calls();
  run(plan(2, {promote(0)}));
  EXPECT_EQ(machine->move_calls() > calls, error.retry == MoveRetry::kNext) << "asked again at once";
  EXPECT_EQ(run(plan(3, {promote(1)})).at(0).fate, MoveFate::kMoved) << "its neighbour pays for it";
}

TEST_P(EveryError, OfAWholeCallLosesNoPage) {
  const int number = GetParam();
  build(two_tiers(1_GiB, 4_MiB));
  machine->fail_calls(number, 1);
  const auto reports = run(plan(1, {promote(0), promote(1)}));
  for (const auto& r : reports) EXPECT_TRUE(r.pages.balanced()) << r.detail;
  EXPECT_EQ(reports.at(0).fate, number == ESRCH ? MoveFate::kTargetGone : MoveFate::kFailed);
  EXPECT_EQ(migrator->totals().calls.failed, (std::map<int, std::uint64_t>{{number, 1}}));
}

INSTANTIATE_TEST_SUITE_P(Documented, EveryError, testing::ValuesIn(kDocumented));

}  // namespace
}  // namespace tier
