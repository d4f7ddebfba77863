// A block device of known slowness with files on it, made of nothing that others use: a loop device over a
// file behind FUSE, mounted where only this process sees it. Whatever ends the process also ends all of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/readahead-bench/slow_disk.h"

namespace tier {

struct RigSettings {
  DiskModel disk;
  unsigned files = 24;
  std::size_t file_bytes = std::size_t{16} << 20;  // each, of random bytes
  std::string where;                               // folder for the image; empty: the temporary one
};

// What readers and controllers need of it.
struct RigDevice {
  std::uint32_t number = 0;  // major << 20 | minor
  std::string path;          // "/dev/loop0"
  std::vector<std::string> files;
};

class Rig {
 public:
  // The calling thread, and those that it starts afterwards, move to mounts of their own: call it before any
  // thread runs. Needs root, mkfs.ext4, FUSE and a free loop device; says what is missing.
  static Result<std::unique_ptr<Rig>> make(const RigSettings& settings);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  const RigDevice& device() const { return device_; }

 private:
  Rig() = default;
  Result<void> make_folders(const std::string& where);
  Result<FileDescriptor> make_image(const RigSettings& settings);
  Result<void> attach_loop(const std::string& file);
  Result<void> mount_files(unsigned files);

  std::string folder_;
  std::unique_ptr<SlowDisk> disk_;
  FileDescriptor loop_;
  bool mounted_ = false;
  RigDevice device_;
};

}  // namespace tier
