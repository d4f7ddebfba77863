#include "platform/linux/sampling/sample_decoder.h"

#include <algorithm>

namespace tier {
namespace {

// As many as the kernel's map of known code holds; emptied as a whole when full, which happens once in hours.
constexpr std::size_t kCacheLimit = TIER_MAX_KNOWN_CODE;
// Samples of one pointer at which the older ones count half.
constexpr std::uint64_t kMostSeen = 1024;
// Accesses in a row that are looked through.
constexpr std::size_t kLongestRun = 4;

std::optional<PickedAccess> evaluate(const std::optional<X86Access>& access, const X86Registers& registers,
                                     bool direct) {
  if (!access) return std::nullopt;
  const std::optional<Address> address = access->address(registers);
  if (!address) return std::nullopt;
  return PickedAccess{*address, access->type, direct};
}

// As Known::run has it.
std::vector<std::uint8_t> run_of(X86Code& code) {
  std::vector<std::uint8_t> run;
  for (std::size_t back = 1; back <= kLongestRun; ++back) {
    const auto step = transition_x86(code, back);
    if (!step) return {};
    const auto start = static_cast<std::size_t>(code.start(back - 1).value_or(0));
    run.push_back(static_cast<std::uint8_t>(code.before().size() - start));
    if (!step->behind_accesses) return run;
  }
  return {};
}

}  // namespace

std::optional<RawSample> parse_sample(std::span<const std::byte> event) {
  if (event.size() < sizeof(tier_sample)) return std::nullopt;
  const auto* sample = reinterpret_cast<const tier_sample*>(event.data());
  if (sample->header.version != TIER_EVENTS_VERSION) return std::nullopt;
  RawSample raw{sample, nullptr};
  if (sample->header.has_code != 0) {
    if (event.size() < sizeof(tier_code_sample)) return std::nullopt;
    raw.code = reinterpret_cast<const tier_code_sample*>(event.data());
  }
  return raw;
}

X86Registers registers_of(const tier_registers& raw) {
  X86Registers registers;
  std::copy(std::begin(raw.general), std::end(raw.general), registers.general.begin());
  registers.ip = raw.ip;
  registers.fs_base = raw.fs_base;
  registers.gs_base = raw.gs_base;
  return registers;
}

bool SampleDecoder::learn(Known& known, X86Code code, const PickRule& rule) {
  const Nanoseconds begin = clock_.now();
  learning_.advance(begin);
  if (!learning_.open()) return false;
  known.around = decode_x86(code);
  known.replay = replay_x86(code);
  known.ahead = rule.with_evidence ? look_ahead_x86(code) : X86Ahead{};
  known.transition = transition_x86(code);
  known.run =
      known.transition && known.transition->behind_accesses ? run_of(code) : std::vector<std::uint8_t>{};
  learning_.spend(clock_.now() - begin);
  return true;
}

void SampleDecoder::clear() {
  for (const auto& [known, decoded] : cache_) forget_(known);
  cache_.clear();
}

void SampleDecoder::forget(std::uint32_t tgid, std::span<const AddressRange> ranges) {
  if (ranges.empty()) return;
  std::erase_if(cache_, [&](const auto& entry) {
    const tier_known_code& key = entry.first;
    const auto after = std::upper_bound(ranges.begin(), ranges.end(), key.ip,
                                        [](Address ip, AddressRange range) { return ip < range.start; });
    const bool gone = key.tgid == tgid && after != ranges.begin() && std::prev(after)->contains(key.ip);
    if (gone) forget_(key);
    return gone;
  });
}

// Null when the code at its pointer is not known.
SampleDecoder::Known* SampleDecoder::known_of(const RawSample& raw, const PickRule& rule) {
  const tier_event_header& header = raw.sample->header;
  const tier_known_code key{raw.sample->registers.ip, header.tgid, header.exec_id};
  if (raw.code != nullptr) return take_in(key, raw, rule);
  const auto found = cache_.find(key);
  if (found != cache_.end()) return &found->second;
  forget_(key);
  return nullptr;
}

// The code that the sample brings. It is sent again now and then, since programs replace it; mostly they have
// not.
SampleDecoder::Known* SampleDecoder::take_in(const tier_known_code& key, const RawSample& raw,
                                             const PickRule& rule) {
  const tier_event_header& header = raw.sample->header;
  const std::size_t before = std::min<std::size_t>(header.code_before, TIER_CODE_BEFORE);
  const std::size_t after = std::min<std::size_t>(header.code_after, TIER_CODE_AFTER);
  if (before == 0 && after == 0) return nullptr;  // not resident now: ask again next time
  const std::span<const std::uint8_t> code_before(raw.code->code_before, before);
  const std::span<const std::uint8_t> code_after(raw.code->code_after, after);
  std::vector<std::uint8_t> bytes(code_before.begin(), code_before.end());
  bytes.insert(bytes.end(), code_after.begin(), code_after.end());
  auto found = cache_.find(key);
  if (found == cache_.end() || found->second.bytes != bytes || found->second.before != before) {
    Known known;
    known.bytes = std::move(bytes);
    known.before = before;
    deferred_ = !learn(known, X86Code(code_before, code_after), rule);
    if (deferred_) return nullptr;
    if (cache_.size() >= kCacheLimit) clear();
    found = cache_.insert_or_assign(key, std::move(known)).first;
  }
  learnt_(key);
  return &found->second;
}

std::optional<PickedAccess> SampleDecoder::pick(const Known& known, const tier_sample& sample,
                                                const PickRule& rule) const {
  const X86Decoded& code = known.around;
  const X86Registers registers = registers_of(sample.registers);
  X86Memory memory;
  if (known.replay.brought >= 0 && read_)
    memory = [&](Address at, unsigned bytes) { return read_(sample.header.tgid, at, bytes); };
  const auto behind = [&] {
    // Replayed is exact; a pointer chase without replay gives the address it goes to next.
    if (const std::optional<Address> address = address_ahead(known.replay, registers, memory))
      return std::optional(PickedAccess{*address, known.replay.access->type, true});
    return evaluate(code.before, registers, true);
  };
  const auto at = [&] { return evaluate(code.at, registers, !rule.ip_is_behind); };
  std::optional<PickedAccess> picked = rule.ip_is_behind ? behind() : at();
  if (!picked) picked = rule.ip_is_behind ? at() : behind();
  if (picked || !rule.with_evidence) return picked;
  if (const std::optional<Address> address = address_ahead(known.ahead, registers))
    return PickedAccess{*address, known.ahead.access->type, false};
  return evaluate(code.earlier, registers, false);
}

// What this pointer drew, and the one of the places in front of its accesses that drew least: all are passed
// equally often, and at one of them nothing was waited for. One that is not known drew none.
std::optional<SampledPlace> SampleDecoder::count(const tier_sample& sample, Known& known) {
  ++known.seen;
  if (known.run.empty()) return std::nullopt;
  const bool full = known.seen >= kMostSeen;
  std::uint64_t in_front = kMostSeen;
  for (const std::uint8_t back : known.run) {
    const auto place = cache_.find({sample.registers.ip - back, sample.header.tgid, sample.header.exec_id});
    in_front = std::min(in_front, place == cache_.end() ? 0 : place->second.seen);
    if (full && place != cache_.end()) place->second.seen /= 2;
  }
  if (full) known.seen /= 2, in_front /= 2;
  return SampledPlace{known.seen, in_front};
}

DecodedSample SampleDecoder::decode(const RawSample& raw, const PickRule& rule) {
  deferred_ = false;
  Known* known = known_of(raw, rule);
  if (known == nullptr) return {std::nullopt, std::nullopt, std::nullopt, deferred_};
  const auto place = count(*raw.sample, *known);
  return {pick(*known, *raw.sample, rule), known->transition, place, false};
}

}  // namespace tier
