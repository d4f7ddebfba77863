// Processes by the kernel's own list of tasks, on this kernel. Needs root.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "platform/api/file_descriptor.h"
#include "platform/linux/living_thread.h"
#include "platform/linux/machine.h"
#include "platform/linux/pages.h"
#include "platform/linux/process_table.h"
#include "platform/linux/watching/bpf_process_watch.h"
#include "tests/native/watched_program.h"
#include "tierd/daemon/polled_processes.h"
#include "tierd/daemon/target_set.h"

namespace tier {
namespace {

using testing::Contains;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Counts what is read of processes, and reads it.
class CountingTable final : public ProcessTable {
 public:
  mutable std::uint64_t reads = 0;

  Result<std::vector<Pid>> list() const override { return ++reads, table_.list(); }
  Result<Target> describe(Pid pid) const override { return ++reads, table_.describe(pid); }
  Result<SeenProcess> glance(Pid pid) const override { return ++reads, table_.glance(pid); }
  ProcessNames names(Pid pid) const override { return ++reads, table_.names(pid); }
  std::vector<std::string> cgroups_of(Pid pid) const override { return ++reads, table_.cgroups_of(pid); }
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override {
    return table_.in_cgroup(path);
  }
  Result<std::vector<Mapping>> mappings(Pid pid) const override { return ++reads, table_.mappings(pid); }
  std::uint64_t mappings_version(Pid pid) const override { return ++reads, table_.mappings_version(pid); }
  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start) const override {
    return ++reads, table_.open(pid, start);
  }
  Bytes base_page_size() const override { return table_.base_page_size(); }

 private:
  LinuxProcessTable table_;
};

// What a child and its parent tell each other.
struct Line {
  FileDescriptor reader, writer;
  Line() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  void say() const { EXPECT_EQ(::write(writer.get(), "x", 1), 1); }
  void wait() const {
    char byte;
    EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
  }
};

[[noreturn]] void idle_for_ever() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) ::pause();
}

class ProcessWatchNative : public testing::Test {
 protected:
  void SetUp() override {
    auto started = BpfProcessWatch::start(clock_);
    if (!started && started.error().kind == ErrorKind::kPermission) GTEST_SKIP() << started.error().text();
    ASSERT_TRUE(started) << started.error().text();
    watch_ = std::move(*started);
  }
  std::vector<SeenProcess> look(const ProcessQuestion& question, bool renew = false) {
    clock_.advance(kUntilDue);
    const auto made = watch_->look(question, renew);
    EXPECT_TRUE(made) << made.error().text();
    if (!made) return {};
    EXPECT_TRUE(made->looked);
    return made->processes;
  }
  static auto of(pid_t pid) { return Field(&SeenProcess::pid, Pid{pid}); }
  TargetChanges refresh(TargetSet& set) {
    clock_.advance(kUntilDue);
    return set.refresh(false);
  }

  // A look is made when its price is a small share of the time since the last one. On a busy machine that
  // would be seconds of waiting for each, so the time that passes is this much, whatever a look took.
  static constexpr Nanoseconds kUntilDue = std::chrono::hours(10);
  ManualClock clock_;
  std::unique_ptr<BpfProcessWatch> watch_;
};

TEST_F(ProcessWatchNative, ALookWaitsUntilItsPriceIsASmallShareOfTheTime) {
  look({});
  const auto at_once = watch_->look({}, true);
  ASSERT_TRUE(at_once) << at_once.error().text();
  EXPECT_FALSE(at_once->looked);
  look({});
}

TEST_F(ProcessWatchNative, TellsAgainOfWhoIsRenamed) {
  const Line go, done;
  const WatchedProgram program([&] {
    go.wait();
    ::prctl(PR_SET_NAME, "another name");
    done.say();
    idle_for_ever();
  });
  EXPECT_THAT(look({}), Contains(of(program.pid())));
  EXPECT_THAT(look({}, true), Not(Contains(of(program.pid()))));
  go.say(), done.wait();
  EXPECT_THAT(look({}), Contains(Field(&SeenProcess::comm, "another name")));
}

