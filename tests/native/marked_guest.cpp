// marked_guest: what becomes of idle memory that NUMA balancing has marked, moved by a migrator that takes
// the kernel's word and by one that sees marked pages, and what the sight costs. For an emulated guest with
// two nodes and NUMA balancing on. Prints lines "figure NAME VALUE"; exit 0 where it could measure, 77 where
// nothing gets marked or hidden.
#include <cstdio>

#include "migrator/migrator.h"
#include "platform/contract/rig.h"
#include "platform/linux/machine.h"

namespace tier {
namespace {

constexpr Bytes kIdle = 32_MiB;

void figure(const std::string& name, double value) { std::printf("figure %s %.6g\n", name.c_str(), value); }

MigrationReport move_all(Rig& rig, const Program& program, NodeId to, MigratorAids aids) {
  const MonotonicClock clock;
  auto executor = std::make_shared<ManualExecutor>();
  Migrator migrator(rig.mover(), rig.locator(), rig.processes(), clock, {.rate = Bytes{0}}, executor, aids);
  MigrationRequest request;
  request.key = {TargetId{1}, program.range().start};
  request.range = program.range();
  request.pid = program.pid();
  request.start_time = rig.processes().describe(program.pid()).value().start_time;
  request.to = to;
  migrator.submit({.sequence = 1, .tick = {}, .requests = {request}});
  while (!migrator.idle()) executor->run_once();
  return migrator.take_reports().at(0);
}

double moved_share(const MigrationReport& report) {
  return static_cast<double>(report.pages.moved) / static_cast<double>(report.pages.requested);
}

// Microseconds to ask for the place of a page, of all pages at once.
double microseconds_to_locate(Rig& rig, const Program& program, std::size_t& count) {
  std::vector<Address> pages;
  for (Address page = program.range().start; page < program.range().end; page += 4096) pages.push_back(page);
  const MonotonicClock clock;
  const Nanoseconds before = clock.now();
  rig.locator().locate(program.pid(), pages);
  count = pages.size();
  return seconds(clock.now() - before) * 1e6 / static_cast<double>(count);
}

bool measure(Rig& rig, bool huge) {
  const std::string kind = huge ? "huge" : "small";
  const auto program = rig.start({.size = kIdle, .touched = kIdle, .huge = huge});
  if (!program->get_marked()) return false;
  figure(kind + "_demoted_before", moved_share(move_all(rig, *program, NodeId{1}, {})));
  const MonotonicClock clock;
  const PageFinder finder(rig.locator(), &rig.marked(), clock, {.reads_per_second = 0});
  figure(kind + "_demoted", moved_share(move_all(rig, *program, NodeId{1}, {&finder, nullptr, nullptr})));
  std::size_t count = 0;
  const double plain = microseconds_to_locate(rig, *program, count);
  const MarkedTotals first = finder.totals();
  figure(kind + "_us_per_page", seconds(first.spent) * 1e6 / static_cast<double>(first.found));
  figure(kind + "_us_per_page_located", plain);
  figure(kind + "_reads_per_page", static_cast<double>(first.read) / static_cast<double>(first.found));
  if (!program->get_marked()) return false;
  figure(kind + "_promoted", moved_share(move_all(rig, *program, NodeId{0}, {&finder, nullptr, nullptr})));
  return true;
}

}  // namespace
}  // namespace tier

int main() {
  const auto rig = tier::linux_rig();
  const bool small = tier::measure(*rig, false), huge = small && tier::measure(*rig, true);
  return huge ? 0 : 77;
}
