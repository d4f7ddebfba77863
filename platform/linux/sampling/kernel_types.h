// The running kernel's type information (BTF).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"

struct btf;

namespace tier {

class KernelTypes {
 public:
  // kUnsupported, kPermission or kFailed where it cannot be read, with the library's reason. Reading takes 10
  // ms of CPU and 6 MB, so whoever asks while another still holds what was read is given the same.
  // Thread-safe.
  static Result<std::shared_ptr<const KernelTypes>> read();

  // The type of a BPF program on tracepoint `name`; nothing where the kernel lacks it.
  std::optional<std::uint32_t> tracepoint(const std::string& name) const;
  // Bytes from one per-CPU variable to another; nothing when the kernel lacks either.
  std::optional<std::int64_t> per_cpu_distance(const std::string& from, const std::string& to) const;

 private:
  struct Closer {
    void operator()(btf* types) const;
  };
  std::unique_ptr<btf, Closer> types_;
};

}  // namespace tier
