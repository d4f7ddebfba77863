// A second reader of the stall sampler's table of samples, beside the source that this process runs: the
// registers of a sample, which AccessSample does not carry, without a door in the source for it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "platform/linux/sampling/stall_tables.h"

namespace tier {

class SlotObserver {
 public:
  // Of the one stall source that this process has started; kFailed where it finds none.
  static Result<SlotObserver> of_this_process();

  // Hands over the samples of known code since the last call. Those that bring their code go another way and
  // are not seen: a few at the start, then one of each place every ten seconds.
  void drain(const SlotReader::Handler& handler) { reader_->drain(handler); }
  std::uint64_t lost() const { return reader_->lost(); }

 private:
  struct Unmapper {
    std::size_t bytes = 0;
    void operator()(void* start) const;
  };
  using Memory = std::unique_ptr<void, Unmapper>;
  static Result<Memory> map(const char* name);

  SlotObserver(Memory cpus, Memory slots);

  Memory cpus_, slots_;
  std::unique_ptr<SlotReader> reader_;
};

}  // namespace tier
