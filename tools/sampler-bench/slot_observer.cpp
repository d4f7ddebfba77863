#include "tools/sampler-bench/slot_observer.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

namespace tier {
namespace {

// A BPF map that this process holds open; -1 where none has the name. The kernel gives descriptors of maps no
// other mark than this link text.
int descriptor_of(const char* name, bpf_map_info& info) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    if (std::filesystem::read_symlink(entry.path(), ignored) != "anon_inode:bpf-map") continue;
    const int descriptor = std::stoi(entry.path().filename().string());
    info = {};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(descriptor, &info, &size) == 0 && std::strcmp(info.name, name) == 0)
      return descriptor;
  }
  return -1;
}

}  // namespace

void SlotObserver::Unmapper::operator()(void* start) const { ::munmap(start, bytes); }

Result<SlotObserver::Memory> SlotObserver::map(const char* name) {
  bpf_map_info info{};
  const int descriptor = descriptor_of(name, info);
  if (descriptor < 0)
    return fail(ErrorKind::kFailed, std::string("no stall source of this process has the map ") + name);
  const std::size_t bytes = std::size_t{info.value_size} * info.max_entries;
  void* const start = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (start == MAP_FAILED) return fail(ErrorKind::kFailed, std::string("cannot map ") + name);
  return Memory(start, Unmapper{bytes});
}

Result<SlotObserver> SlotObserver::of_this_process() {
  Memory cpus = TIER_TRY(map("cpus"));
  Memory slots = TIER_TRY(map("slots"));
  return SlotObserver(std::move(cpus), std::move(slots));
}

SlotObserver::SlotObserver(Memory cpus, Memory slots)
    : cpus_(std::move(cpus)),
      slots_(std::move(slots)),
      reader_(std::make_unique<SlotReader>(
          std::span(static_cast<tier_cpu*>(cpus_.get()), cpus_.get_deleter().bytes / sizeof(tier_cpu)),
          std::span(static_cast<const tier_slot*>(slots_.get()),
                    slots_.get_deleter().bytes / sizeof(tier_slot)))) {}

}  // namespace tier
