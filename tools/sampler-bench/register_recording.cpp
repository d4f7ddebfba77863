#include "tools/sampler-bench/register_recording.h"

#include <fcntl.h>
#include <fmt/os.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <unordered_map>

#include "core/region.h"
#include "platform/linux/process_table.h"
#include "platform/linux/sampling/x86_decoder.h"
#include "tools/sampler-bench/slot_observer.h"

namespace tier {
namespace {

constexpr auto kBetweenCollections = std::chrono::milliseconds(200);
constexpr Nanoseconds kBetweenMappings = std::chrono::seconds(1);
constexpr Nanoseconds kBetweenResidence = std::chrono::seconds(4);
constexpr std::size_t kAround = 64;  // bytes of code on each side of the instruction pointer
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kRegion = kDefaultRegionSize.value;
constexpr std::uint64_t kLargestMapping = std::uint64_t{64} << 30;  // beyond it is reserved, not used
constexpr std::size_t kStackPointer = 4;

bool is_data(const Mapping& mapping) { return mapping.readable && !mapping.executable; }

// Adds the regions of the mappings that have a page now.
void add_resident(pid_t pid, const std::vector<Mapping>& mappings, std::set<Address>& regions) {
  const int file = open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  std::vector<std::uint64_t> pages(kRegion / kPage);
  for (const Mapping& mapping : mappings) {
    if (!is_data(mapping) || mapping.range.size().value > kLargestMapping) continue;
    for (Address start = mapping.range.start; start < mapping.range.end;) {
      const Address end = std::min(mapping.range.end, (start / kRegion + 1) * kRegion);
      const std::size_t bytes = (end - start) / kPage * sizeof(std::uint64_t);
      const ssize_t got = pread(file, pages.data(), bytes, static_cast<off_t>(start / kPage * 8));
      const auto here = std::span(pages).first(got > 0 ? static_cast<std::size_t>(got) / 8 : 0);
      if (std::any_of(here.begin(), here.end(), [](std::uint64_t page) { return (page >> 63U) != 0; }))
        regions.insert(start / kRegion * kRegion);
      start = end;
    }
  }
  close(file);
}

// Which registers the accesses around an instruction pointer go through.
struct Roles {
  std::uint16_t own = 0, dereferenced = 0;
};

std::uint16_t registers_in(const std::optional<X86Access>& access) {
  std::uint16_t bits = 0;
  if (access && access->base >= 0) bits = static_cast<std::uint16_t>(bits | 1U << access->base);
  if (access && access->index >= 0) bits = static_cast<std::uint16_t>(bits | 1U << access->index);
  return bits;
}

// Of the instructions in the 64 bytes in front of the place `at`.
std::uint16_t dereferenced_before(std::span<const std::uint8_t> bytes, std::size_t at) {
  X86Code code(bytes.first(at), bytes.subspan(at));
  std::uint16_t bits = 0;
  for (std::size_t back = 0;; ++back) {
    const std::optional<int> start = code.start(back);
    if (!start) return bits;
    const auto place = static_cast<std::size_t>(*start);
    X86Code there(bytes.first(place), bytes.subspan(place));
    bits = static_cast<std::uint16_t>(bits | registers_in(decode_x86(there).at));
  }
}

Roles roles_at(pid_t pid, Address ip) {
  std::array<std::uint8_t, 2 * kAround> bytes{};
  const iovec here{bytes.data(), bytes.size()};
  const iovec there{reinterpret_cast<void*>(ip - kAround), bytes.size()};
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) != static_cast<ssize_t>(bytes.size())) return {};
  const std::span<const std::uint8_t> all(bytes);
  X86Code code(all.first(kAround), all.subspan(kAround));
  const X86Decoded decoded = decode_x86(code);
  Roles roles;
  roles.own = registers_in(decoded.before ? decoded.before : decoded.at);
  roles.dereferenced =
      static_cast<std::uint16_t>(registers_in(decoded.at) | dereferenced_before(all, kAround) |
                                 dereferenced_before(all, all.size() - 1));
  return roles;
}

