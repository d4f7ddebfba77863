#include "tools/readahead-bench/rig.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <random>

namespace tier {
namespace {

namespace fs = std::filesystem;

std::string name_of(unsigned file) { return fmt::format("file-{:04}", file); }

// Random, so that no layer below can shorten it.
bool write_file(const std::string& path, std::size_t bytes, std::mt19937_64& random) {
  std::vector<std::uint64_t> words(bytes / sizeof(std::uint64_t));
  for (std::uint64_t& word : words) word = random();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(bytes));
  return static_cast<bool>(out.flush());
}

Result<void> make_file_system(const std::string& image, const std::string& content) {
  const pid_t child = fork();
  if (child < 0) return fail_errno("starting mkfs.ext4", errno);
  if (child == 0) {
    execlp("mkfs.ext4", "mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-d", content.c_str(),
           image.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorKind::kFailed, "mkfs.ext4 made no file system in " + image,
              "install e2fsprogs; see that there is room");
}

}  // namespace

Result<std::unique_ptr<Rig>> Rig::make(const RigSettings& settings) {
  std::unique_ptr<Rig> rig(new Rig);
  if (unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("mounts of its own", errno, "run as root");
  TIER_TRY(rig->make_folders(settings.where));
  auto image = TIER_TRY(rig->make_image(settings));
  auto disk = TIER_TRY(SlowDisk::mount(std::move(image), rig->folder_ + "/slow", settings.disk));
  rig->disk_ = std::make_unique<SlowDisk>(std::move(disk));
  TIER_TRY(rig->attach_loop(rig->disk_->path()));
  TIER_TRY(rig->mount_files(settings.files));
  return rig;
}

Rig::~Rig() {
  if (mounted_) umount2((folder_ + "/files").c_str(), MNT_DETACH);
  loop_.reset();  // with its last user the loop device lets go of its file (LO_FLAGS_AUTOCLEAR)
  disk_.reset();
  std::error_code ignored;
  if (folder_.empty()) return;
  for (const char* name : {"/files", "/slow", "/content", ""}) fs::remove_all(folder_ + name, ignored);
}

Result<void> Rig::make_folders(const std::string& where) {
  std::error_code failed;
  const fs::path parent = where.empty() ? fs::temp_directory_path(failed) : fs::path(where);
  std::string folder = (parent / "readahead-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return fail_errno("a folder in " + parent.string(), errno);
  folder_ = folder;
  for (const char* name : {"/files", "/slow", "/content"})
    if (mkdir((folder_ + name).c_str(), 0700) != 0) return fail_errno(folder_ + name, errno);
  return {};
}

// The image's name is gone at once, so that it goes with whoever serves it.
Result<FileDescriptor> Rig::make_image(const RigSettings& settings) {
  std::mt19937_64 random(1);
  const std::string content = folder_ + "/content", path = folder_ + "/image";
  for (unsigned file = 0; file < settings.files; ++file)
    if (!write_file(content + "/" + name_of(file), settings.file_bytes, random))
      return fail(ErrorKind::kFailed, "writing the rig's files below " + folder_, "see that there is room");
  FileDescriptor image(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::size_t bytes = settings.files * settings.file_bytes;
  // An eighth and 16 MiB for what the file system keeps of its own.
  if (!image.valid() || ftruncate(image.get(), static_cast<off_t>(bytes + bytes / 8 + (16U << 20))) != 0)
    return fail_errno(path, errno);
  TIER_TRY(make_file_system(path, content));
  std::error_code ignored;
  fs::remove_all(content, ignored);
  fs::remove(path, ignored);
  return image;
}

Result<void> Rig::attach_loop(const std::string& file) {
  const FileDescriptor control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) return fail_errno("/dev/loop-control", errno, "modprobe loop; run as root");
  const FileDescriptor backing(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!backing.valid()) return fail_errno(file, errno);
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(backing.get());
  config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
  for (int attempt = 0; attempt < 16; ++attempt) {  // somebody else may take the free one first
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail_errno("a free loop device", errno);
    device_.path = fmt::format("/dev/loop{}", number);
    loop_ = FileDescriptor(open(device_.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!loop_.valid()) return fail_errno(device_.path, errno);
    if (ioctl(loop_.get(), LOOP_CONFIGURE, &config) == 0) break;
    if (errno != EBUSY) return fail_errno(device_.path + " over " + file, errno, "Linux 5.8 or later");
    loop_.reset();
  }
  if (!loop_.valid()) return fail(ErrorKind::kFailed, "others take every free loop device", "try again");
  struct stat status {};
  if (fstat(loop_.get(), &status) != 0) return fail_errno(device_.path, errno);
  device_.number = major(status.st_rdev) << 20 | minor(status.st_rdev);
  return {};
}

Result<void> Rig::mount_files(unsigned files) {
  const std::string folder = folder_ + "/files";
  if (::mount(device_.path.c_str(), folder.c_str(), "ext4", MS_RDONLY, nullptr) != 0)
    return fail_errno("mounting " + device_.path, errno, "a kernel with ext4");
  mounted_ = true;
  for (unsigned file = 0; file < files; ++file) device_.files.push_back(folder + "/" + name_of(file));
  return {};
}

}  // namespace tier
