#include "tools/tier-lab/agent/channel.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

namespace tier::lab {
namespace {

// The displacement is part of the instruction, so each mark is an instruction of its own.
#define TIER_LAB_MARK(argument)                                         \
  asm volatile(".byte 0x0f,0x1f,0x80; .long %c0"                        \
               :                                                        \
               : "i"(kMarkMagic | static_cast<std::uint32_t>(argument)) \
               : "memory")

}  // namespace

Channel::Channel() {
  void* mapped = mmap(reinterpret_cast<void*>(kMessageAddress), kMessageCapacity, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  mlock(mapped, kMessageCapacity);
  buffer_ = static_cast<MessageBuffer*>(mapped);
}

void Channel::send(const nlohmann::json& message) {
  std::string line = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  line += '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const std::size_t piece = std::min(line.size() - sent, sizeof buffer_->text);
    std::memcpy(buffer_->text, line.data() + sent, piece);
    buffer_->length = piece;
    TIER_LAB_MARK(Mark::kMessage);
    sent += piece;
  }
}

void Channel::mark_start() { TIER_LAB_MARK(Mark::kStart); }
void Channel::mark_period() { TIER_LAB_MARK(Mark::kPeriod); }
void Channel::mark_stop() { TIER_LAB_MARK(Mark::kStop); }

}  // namespace tier::lab