class Recorder {
 public:
  Recorder(AccessSource& source, const Program& program, SlotObserver observer, Target target)
      : source_(source), program_(program), observer_(std::move(observer)), target_(std::move(target)) {}

  Result<RegisterRecording> run(Nanoseconds time);

 private:
  using Moment = std::pair<std::int64_t, std::uint32_t>;  // ns and CPU: one sample

  void look_at_memory(Nanoseconds now);
  Result<void> collect();
  void add(const tier_sample& raw, Address address);

  AccessSource& source_;
  const Program& program_;
  SlotObserver observer_;
  Target target_;
  SteadyClock clock_;
  RegisterRecording recording_;
  Nanoseconds begin_{}, next_mappings_{}, next_residence_{};
  std::set<Address> resident_;
  std::unordered_map<Address, Roles> roles_;  // by instruction pointer
  std::map<Moment, Address> delivered_;       // by the source, not seen in a slot yet
  std::vector<tier_sample> seen_;             // in slots, not asked of the source yet
};

void Recorder::look_at_memory(Nanoseconds now) {
  if (now < next_mappings_) return;
  next_mappings_ = now + kBetweenMappings;
  auto mappings = LinuxProcessTable().mappings_of(target_);
  if (!mappings) return;
  static_cast<void>(source_.set_ranges(target_.id, *mappings));
  recording_.mappings = std::move(*mappings);
  if (now < next_residence_) return;
  next_residence_ = now + kBetweenResidence;
  add_resident(target_.pid.value, recording_.mappings, resident_);
}

void Recorder::add(const tier_sample& raw, Address address) {
  RegisterSample sample;
  sample.time = Nanoseconds(static_cast<std::int64_t>(raw.header.time_ns)) - begin_;
  sample.address = address;
  sample.ip = raw.registers.ip;
  const auto found = roles_.find(sample.ip);
  const Roles& roles = found != roles_.end()
                           ? found->second
                           : roles_.emplace(sample.ip, roles_at(target_.pid.value, sample.ip)).first->second;
  sample.own = roles.own;
  sample.dereferenced = roles.dereferenced;
  const Mapping* const stack = mapping_of(recording_.mappings, raw.registers.general[kStackPointer]);
  for (std::size_t number = 0; number < kGeneralRegisters; ++number) {
    const Address value = sample.general[number] = raw.registers.general[number];
    const Mapping* const mapping = mapping_of(recording_.mappings, value);
    if (number == kStackPointer || mapping == nullptr || !is_data(*mapping)) continue;
    if (mapping == stack)
      ++sample.into_stack;
    else
      sample.in_data = static_cast<std::uint16_t>(sample.in_data | 1U << number);
  }
  recording_.samples.push_back(sample);
}

// The source and the observer read the same slots, each by itself; a sample is known again by time and CPU.
// One that came after `asked` may be of the source's next batch, and would pass for computing: it waits.
Result<void> Recorder::collect() {
  const Nanoseconds asked = clock_.now();
  const SampleBatch batch = TIER_TRY(source_.collect());
  for (const AccessSample& sample : batch.samples)
    delivered_[{sample.time.count(), sample.cpu}] = sample.address;
  observer_.drain([&](const tier_sample& raw) {
    if (raw.header.tgid == static_cast<std::uint32_t>(target_.pid.value)) seen_.push_back(raw);
  });
  const auto later = std::stable_partition(seen_.begin(), seen_.end(), [&](const tier_sample& raw) {
    return static_cast<std::int64_t>(raw.header.time_ns) <= asked.count();
  });
  for (auto raw = seen_.begin(); raw != later; ++raw) {
    const auto found = delivered_.find({static_cast<std::int64_t>(raw->header.time_ns), raw->header.cpu});
    add(*raw, found != delivered_.end() ? found->second : 0);
    if (found != delivered_.end()) delivered_.erase(found);
  }
  seen_.erase(seen_.begin(), later);
  const auto of_next = delivered_.lower_bound({asked.count(), UINT32_MAX});
  recording_.unmatched += static_cast<std::uint64_t>(std::distance(delivered_.begin(), of_next));
  delivered_.erase(delivered_.begin(), of_next);
  return {};
}

