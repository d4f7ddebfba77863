// Mappings by BPF iterators on the running kernel: what they show without smaps and numa_maps, for whom, and
// while the process changes them. Skips itself where the kernel has no such iterators (before Linux 6.1).
#include <fcntl.h>
#include <linux/perf_event.h>
#include <numaif.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "platform/fake/tree.h"
#include "platform/linux/file.h"
#include "platform/linux/mapping_files.h"
#include "platform/linux/mappings/vma_iterator.h"
#include "platform/linux/process_table.h"
#include "tests/native/confined.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

constexpr std::size_t kPage = 4096, kSize = 4U << 20;
constexpr unsigned long kFirstNode = 1;

char* map(std::size_t bytes, int flags = MAP_PRIVATE) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

const Mapping* at(const std::vector<Mapping>& mappings, const void* address) {
  for (const Mapping& mapping : mappings)
    if (mapping.range.contains(reinterpret_cast<Address>(address))) return &mapping;
  return nullptr;
}

// A child that does `change` when it is told to, and says when it has.
class Child {
 public:
  template <typename Change>
  explicit Child(Change change) {
    EXPECT_EQ(::pipe(to_), 0);
    EXPECT_EQ(::pipe(from_), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (char command; ::read(to_[0], &command, 1) == 1;) {
      change(command);
      if (::write(from_[1], &command, 1) != 1) break;
    }
    ::_exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    for (const int fd : {to_[0], to_[1], from_[0], from_[1]}) ::close(fd);
  }
  void tell(char command) { EXPECT_EQ(::write(to_[1], &command, 1), 1); }
  void wait() {
    char answer;
    EXPECT_EQ(::read(from_[0], &answer, 1), 1);
  }
  void command(char c) { tell(c), wait(); }
  Pid pid() const { return {pid_}; }

 private:
  int to_[2], from_[2];
  pid_t pid_ = 0;
};

class Mappings : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = VmaIterator::load();
    if (!loaded) GTEST_SKIP() << loaded.error().text();
    vmas_ = std::move(*loaded);
  }
  std::unique_ptr<VmaIterator> vmas_;
};

// The table's /proc is an empty folder: whatever it knows it has from no text file.
TEST_F(Mappings, LockedAndBoundMappingsAreFoundWithoutSmapsAndNumaMaps) {
  char* plain = map(kSize);
  char* locked = map(kSize);
  char* bound = map(kSize);
  char* shared = map(kSize, MAP_SHARED);
  Child child([&](char) {
    ::mprotect(plain, kPage, PROT_READ);
    ::syscall(SYS_mlock, locked + kPage, kPage);
    ::mbind(bound, kSize, MPOL_BIND, &kFirstNode, 64, 0);
    ::mbind(shared, kSize, MPOL_BIND, &kFirstNode, 64, 0);
  });
  child.command('x');
  const TemporaryTree tree({{"proc", TreeDirectory{}}});
  const LinuxProcessTable table(tree.root(), std::move(vmas_));
  const auto found = table.mappings(child.pid());
  ASSERT_TRUE(found) << found.error().text();
  const auto expect = [&](const char* address, bool is_locked, bool is_bound) {
    const Mapping* mapping = at(*found, address);
    ASSERT_NE(mapping, nullptr);
    EXPECT_EQ(mapping->mlocked, is_locked);
    EXPECT_EQ(mapping->own_policy, is_bound);
  };
  expect(plain + kSize / 2, false, false);
  expect(locked + kPage, true, false);
  expect(locked + kSize / 2, false, false);
  expect(bound, false, true);
  expect(shared, false, true);
  // The parent shows the same shared memory, which holds the policy itself.
  const auto own = table.mappings(Pid{::getpid()});
  ASSERT_TRUE(own);
  EXPECT_TRUE(at(*own, shared)->own_policy);
  EXPECT_EQ(at(*own, shared)->backing, Backing::kShared);
  EXPECT_EQ(at(*own, shared)->object, at(*found, shared)->object);
  EXPECT_TRUE(at(*own, shared)->object);
  for (char* each : {plain, locked, bound, shared}) ::munmap(each, kSize);
}

