// Registers through the kernel's MSR device, one open descriptor per access: an access is rare, and a CPU
// that went offline in between shows.
#pragma once

#include <string>

#include "platform/api/registers.h"

namespace tier {

class MsrRegisters final : public Registers {
 public:
  explicit MsrRegisters(std::string folder = "/dev/cpu") : folder_(std::move(folder)) {}
  Result<std::uint64_t> read(std::uint32_t cpu, std::uint32_t reg) override;
  Result<void> write(std::uint32_t cpu, std::uint32_t reg, std::uint64_t value) override;

 private:
  std::string folder_;
};

}  // namespace tier
