#include "platform/linux/msr_registers.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "platform/linux/msr_file.h"

namespace tier {
namespace {

tl::unexpected<Error> failed(const char* verb, const std::string& folder, std::uint32_t cpu,
                             std::uint32_t reg, int error) {
  const bool denied = error == EACCES || error == EPERM;
  const char* fix = denied            ? "run as root; a locked-down kernel lets nobody write registers"
                    : error == ENOENT ? "modprobe msr; virtual machines mostly have no such registers"
                                      : "the CPU must be online and have the register";
  return fail(denied ? ErrorKind::kPermission : ErrorKind::kUnsupported,
              fmt::format("cannot {} register {:#x} of CPU {} through {}/{}/msr: {}", verb, reg, cpu, folder,
                          cpu, std::strerror(error)),
              fix);
}

}  // namespace

Result<std::uint64_t> MsrRegisters::read(std::uint32_t cpu, std::uint32_t reg) {
  std::uint64_t value = 0;
  if (const int error = tier_msr_read(folder_.c_str(), cpu, reg, &value); error != 0)
    return failed("read", folder_, cpu, reg, error);
  return value;
}

Result<void> MsrRegisters::write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) {
  if (const int error = tier_msr_write(folder_.c_str(), cpu, reg, value); error != 0)
    return failed("write", folder_, cpu, reg, error);
  return {};
}

}  // namespace tier