// `objects`: not where a file system on top of another one shows, for the pages of the other's file, an inode
// of its own.
void expect_those_of_the_text(const std::vector<Mapping>& found, Pid pid, bool objects = true) {
  WalkSettings walks;
  walks.longest = std::chrono::hours(1);
  const MappingFiles files("/", {}, walks);
  const auto text = files.read(pid, start_time_of(pid.value));
  ASSERT_TRUE(text) << text.error().text();
  ASSERT_EQ(found.size(), text->size());
  for (std::size_t i = 0; i < text->size(); ++i) {
    const Mapping &a = found[i], &b = (*text)[i];
    EXPECT_EQ(a.range, b.range);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(std::tie(a.readable, a.writable, a.executable, a.shared, a.mlocked, a.own_policy),
              std::tie(b.readable, b.writable, b.executable, b.shared, b.mlocked, b.own_policy))
        << i << " " << b.name;
    EXPECT_EQ(a.backing, b.backing) << b.name;
    EXPECT_EQ(a.offset, b.offset) << b.name;
    if (objects) {
      EXPECT_EQ(a.object, b.object) << b.name;
    }
  }
}

bool has(const std::vector<Mapping>& mappings, const std::string& name) {
  return std::any_of(mappings.begin(), mappings.end(),
                     [&](const Mapping& mapping) { return mapping.name == name; });
}

TEST_F(Mappings, AreThoseOfTheTextFiles) {
  char* mixed = map(64 * kPage);
  Child child([&](char) {
    for (std::size_t page = 0; page < 64; page += 3) ::mprotect(mixed + page * kPage, kPage, PROT_READ);
    ::syscall(SYS_mlock, mixed + 8 * kPage, 2 * kPage);
    ::mbind(mixed + 32 * kPage, 8 * kPage, MPOL_INTERLEAVE, &kFirstNode, 64, 0);
    ::set_mempolicy(MPOL_PREFERRED, &kFirstNode, 64);
  });
  child.command('x');
  const auto found = vmas_->read(child.pid(), start_time_of(child.pid().value));
  ASSERT_TRUE(found) << found.error().text();
  expect_those_of_the_text(*found, child.pid());
  EXPECT_TRUE(has(*found, "[stack]"));
  ::munmap(mixed, 64 * kPage);
}

void map_page(int file, int flags) {
  if (::mmap(nullptr, kPage, PROT_READ, flags, file, 0) == MAP_FAILED) std::perror("mmap");
}

// Maps a page of a new file in the current folder.
void map_file(const std::string& name) {
  const FileDescriptor file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid() || ::ftruncate(file.get(), kPage) != 0) return;
  map_page(file.get(), MAP_SHARED);
}

// A file system of the process's own, so that nothing of what is made there stays behind.
bool own_folder(const char* folder) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("names", folder, "tmpfs", 0, nullptr) == 0 && ::chdir(folder) == 0;
}

// A file whose whole path has that many bytes, which no call takes in one piece.
void map_deep_file(const std::string& folder, std::size_t bytes) {
  std::size_t at = folder.size();
  for (; bytes - at > 400; at += 201) {
    const std::string part(200, 'd');
    ::mkdir(part.c_str(), 0700);
    if (::chdir(part.c_str()) != 0) return;
  }
  const std::string part((bytes - at - 2) / 2, 'e');
  ::mkdir(part.c_str(), 0700);
  if (::chdir(part.c_str()) == 0) map_file(std::string(bytes - at - part.size() - 2, 'f'));
  if (::chdir(folder.c_str()) != 0) return;
}