TEST_F(ProcessWatchNative, TellsAgainOfWhoIsMovedToAnotherCgroup) {
  std::filesystem::path root;
  for (const char* base : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"})
    if (root.empty() && ::access((std::string(base) + "/cgroup.procs").c_str(), W_OK) == 0) root = base;
  const std::filesystem::path folder = root / ("tierd-watch-test-" + std::to_string(::getpid()));
  if (root.empty() || ::mkdir(folder.c_str(), 0755) != 0) GTEST_SKIP() << "no cgroup can be made here";
  struct Remove {
    std::filesystem::path folder;
    ~Remove() { ::rmdir(folder.c_str()); }
  } remove{folder};
  const WatchedProgram program(idle_for_ever);
  const auto before = look({});
  ASSERT_THAT(before, Contains(of(program.pid())));
  EXPECT_THAT(look({}, true), Not(Contains(of(program.pid()))));
  std::ofstream(folder / "cgroup.procs") << program.pid();
  const auto after = look({});
  ASSERT_THAT(after, Contains(of(program.pid())));
  const auto group = [&](const std::vector<SeenProcess>& all) {
    return std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.pid.value == program.pid(); })
        ->group;
  };
  EXPECT_NE(group(before), group(after));
  CountingTable table;
  TargetSettings settings;
  settings.cgroups = {folder.filename().string()};
  TargetSet set(table, settings, Pid{::getpid()}, watch_.get());
  EXPECT_THAT(refresh(set).added, SizeIs(1));
  const_cast<WatchedProgram&>(program).end();
  EXPECT_THAT(refresh(set).removed, SizeIs(1));
}

TEST_F(ProcessWatchNative, ALinkNamesTheProgramThatItStarts) {
  const auto folder = std::filesystem::temp_directory_path() / ("tierd-watch-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  // A program of busybox knows what to do by the name that it was started by.
  const auto file = std::filesystem::canonical("/bin/sleep");
  const std::string called = file.filename() == "busybox" ? "sleep" : "my-server";
  const auto link = folder / called;
  std::filesystem::create_symlink(file, link);
  const LinuxProcessTable table;
  TargetSettings settings;
  settings.executables = {called};
  PolledProcesses polled(table);
  TargetSet set(table, settings, Pid{::getpid()}, watch_.get());
  TargetSet by_files(table, settings, Pid{::getpid()}, &polled);
  EXPECT_THAT(refresh(set).added, IsEmpty());
  const WatchedProgram program([&] { ::execl(link.c_str(), link.c_str(), "1000", nullptr); });
  for (int i = 0; i < 200 && set.targets().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    refresh(set);
  }
  for (int i = 0; i < 200 && by_files.targets().empty(); ++i) by_files.refresh();
  std::filesystem::remove_all(folder);
  for (const TargetSet* each : {&set, &by_files}) {
    ASSERT_THAT(each->targets(), SizeIs(1));
    EXPECT_EQ(each->targets()[0].pid, Pid{program.pid()});
    EXPECT_EQ(each->targets()[0].started_as, called);
    EXPECT_NE(each->targets()[0].name, called);
    EXPECT_NE(each->targets()[0].program, 0U);
  }
}

TEST_F(ProcessWatchNative, AProgramThatExecutesItselfIsANewTargetBothWays) {
  const Line go;
  const LinuxProcessTable table;
  const WatchedProgram program([&] {
    go.wait();
    ::execl("/bin/sleep", "sleep", "1000", nullptr);
  });
  TargetSettings settings;
  settings.pids = {Pid{program.pid()}};
  PolledProcesses polled(table);
  TargetSet set(table, settings, Pid{::getpid()}, watch_.get()), by_files(table, settings, Pid{1}, &polled);
  refresh(set), by_files.refresh();
  ASSERT_THAT(set.targets(), SizeIs(1));
  ASSERT_THAT(by_files.targets(), SizeIs(1));
  go.say();
  TargetChanges changes, changes_by_files;
  for (int i = 0; i < 200 && (changes.added.empty() || changes_by_files.added.empty()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (changes.added.empty()) changes = refresh(set);
    if (changes_by_files.added.empty()) changes_by_files = by_files.refresh(false);
    if (by_files.targets().empty()) changes_by_files = by_files.refresh(true);
  }
  EXPECT_THAT(changes.removed, Contains(Field(&GoneTarget::reason, GoneReason::kReplaced)));
  EXPECT_THAT(changes.added, SizeIs(1));
  EXPECT_THAT(changes_by_files.added, SizeIs(1));
}

// Writes to its own pages in a worker thread whose process's first thread ends.
struct Leaderless {
  static void* work(void* self) {
    auto* me = static_cast<Leaderless*>(self);
    for (;;)
      for (std::size_t word = 0; word < me->array.words(); word += 512) me->array.data()[word] = word;
  }
  [[noreturn]] void run() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, work, this) != 0) ::_exit(1);
    ::syscall(SYS_exit, 0);  // of this thread alone, as pthread_exit(3) ends it, without its unwinding
    ::_exit(1);
  }
  SharedArray array{8U << 20};
};

