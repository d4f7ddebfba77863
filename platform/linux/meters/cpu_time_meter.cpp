#include <unistd.h>

#include "platform/linux/file.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// The number behind "cpu" in a line's first word; none of another line, nor of the line of all CPUs.
std::optional<std::uint32_t> cpu_of(std::string_view word) {
  if (!word.starts_with("cpu")) return {};
  const auto number = parse_number(word.substr(3));
  if (!number || *number >= kWholeNode) return {};
  return static_cast<std::uint32_t>(*number);
}

std::string_view next_word(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

class CpuTimeMeter final : public Meter {
 public:
  CpuTimeMeter(const Clock& clock, std::string root)
      : clock_(clock), root_(std::move(root)), tick_(1'000'000'000 / ::sysconf(_SC_CLK_TCK)) {}
  const char* name() const override { return "cpu-time"; }
  std::vector<CounterReading> read() override {
    std::vector<CounterReading> out;
    const auto text = read_file(under(root_, "/proc/stat"));
    if (!text) return out;
    const Nanoseconds now = clock_.now();
    std::string_view left = *text;
    while (!left.empty()) {
      const std::size_t end = std::min(left.find('\n'), left.size());
      std::string_view line = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      const auto cpu = cpu_of(next_word(line));
      const auto user = parse_number(next_word(line)), nice = parse_number(next_word(line));
      // Beyond this the sum in nanoseconds would not fit: no machine has run so long.
      constexpr std::uint64_t kMost = 1ULL << 62;
      if (!cpu || !user || !nice || *user > kMost / tick_ || *nice > kMost / tick_) continue;
      out.push_back({Signal::kUserTime, *cpu, (*user + *nice) * tick_, now});
    }
    return out;
  }

 private:
  const Clock& clock_;
  std::string root_;
  std::uint64_t tick_;  // ns
};

}  // namespace

MeterResult make_cpu_time_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<CpuTimeMeter>(clock, root);
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, "/proc/stat tells of no CPU", "procfs must be mounted");
  return meter;
}

}  // namespace tier
