#define FUSE_USE_VERSION 31
#include "tests/native/register_device.h"

#include <fuse.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace tier {
namespace {

namespace fs = std::filesystem;

RegisterModel& model() { return *static_cast<RegisterModel*>(fuse_get_context()->private_data); }

// What a path names: "/", "/N" or "/N/msr".
struct Place {
  bool root = false, file = false;
  std::uint32_t cpu = 0;
};

std::optional<Place> place_of(std::string_view path) {
  if (path == "/") return Place{true, false, 0};
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  const std::string number(path.substr(0, slash));
  if (number.empty() || number.size() > 6 || number.find_first_not_of("0123456789") != std::string::npos)
    return {};
  const bool file = slash != std::string_view::npos;
  if (file && path.substr(slash) != "/msr") return {};
  return Place{false, file, static_cast<std::uint32_t>(std::stoul(number))};
}

int get_attributes(const char* path, struct stat* out, fuse_file_info*) {
  const auto place = place_of(path);
  if (!place || (!place->root && model().presence(place->cpu) == ENOENT)) return -ENOENT;
  *out = {};
  out->st_mode = place->file ? S_IFREG | 0600 : S_IFDIR | 0755;
  out->st_nlink = 1;
  return 0;
}

int open_file(const char* path, fuse_file_info*) { return -model().presence(place_of(path)->cpu); }

int read_file(const char* path, char* bytes, std::size_t size, off_t offset, fuse_file_info*) {
  std::uint64_t value = 0;
  const int error = model().read(place_of(path)->cpu, static_cast<std::uint32_t>(offset), size, &value);
  if (error != 0) return -error;
  std::memcpy(bytes, &value, sizeof value);
  return sizeof value;
}

int write_file(const char* path, const char* bytes, std::size_t size, off_t offset, fuse_file_info*) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, std::min(size, sizeof value));
  const pid_t writer = fuse_get_context()->pid;
  const int error =
      model().write(place_of(path)->cpu, static_cast<std::uint32_t>(offset), size, value, [writer] {
        if (writer > 1 && writer != getpid()) kill(writer, SIGKILL);
      });
  return error != 0 ? -error : static_cast<int>(size);
}

// Nothing is cached: every access is one of the device's.
void* begin(fuse_conn_info*, fuse_config* config) {
  config->direct_io = 1;
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

fuse_operations operations() {
  fuse_operations all{};
  all.init = begin, all.getattr = get_attributes, all.open = open_file;
  all.read = read_file, all.write = write_file;
  return all;
}

// Once for the process: what it mounts ends with it, and nobody else sees it.
Result<void> own_mounts() {
  static const int error =
      unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ? errno
                                                                                                    : 0;
  if (error != 0)
    return fail(ErrorKind::kPermission, std::string("cannot have mounts of our own: ") + std::strerror(error),
                "run as root, outside of containers");
  return {};
}

class FuseDevice final : public RegisterDevice {
 public:
  explicit FuseDevice(fs::path path) : path_(std::move(path)) {}
  ~FuseDevice() override {
    if (server_.joinable()) {
      // Not fuse_unmount() yet: it closes the descriptor that the thread is reading.
      umount2(path_.c_str(), MNT_DETACH);
      server_.join();
      fuse_unmount(fuse_);
    }
    if (fuse_ != nullptr) fuse_destroy(fuse_);
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  Result<void> serve(RegisterModel& registers) {
    char name[] = "register-device";
    char* arguments[] = {name, nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    const fuse_operations all = operations();
    fuse_ = fuse_new(&args, &all, sizeof all, &registers);
    fuse_opt_free_args(&args);
    if (fuse_ == nullptr || fuse_mount(fuse_, path_.c_str()) != 0)
      return fail(ErrorKind::kUnsupported, "cannot mount a FUSE file system on " + path_.string(),
                  "modprobe fuse; run as root");
    server_ = std::thread([this] { fuse_loop(fuse_); });
    return {};
  }
  const fs::path& path() const override { return path_; }

 private:
  fs::path path_;
  fuse* fuse_ = nullptr;
  std::thread server_;
};

}  // namespace

Result<std::unique_ptr<RegisterDevice>> RegisterDevice::mount(RegisterModel& model) {
  if (access("/dev/fuse", R_OK | W_OK) != 0)
    return fail(errno == ENOENT ? ErrorKind::kUnsupported : ErrorKind::kPermission,
                std::string("cannot use /dev/fuse: ") + std::strerror(errno), "modprobe fuse; run as root");
  TIER_TRY(own_mounts());
  std::string path = (fs::temp_directory_path() / "registers-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr)
    return fail(ErrorKind::kFailed, "cannot make a folder " + path + ": " + std::strerror(errno), "");
  auto device = std::make_unique<FuseDevice>(path);
  TIER_TRY(device->serve(model));
  return device;
}

}  // namespace tier