TEST_F(ProcessWatchNative, AProcessWhoseFirstThreadHasEndedIsStillAProcess) {
  Leaderless body;
  const WatchedProgram program([&] { body.run(); });
  const Pid pid{program.pid()};
  const LinuxProcessTable table;
  for (int i = 0; i < 500 && !living_thread(pid); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ASSERT_TRUE(table.mappings(pid)) << "before it was described";
  EXPECT_FALSE(table.mappings(pid)->empty());
  const auto target = table.describe(pid);
  ASSERT_TRUE(target) << target.error().text();
  EXPECT_GE(target->resident, 4_MiB);
  EXPECT_FALSE(target->name.empty());
  EXPECT_NE(target->program, 0U);
  EXPECT_NE(table.mappings_version(pid), 0U);
  const auto handle = table.open(pid, target->start_time);
  ASSERT_TRUE(handle) << handle.error().text();
  EXPECT_TRUE((*handle)->alive());
  const Address page = body.array.range().start;
  const PageCall place = LinuxPages().locate(pid, {&page, 1});
  EXPECT_EQ(place.value, 0) << place.error_number;
  EXPECT_GE(place.status[0], 0);
  EXPECT_EQ(LinuxPages().move(pid, {&page, 1}, NodeId{0}).value, 0);

  ProcessQuestion question;
  question.asked = {pid};
  question.others = false;
  const auto before = look(question);
  ASSERT_THAT(before, SizeIs(1));
  auto after = look(question);
  for (int i = 0; i < 500 && after.size() == 1 && after[0].run_time == before[0].run_time; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    after = look(question);
  }
  ASSERT_THAT(after, SizeIs(1));
  EXPECT_EQ(before[0].start_time, target->start_time);
  EXPECT_GE(before[0].resident, 4_MiB);
  EXPECT_EQ(before[0].program, after[0].program);
  EXPECT_GT(after[0].run_time, before[0].run_time);
  EXPECT_GT(before[0].user_time, Nanoseconds(0));
}

TEST_F(ProcessWatchNative, AHandleEndsWhenALeaderlessProcessExecutesOrEnds) {
  const Line go;
  struct Body {
    const Line& go;
    static void* work(void* self) {
      static_cast<Body*>(self)->go.wait();
      ::execl("/bin/sleep", "sleep", "1000", nullptr);
      ::_exit(1);
    }
  } body{go};
  WatchedProgram program([&] {
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, Body::work, &body) != 0) ::_exit(1);
    ::syscall(SYS_exit, 0);
  });
  const Pid pid{program.pid()};
  const LinuxProcessTable table;
  for (int i = 0; i < 500; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid.value) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(stat)), {});
    if (const auto parsed = parse_stat(text); parsed && leader_has_ended(*parsed)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const auto handle = table.open(pid, start_time_of(pid.value));
  ASSERT_TRUE(handle) << handle.error().text();
  ASSERT_TRUE((*handle)->alive());
  go.say();
  for (int i = 0; i < 500 && (*handle)->alive(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE((*handle)->alive());
  const auto now = table.describe(pid);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->name.find("process_watch"), std::string::npos) << "it is the new program's";
  EXPECT_TRUE(table.open(pid, now->start_time));
}

// More than the kernel hands out at once: whoever does not fit is told of in the next piece.
TEST_F(ProcessWatchNative, EveryOneOfManyIdleProcessesIsSeen) {
  std::vector<std::unique_ptr<WatchedProgram>> programs;
  programs.reserve(600);
  for (int i = 0; i < 600; ++i) programs.push_back(std::make_unique<WatchedProgram>(idle_for_ever));
  const LinuxProcessTable table;
  TargetSettings settings;
  settings.executables = {table.names(Pid{::getpid()}).file};
  settings.limit = 1000;
  TargetSet set(table, settings, Pid{::getpid()}, watch_.get());
  for (int i = 0; i < 60 && set.targets().size() < programs.size(); ++i) refresh(set);
  EXPECT_EQ(set.targets().size(), programs.size());
}

TEST_F(ProcessWatchNative, IdleProcessesAreNotRead) {
  std::vector<std::unique_ptr<WatchedProgram>> programs;
  programs.reserve(2000);
  for (int i = 0; i < 2000; ++i) programs.push_back(std::make_unique<WatchedProgram>(idle_for_ever));
  CountingTable table;
  TargetSettings settings;
  settings.executables = {LinuxProcessTable().names(Pid{::getpid()}).file};
  settings.limit = 500;
  TargetSet set(table, settings, Pid{::getpid()}, watch_.get());
  for (int i = 0; i < 40 && set.targets().size() < 500; ++i) refresh(set);
  for (int i = 0; i < 10; ++i) refresh(set);  // the rest of them is described
  EXPECT_EQ(set.targets().size(), 500U);
  // Others on this machine may begin meanwhile, and each is read once; these 500 would be read 5000 times.
  const std::uint64_t before = table.reads;
  for (int i = 0; i < 10; ++i) refresh(set);
  EXPECT_LT(table.reads - before, 500U);
  EXPECT_EQ(set.targets().size(), 500U);
  const auto idle = std::count(set.ran().begin(), set.ran().end(), false);
  EXPECT_GT(idle, 400);
}

}  // namespace
}  // namespace tier
