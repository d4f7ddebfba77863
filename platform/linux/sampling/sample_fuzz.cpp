// Feeds the sample decoder with events of the ring. The first byte of an input: bit 0 gives the event the
// right version, bit 1 says that it has code; bits 2 and 3 are the rule by which an access is picked.
#include <cstddef>
#include <cstring>
#include <vector>

#include "platform/linux/sampling/sample_decoder.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

bool same(const tier::DecodedSample& a, const tier::DecodedSample& b) {
  if (a.picked.has_value() != b.picked.has_value()) return false;
  return !a.picked || (a.picked->address == b.picked->address && a.picked->type == b.picked->type &&
                       a.picked->direct == b.picked->direct);
}

void check(const tier::RawSample& raw, const tier::PickRule& rule) {
  const tier::ManualClock clock;
  std::size_t learnt = 0, forgotten = 0;
  tier::SampleDecoder decoder(
      [&](const tier_known_code&) { ++learnt; }, [&](const tier_known_code&) { ++forgotten; },
      [&](std::uint32_t, tier::Address at, unsigned) { return std::optional(at * 3); }, clock);
  const tier::DecodedSample first = decoder.decode(raw, rule);
  require(!first.deferred, "there is time while the clock stands still");
  require(learnt + forgotten <= 1, "one sample is learnt or forgotten once");
  if (first.picked)
    require(first.picked->address >= 4096 && first.picked->address < tier::Address{1} << 56,
            "an address is in user space");
  if (raw.code != nullptr) require(forgotten == 0, "code that is brought is not asked for");
  if (learnt == 0) return require(!first.picked && !first.transition, "nothing is known without code");
  require(same(decoder.decode(raw, rule), first), "the same event gives the same access");
  const tier::RawSample known{raw.sample, nullptr};
  require(same(decoder.decode(known, rule), first), "code that is known need not be sent again");
  decoder.clear();
  require(forgotten == 1, "all that was learnt is forgotten");
  require(!decoder.decode(known, rule).picked, "nothing is known after that");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<std::byte> event(size - 1);
  std::memcpy(event.data(), data + 1, event.size());
  tier_event_header header{};
  if (event.size() >= sizeof header) {
    std::memcpy(&header, event.data(), sizeof header);
    if ((data[0] & 1) != 0) header.version = TIER_EVENTS_VERSION;
    if ((data[0] & 2) != 0) header.has_code = 1;
    std::memcpy(event.data(), &header, sizeof header);
  }
  const auto raw = tier::parse_sample(event);
  if (!raw) return 0;
  require(event.size() >= sizeof(tier_sample), "an event is complete");
  require(raw->code == nullptr || event.size() >= sizeof(tier_code_sample), "an event has the code it says");
  check(*raw, {(data[0] & 4) != 0, (data[0] & 8) != 0});
  return 0;
}
