// A file that answers like a disk: behind FUSE, with a latency and a bandwidth of our choosing.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/result.h"
#include "core/units.h"
#include "platform/linux/file.h"

namespace tier {

struct DiskModel {
  // Of each request, beside what the bytes take; requests wait for it together, and for the bytes one after
  // the other. Defaults: a volume in a network.
  Nanoseconds latency = std::chrono::microseconds(500);
  double bytes_per_second = 200e6;
};

// Time at which a request ends that comes `now`, with the medium busy until `busy`; that is its new value.
Nanoseconds request_end(const DiskModel& model, Nanoseconds now, Nanoseconds& busy, std::size_t bytes);

// Serves `image` (readable) as the file path() from a process of its own, that ends with this one.
class SlowDisk {
 public:
  // Mounts on `folder`, which must exist, and takes it off in the end. kUnsupported: no /dev/fuse.
  // kPermission.
  static Result<SlowDisk> mount(FileDescriptor image, const std::string& folder, const DiskModel& model);
  SlowDisk(SlowDisk&& other) noexcept
      : folder_(std::move(other.folder_)), server_(std::exchange(other.server_, -1)) {}
  SlowDisk& operator=(SlowDisk&&) = delete;
  ~SlowDisk();

  std::string path() const { return folder_ + "/disk"; }

 private:
  SlowDisk(std::string folder, pid_t server) : folder_(std::move(folder)), server_(server) {}
  std::string folder_;
  pid_t server_ = -1;
};

}  // namespace tier
