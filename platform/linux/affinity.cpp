#include "platform/linux/affinity.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tier {
namespace {

constexpr std::size_t kLargestMask = 65536 / 8;  // bytes; above the kernel's NR_CPUS

// The raw calls: glibc's set type is too small for machines of more than 1,024 CPUs. Bytes in memory order,
// which is the kernel's order of bits where words are little-endian.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

std::vector<unsigned char> affinity() {
  std::vector<unsigned char> mask(kLargestMask);
  const long size = ::syscall(SYS_sched_getaffinity, 0, mask.size(), mask.data());
  mask.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return mask;
}

bool set_affinity(const std::vector<unsigned char>& mask) {
  return !mask.empty() && ::syscall(SYS_sched_setaffinity, 0, mask.size(), mask.data()) == 0;
}

bool has(const std::vector<unsigned char>& mask, int cpu) {
  const auto byte = static_cast<std::size_t>(cpu) / 8;
  return cpu >= 0 && byte < mask.size() && (mask[byte] >> (cpu % 8) & 1) != 0;
}

}  // namespace

std::vector<int> allowed_cpus(std::span<const int> cpus) {
  const std::vector<unsigned char> mask = affinity();
  std::vector<int> allowed;
  std::copy_if(cpus.begin(), cpus.end(), std::back_inserter(allowed),
               [&](int cpu) { return has(mask, cpu); });
  return allowed;
}

PinnedThread::PinnedThread(std::span<const int> cpus) : before_(affinity()) {
  std::vector<unsigned char> mask(before_.size());
  for (const int cpu : cpus)
    if (has(before_, cpu))
      mask[static_cast<std::size_t>(cpu) / 8] |= static_cast<unsigned char>(1 << (cpu % 8));
  const bool any = std::any_of(mask.begin(), mask.end(), [](unsigned char byte) { return byte != 0; });
  held_ = any && set_affinity(mask);
}

PinnedThread::~PinnedThread() {
  if (held_) set_affinity(before_);
}

}  // namespace tier
