#include "platform/linux/meters/papi_meter.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <set>

#include "platform/linux/file.h"
#include "platform/linux/meters/papi_functions.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr const char* kFix = "bare metal, or a virtual machine with a virtual PMU, and CAP_PERFMON";
constexpr const char* kRightFix = "`tierctl enable perf-events`";  // kernel.perf_event_paranoid, or the like
constexpr std::array<int, 2> kEvents = {PAPI_TOT_INS, PAPI_TOT_CYC};
constexpr std::array<Signal, 2> kGives = {Signal::kInstructions, Signal::kCycles};

// Owns PAPI's state and its event sets.
class PapiSession {
 public:
  explicit PapiSession(PapiFunctions papi) : papi_(std::move(papi)) {}
  PapiSession(const PapiSession&) = delete;
  PapiSession& operator=(const PapiSession&) = delete;
  ~PapiSession() {
    while (!sets_.empty()) close(sets_.begin()->first);
    if (begun_) papi_.shutdown();
  }

  Result<void> begin() {
    const int version = papi_.library_init(PAPI_VER_CURRENT);
    if (version != PAPI_VER_CURRENT)
      return fail(ErrorKind::kUnsupported, fmt::format("PAPI_library_init answers {}", version),
                  "the version of libpapi that tierd was built with");
    begun_ = true;
    for (component_ = 0; component_ < papi_.num_components(); ++component_) {
      const PAPI_component_info_t* info = papi_.get_component_info(component_);
      if (info == nullptr || std::string_view(info->name) != "perf_event") continue;
      if (info->disabled == PAPI_OK) return {};
      // PAPI reads kernel.perf_event_paranoid itself and names it in its reason.
      const bool right = std::string_view(info->disabled_reason).find("paranoid") != std::string_view::npos;
      return fail(right ? ErrorKind::kPermission : ErrorKind::kUnsupported,
                  fmt::format("PAPI's perf_event: {}", info->disabled_reason), right ? kRightFix : kFix);
    }
    return fail(ErrorKind::kUnsupported, "PAPI was built without its perf_event component",
                "install Debian's libpapi");
  }

  bool has(int cpu) const { return sets_.contains(cpu); }

  Result<void> open(int cpu) {
    int set = PAPI_NULL;
    if (const int code = papi_.create_eventset(&set); code != PAPI_OK)
      return wrong("PAPI_create_eventset", cpu, code);
    sets_[cpu] = set;
    auto step = prepare(set, cpu);
    if (!step) close(cpu);
    return step;
  }

  void close(int cpu) {
    const auto it = sets_.find(cpu);
    if (it == sets_.end()) return;
    std::array<long long, kEvents.size()> last{};
    (void)papi_.stop(it->second, last.data());  // an error where it has not been started
    (void)papi_.cleanup_eventset(it->second);
    (void)papi_.destroy_eventset(&it->second);
    sets_.erase(it);
  }

  // By CPU; closes those that `keep` does not name.
  void keep(const std::set<int>& keep) {
    for (auto it = sets_.begin(); it != sets_.end();) {
      const int cpu = (it++)->first;
      if (!keep.contains(cpu)) close(cpu);
    }
  }

  bool read(int cpu, std::array<long long, kEvents.size()>& counts) {
    return papi_.read(sets_.at(cpu), counts.data()) == PAPI_OK;
  }

 private:
  Result<void> prepare(int set, int cpu) {
    if (const int code = papi_.assign_eventset_component(set, component_); code != PAPI_OK)
      return wrong("PAPI_assign_eventset_component", cpu, code);
    PAPI_option_t domain{}, attach{};
    domain.domain.eventset = set, domain.domain.domain = PAPI_DOM_USER;
    if (const int code = papi_.set_opt(PAPI_DOMAIN, &domain); code != PAPI_OK)
      return wrong("PAPI_set_opt(PAPI_DOMAIN)", cpu, code);
    attach.cpu.eventset = set, attach.cpu.cpu_num = static_cast<unsigned>(cpu);
    if (const int code = papi_.set_opt(PAPI_CPU_ATTACH, &attach); code != PAPI_OK)
      return wrong("PAPI_set_opt(PAPI_CPU_ATTACH)", cpu, code);
    for (const int event : kEvents)
      if (const int code = papi_.add_event(set, event); code != PAPI_OK)
        return wrong(event == PAPI_TOT_INS ? "PAPI_TOT_INS" : "PAPI_TOT_CYC", cpu, code);
    if (const int code = papi_.start(set); code != PAPI_OK) return wrong("PAPI_start", cpu, code);
    return {};
  }

  tl::unexpected<Error> wrong(const char* step, int cpu, int code) const {
    const char* const text = papi_.strerror(code);
    const bool right = code == PAPI_EPERM;
    return fail(right ? ErrorKind::kPermission : ErrorKind::kUnsupported,
                fmt::format("{} on CPU {}: {}", step, cpu, text != nullptr ? text : "unknown error"),
                right ? kRightFix : kFix);
  }

  PapiFunctions papi_;
  bool begun_ = false;
  int component_ = 0;
  std::map<int, int> sets_;  // by CPU
};

class PapiMeter final : public Meter {
 public:
  PapiMeter(const Clock& clock, std::string online, PapiFunctions papi)
      : clock_(clock), online_(std::move(online)), session_(std::move(papi)) {}
  const char* name() const override { return "papi"; }

  Result<void> begin() {
    TIER_TRY(session_.begin());
    const std::set<int> cpus = online();
    if (cpus.empty()) return fail(ErrorKind::kFailed, online_ + " names no CPUs", "sysfs must be mounted");
    for (const int cpu : cpus) TIER_TRY(session_.open(cpu));
    return {};
  }

  std::vector<CounterReading> read() override {
    const std::set<int> cpus = online();
    session_.keep(cpus);
    std::vector<CounterReading> out;
    for (const int cpu : cpus) {
      // A CPU that came online and cannot be counted is left out, and tried again the next time.
      if (!session_.has(cpu) && !session_.open(cpu).has_value()) continue;
      CounterReading reading;
      reading.unit = static_cast<std::uint32_t>(cpu), reading.at = clock_.now();
      std::array<long long, kEvents.size()> counts{};
      if (!session_.read(cpu, counts)) continue;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] < 0) continue;
        reading.signal = kGives[i], reading.value = static_cast<std::uint64_t>(counts[i]);
        out.push_back(reading);
      }
    }
    return out;
  }

 private:
  std::set<int> online() const {
    const auto text = read_file(online_, 1 << 16);
    const auto list = text ? parse_id_list(trimmed(*text)) : std::nullopt;
    return list ? std::set<int>(list->begin(), list->end()) : std::set<int>{};
  }

  const Clock& clock_;
  std::string online_;  // file
  PapiSession session_;
};

}  // namespace

MeterResult make_papi_meter(const Clock& clock, const std::string& root,
                            const std::function<Result<PapiFunctions>()>& load) {
  auto papi = TIER_TRY(load());
  auto meter =
      std::make_unique<PapiMeter>(clock, under(root, "/sys/devices/system/cpu/online"), std::move(papi));
  TIER_TRY(meter->begin());
  return meter;
}

}  // namespace tier