TEST_F(Mappings, NamesOfFilesAreThoseOfTheTextHoweverTheyAreMade) {
  const TemporaryTree tree({{"names", TreeDirectory{}}});
  const std::string folder = tree.root() + "/names";
  const std::string odd = "a\nb\t\x01\xff\\ (deleted) \r ";
  Child child([&](char) {
    if (!own_folder(folder.c_str())) return;
    map_file(odd);
    map_file(std::string(255, 'l'));
    map_file("gone"), ::unlink("gone");
    map_file("old"), ::rename("old", "new");
    ::mkdir("before", 0700), map_file("before/x"), ::rename("before", "after");
    ::mkdir("lost", 0700), map_file("lost/y"), ::unlink("lost/y"), ::rmdir("lost");
    ::mkdir("inner", 0700), ::mount("names", "inner", "tmpfs", 0, nullptr), map_file("inner/z");
    ::mkdir("bound", 0700), ::mount("after", "bound", nullptr, MS_BIND, nullptr), map_file("bound/w");
    map_deep_file(folder, 4095);
  });
  child.command('x');
  const auto found = vmas_->read(child.pid(), 0);
  ASSERT_TRUE(found) << found.error().text();
  if (!has(*found, folder + "/new")) GTEST_SKIP() << "no mount namespace may be made here";
  expect_those_of_the_text(*found, child.pid());
  for (const std::string name : {"a\\012b\t\x01\xff\\ (deleted) \r ", "gone (deleted)", "after/x",
                                 "lost/y (deleted)", "inner/z", "bound/w"})
    EXPECT_TRUE(has(*found, folder + "/" + name)) << name;
  EXPECT_TRUE(has(*found, folder + "/" + std::string(255, 'l')));
  EXPECT_EQ(
      std::count_if(found->begin(), found->end(), [](const Mapping& m) { return m.name.size() == 4095; }), 1);
}

TEST_F(Mappings, AFileWhosePathIsTooLongHasNoNameAndIsAFileStill) {
  const TemporaryTree tree({{"names", TreeDirectory{}}});
  const std::string folder = tree.root() + "/names";
  Child child([&](char) {
    if (own_folder(folder.c_str())) map_file("short"), map_deep_file(folder, 4096);
  });
  child.command('x');
  const auto found = vmas_->read(child.pid(), 0);
  ASSERT_TRUE(found) << found.error().text();
  if (!has(*found, folder + "/short")) GTEST_SKIP() << "no mount namespace may be made here";
  const auto nameless = std::find_if(found->begin(), found->end(), [](const Mapping& mapping) {
    return mapping.name.empty() && mapping.backing == Backing::kFile;
  });
  ASSERT_NE(nameless, found->end());
  EXPECT_TRUE(nameless->object);
}

TEST_F(Mappings, NamesOfWhatIsInNoFolderAreThoseOfTheText) {
  char* named = map(kPage);
  char* named_shared = map(kPage, MAP_SHARED);
  Child child([&](char) {
    const int memory = ::memfd_create("a b\n", MFD_CLOEXEC);
    if (::ftruncate(memory, kPage) == 0) map_page(memory, MAP_SHARED);
    const int segment = ::shmget(0x7469, kPage, IPC_CREAT | 0600);
    ::shmat(segment, nullptr, 0), ::shmctl(segment, IPC_RMID, nullptr);
    const int zero = ::open("/dev/zero", O_RDWR | O_CLOEXEC);
    map_page(zero, MAP_SHARED);
    map_page(zero, MAP_PRIVATE);
    perf_event_attr event{};
    event.size = sizeof(event), event.type = PERF_TYPE_SOFTWARE, event.config = PERF_COUNT_SW_DUMMY;
    const auto perf = static_cast<int>(::syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
    map_page(perf, MAP_SHARED);
    ::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, named, kPage, "a name");
    ::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, named_shared, kPage, "shared");
  });
  child.command('x');
  const auto found = vmas_->read(child.pid(), 0);
  ASSERT_TRUE(found) << found.error().text();
  expect_those_of_the_text(*found, child.pid());
  for (const char* name : {"/memfd:a b\\012 (deleted)", "/SYSV00007469 (deleted)", "/dev/zero (deleted)",
                           "anon_inode:[perf_event]"})
    EXPECT_TRUE(has(*found, name)) << name;
  ::munmap(named, kPage), ::munmap(named_shared, kPage);
}

