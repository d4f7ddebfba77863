#include "platform/linux/file.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr struct {
  Signal signal;
  const char* file;
} kPressures[] = {{Signal::kMemoryStall, "/proc/pressure/memory"}, {Signal::kIoStall, "/proc/pressure/io"}};

class PsiMeter final : public Meter {
 public:
  PsiMeter(const Clock& clock, std::string root) : clock_(clock), root_(std::move(root)) {}
  const char* name() const override { return "psi"; }
  std::vector<CounterReading> read() override {
    std::vector<CounterReading> out;
    for (const auto& row : kPressures) {
      CounterReading reading;
      reading.signal = row.signal, reading.at = clock_.now();
      const auto text = read_file(under(root_, row.file), 4096);
      const auto total = text ? parse_pressure_total(*text, "some") : std::nullopt;
      if (!total) continue;
      reading.value = static_cast<std::uint64_t>(total->count());
      out.push_back(reading);
    }
    return out;
  }

 private:
  const Clock& clock_;
  std::string root_;
};

}  // namespace

MeterResult make_psi_meter(const Clock& clock, const std::string& root) {
  auto meter = std::make_unique<PsiMeter>(clock, root);
  if (meter->read().empty())
    return fail(ErrorKind::kUnsupported, "the kernel keeps no pressure (/proc/pressure/memory, io)",
                "boot with psi=1, on a kernel with CONFIG_PSI");
  return meter;
}

}  // namespace tier
