#include "platform/linux/linux_knobs.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace tier {
namespace {

tl::unexpected<Error> failed(const char* verb, const Knob& knob, int error) {
  const std::string message = fmt::format("cannot {} {}: {}", verb, to_string(knob), std::strerror(error));
  if (error == EACCES || error == EPERM)
    return fail(ErrorKind::kPermission, message,
                "run as root; a locked-down kernel lets nobody write registers");
  if (error == EINVAL)
    return fail(ErrorKind::kFailed, message, "its file holds no number, or takes none such");
  const bool no_device = error == ENOENT && knob.kind == kTierKnobRegister;
  return fail(ErrorKind::kUnsupported, message,
              no_device ? "modprobe msr; virtual machines mostly have no such registers"
                        : "the CPU must be online and have the register, the device must be there");
}

}  // namespace

Result<std::uint64_t> LinuxKnobs::read(const Knob& knob) {
  std::uint64_t value = 0;
  if (const int error = tier_knob_read(&files_, &knob, &value); error != 0)
    return failed("read", knob, error);
  return value;
}

Result<void> LinuxKnobs::write(const Knob& knob, std::uint64_t value) {
  if (const int error = tier_knob_write(&files_, &knob, value); error != 0)
    return failed("write", knob, error);
  return {};
}

}  // namespace tier