// What is mapped is a file of the file system below; the program knows it by the path in the one on top.
TEST_F(Mappings, FilesOfAnOverlayHaveTheNamesThatTheProgramKnows) {
  const TemporaryTree tree({{"names", TreeDirectory{}}});
  const std::string folder = tree.root() + "/names";
  Child child([&](char) {
    if (!own_folder(folder.c_str())) return;
    for (const char* part : {"lower", "upper", "work", "top"}) ::mkdir(part, 0700);
    const FileDescriptor below(::open("lower/below", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::mount("names", "top", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") != 0) return;
    const FileDescriptor file(::open("top/below", O_RDONLY | O_CLOEXEC));
    map_page(file.get(), MAP_PRIVATE);
    map_file("top/above");
  });
  child.command('x');
  const auto found = vmas_->read(child.pid(), 0);
  ASSERT_TRUE(found) << found.error().text();
  const auto text = MappingFiles("/").read(child.pid(), 0);
  if (!text || !has(*text, folder + "/top/above")) GTEST_SKIP() << "no overlay may be mounted here";
  expect_those_of_the_text(*found, child.pid(), false);
  EXPECT_TRUE(has(*found, folder + "/top/below"));
}

// Paths begin at the root of who reads.
TEST_F(Mappings, NamesBeginAtTheReadersRoot) {
  const TemporaryTree tree({{"names", TreeDirectory{}}});
  const std::string folder = tree.root() + "/names";
  char* mapped = nullptr;
  {
    const FileDescriptor file(::open((folder + "/inside").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    mapped = static_cast<char*>(::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, file.get(), 0));
  }
  Child child([](char) {});
  child.command('-');
  EXPECT_EQ(exit_code_of([&] {
              if (::chroot(folder.c_str()) != 0) return 9;
              const auto found = vmas_->read(child.pid(), 0);
              if (!found || at(*found, mapped) == nullptr) return 1;
              return at(*found, mapped)->name == "/inside" ? 0 : 2;
            }),
            0);
  ::munmap(mapped, kPage);
}

// More pieces than one of the kernel's buffers, with a neighbour that comes and goes meanwhile.
TEST_F(Mappings, AreWholeAndInOrderWhileTheyChange) {
  constexpr std::size_t kMany = 20000;
  char* many = map(kMany * kPage);
  Child child([&](char command) {
    if (command == 'm')
      for (std::size_t page = 0; page < kMany; page += 2) ::mprotect(many + page * kPage, kPage, PROT_READ);
    if (command != 'c') return;
    for (;;) {  // until it is ended
      char* more = map(64 * kPage);
      for (std::size_t page = 0; page < 64; page += 2) ::mprotect(more + page * kPage, kPage, PROT_READ);
      ::munmap(more, 64 * kPage);
    }
  });
  child.command('m');
  child.tell('c');
  for (int round = 0; round < 50; ++round) {
    const auto found = vmas_->read(child.pid(), 0);
    ASSERT_TRUE(found) << found.error().text();
    for (std::size_t i = 1; i < found->size(); ++i)
      ASSERT_LE((*found)[i - 1].range.end, (*found)[i].range.start);
    const auto begin = reinterpret_cast<Address>(many);
    const auto inside = std::count_if(found->begin(), found->end(), [&](const Mapping& mapping) {
      return mapping.range.start >= begin && mapping.range.end <= begin + kMany * kPage;
    });
    // The last page may be merged with a neighbour that comes and goes.
    ASSERT_GE(inside, static_cast<std::ptrdiff_t>(kMany) - 2);
    ASSERT_LE(inside, static_cast<std::ptrdiff_t>(kMany));
  }
  ::munmap(many, kMany * kPage);
}

TEST_F(Mappings, TheVersionFollowsChangesOfEverySize) {
  char* memory = map(kSize);
  Child child([&](char command) {
    if (command == 'p') ::mprotect(memory, kPage, PROT_READ);
    if (command == 'm') ::munmap(memory + 2 * kPage, kPage);
    if (command == 'l') ::syscall(SYS_mlock, memory + 8 * kPage, kPage);
  });
  child.command('-');
  std::uint64_t before = vmas_->version(child.pid());
  EXPECT_NE(before, 0U);
  EXPECT_EQ(vmas_->version(child.pid()), before);
  for (const char command : {'p', 'm', 'l'}) {
    child.command(command);
    const std::uint64_t after = vmas_->version(child.pid());
    EXPECT_NE(after, before) << command;
    before = after;
  }
  ::munmap(memory, kSize);
}

TEST_F(Mappings, AProcessWhoseFirstThreadHasEndedHasThemStill) {
  char* memory = map(kSize);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread;
    ::pthread_create(
        &thread, nullptr, [](void*) -> void* { return ::pause(), nullptr; }, nullptr);
    ::syscall(SYS_exit, 0);  // of this thread alone
  }
  const auto zombie = [&] {
    const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    return stat && stat->find(") Z ") != std::string::npos;
  };
  for (int i = 0; i < 500 && !zombie(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(zombie());
  EXPECT_NE(vmas_->version(Pid{pid}), 0U);
  // Linux 6.1 does not show it to the iterator: the text files of another thread stand in.
  const LinuxProcessTable with("/", std::move(vmas_)), without;
  for (const LinuxProcessTable* table : {&with, &without}) {
    const auto found = table->mappings(Pid{pid});
    EXPECT_TRUE(found && at(*found, memory) != nullptr);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::munmap(memory, kSize);
}

TEST_F(Mappings, OtherProcessesKernelThreadsAndTheGoneAreErrors) {
  Child child([](char) {});
  const auto other = vmas_->read(child.pid(), start_time_of(child.pid().value) + 1);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("reused"), std::string::npos) << other.error().text();
  EXPECT_FALSE(vmas_->read(Pid{2}, 0).has_value());  // kthreadd
  EXPECT_EQ(vmas_->version(Pid{2}), 0U);
  EXPECT_FALSE(vmas_->read(Pid{0x3fffff}, 0).has_value());
  EXPECT_EQ(vmas_->version(Pid{0x3fffff}), 0U);
}

// Exit code 0: a program in the container is known by its number there, 1 outside is not ours.
int read_in_container() {
  auto loaded = VmaIterator::load();
  if (!loaded) return 1;
  char* memory = map(kSize);
  Child child([](char) {});
  child.command('-');
  if (child.pid().value > 100) return 2;
  const auto found = (*loaded)->read(child.pid(), start_time_of(child.pid().value));
  if (!found) return 3;
  if (at(*found, memory) == nullptr) return 4;
  return (*loaded)->version(child.pid()) != 0 ? 0 : 5;
}

TEST_F(Mappings, AreThoseOfTheContainersProcesses) {
  for (const bool own_clocks : {false, true}) {
    const int code = exit_code_in_container(read_in_container, own_clocks);
    if (code == kNoNamespace) GTEST_SKIP() << "no PID namespace may be made here";
    EXPECT_EQ(code, 0);
  }
}

TEST_F(Mappings, TheUnitsCapabilitiesAreEnough) {
  EXPECT_EQ(exit_code_of([] {
              constexpr unsigned kBpf = 39, kPerfmon = 38;  // linux/capability.h since 5.8
              if (!keep_capabilities({kBpf, kPerfmon, CAP_SYS_PTRACE, CAP_SYS_NICE})) return 9;
              const auto loaded = VmaIterator::load();
              if (!loaded) std::fprintf(stderr, "%s\n", loaded.error().text().c_str());
              return loaded ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace tier
