// Which misses a hardware prefetcher would have seen coming.
//
// Modelled on the streamer of Intel's second-level cache (Intel 64 and IA-32 Architectures Optimization
// Reference Manual, "Data Prefetch to L2 and Last Level Cache"): it follows up to 32 streams, one for each
// 4 KiB page, upwards or downwards, and never leaves the page. A miss is predicted when its page has a stream
// and the miss continues it in the direction it already had. A plain scan thus finds 62 of the 64 lines of a
// page predicted: the first starts the stream, the second gives it its direction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace tier::lab {

class StreamTable {
 public:
  StreamTable() { std::fill(std::begin(pages_), std::end(pages_), ~std::uint64_t{0}); }

  // Enters a miss by its virtual address; true when a stream predicted it.
  bool predicted(std::uint64_t address) {
    const std::uint64_t page = address >> 12;
    const int line = static_cast<int>(address >> 6 & 63);
    std::uint32_t at = 0;
    while (at < kStreams && pages_[at] != page) ++at;
    if (at == kStreams) {
      at = oldest();
      pages_[at] = page;
      streams_[at] = {line, 0, ++uses_};
      return false;
    }
    Stream& stream = streams_[at];
    stream.used = ++uses_;
    const int step = line - stream.line;
    stream.line = line;
    const int direction = step == 0 || step > kReach || step < -kReach ? 0 : step > 0 ? 1 : -1;
    const bool known = direction != 0 && direction == stream.direction;
    stream.direction = direction;
    return known;
  }

 private:
  static constexpr std::uint32_t kStreams = 32;
  // Lines that a stream may skip and still be one: strides of up to 256 bytes, which at least every fourth
  // line of the page then serves.
  static constexpr int kReach = 4;

  struct Stream {
    int line = 0;
    int direction = 0;       // 1 up, -1 down, 0 not known yet
    std::uint64_t used = 0;  // count of misses when it was last used; 0 never
  };

  std::uint32_t oldest() const {
    std::uint32_t found = 0;
    for (std::uint32_t i = 1; i < kStreams; ++i)
      if (streams_[i].used < streams_[found].used) found = i;
    return found;
  }

  // Pages apart from the rest: a miss that continues no stream compares them all.
  std::uint64_t pages_[kStreams];
  Stream streams_[kStreams];
  std::uint64_t uses_ = 0;
};

}  // namespace tier::lab
