// A register model as files N/msr, one a CPU, of the layout and manners of /dev/cpu/N/msr (msr(4)), for
// programs that open those. Through FUSE, which sees every access with its size, place and process; a plain
// file would let neighbouring registers overlap. CUSE would make the same a character device, but Debian's
// and most other kernels' CONFIG_CUSE is off or a module, and nobody here asks what kind of file it is.
#pragma once

#include <filesystem>
#include <memory>

#include "core/result.h"
#include "tests/native/register_model.h"

namespace tier {

class RegisterDevice {
 public:
  // `model` must outlive it. Served by a thread of this process, which gets a mount namespace of its own, so
  // that nothing stays mounted whatever happens to it: call it before other threads are started. kPermission:
  // it takes root; kUnsupported: there is no FUSE here.
  static Result<std::unique_ptr<RegisterDevice>> mount(RegisterModel& model);
  virtual ~RegisterDevice() = default;
  // The folder that takes the place of /dev/cpu.
  virtual const std::filesystem::path& path() const = 0;
};

}  // namespace tier