Result<RegisterRecording> Recorder::run(Nanoseconds time) {
  begin_ = clock_.now();
  while (clock_.now() < begin_ + time && program_.running()) {
    look_at_memory(clock_.now());
    std::this_thread::sleep_for(kBetweenCollections);
    TIER_TRY(collect());
  }
  add_resident(target_.pid.value, recording_.mappings, resident_);
  recording_.length_s = seconds(clock_.now() - begin_);
  recording_.resident.assign(resident_.begin(), resident_.end());
  std::sort(recording_.samples.begin(), recording_.samples.end(),
            [](const RegisterSample& a, const RegisterSample& b) { return a.time < b.time; });
  return std::move(recording_);
}

}  // namespace

const Mapping* mapping_of(const std::vector<Mapping>& mappings, Address address) {
  const auto after =
      std::upper_bound(mappings.begin(), mappings.end(), address,
                       [](Address at, const Mapping& mapping) { return at < mapping.range.start; });
  if (after == mappings.begin()) return nullptr;
  const Mapping& mapping = *std::prev(after);
  return mapping.range.contains(address) ? &mapping : nullptr;
}

Result<RegisterRecording> record_registers(AccessSource& source, const Program& program, Nanoseconds time) {
  const Target target = TIER_TRY(program.target());
  TIER_TRY(source.set_targets({&target, 1}));
  Result<RegisterRecording> recording =
      Recorder(source, program, TIER_TRY(SlotObserver::of_this_process()), target).run(time);
  static_cast<void>(source.set_targets({}));
  return recording;
}

namespace {

// Nanoseconds that looking up all registers of a sample takes.
template <typename LookUp>
double time_look_ups(const std::vector<RegisterSample>& samples, LookUp look_up) {
  constexpr int kRounds = 20;
  std::uint64_t found = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round)
    for (const RegisterSample& sample : samples)
      for (std::size_t number = 0; number < kGeneralRegisters; ++number)
        if (number != kStackPointer) found += look_up(number, sample.general[number]) != nullptr ? 1U : 0U;
  const Nanoseconds took = std::chrono::steady_clock::now() - begin;
  asm volatile("" : "+r"(found));
  return static_cast<double>(took.count()) / kRounds /
         static_cast<double>(std::max<std::size_t>(samples.size(), 1));
}

// Remembers what each register pointed into last.
class LastMappings {
 public:
  explicit LastMappings(const std::vector<Mapping>& mappings) : mappings_(mappings) {}
  const Mapping* find(std::size_t number, Address value) {
    if (last_[number] != nullptr && last_[number]->range.contains(value)) return last_[number];
    // Small numbers are most of what is no address.
    if (mappings_.empty() || value < mappings_.front().range.start) return nullptr;
    const Mapping* const mapping = mapping_of(mappings_, value);
    if (mapping != nullptr) last_[number] = mapping;
    return mapping;
  }

 private:
  const std::vector<Mapping>& mappings_;
  std::array<const Mapping*, kGeneralRegisters> last_{};
};

}  // namespace

LookupPrice lookup_price(const RegisterRecording& recording) {
  LookupPrice price;
  price.bisected_ns = time_look_ups(
      recording.samples, [&](std::size_t, Address value) { return mapping_of(recording.mappings, value); });
  LastMappings last(recording.mappings);
  price.cached_ns = time_look_ups(
      recording.samples, [&](std::size_t number, Address value) { return last.find(number, value); });
  return price;
}

void write_recording(const RegisterRecording& recording, const std::string& path) {
  fmt::ostream out = fmt::output_file(path);
  out.print("# {} length_s {}\n", recording.name, recording.length_s);
  for (const Address region : recording.resident) out.print("R {:x}\n", region);
  for (const RegisterSample& sample : recording.samples) {
    out.print("S {} {:x} {:x} {:x} {:x} {}", sample.time.count() / 1000, sample.address, sample.ip,
              sample.own, sample.dereferenced, sample.into_stack);
    for (std::size_t number = 0; number < kGeneralRegisters; ++number)
      out.print(" {:x}", sample.data(number));
    out.print("\n");
  }
}

}  // namespace tier
