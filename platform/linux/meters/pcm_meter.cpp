#include "platform/linux/meters/pcm_meter.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "platform/linux/machine.h"
#include "platform/linux/meters/memory_nodes.h"
#include "platform/linux/meters/pcm_json.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr const char* kDefaultPort = ":9738";  // of pcm-sensor-server

class PcmMeter final : public Meter {
 public:
  PcmMeter(const Clock& clock, const std::string& root, HttpGet get)
      : clock_(clock), nodes_(root), get_(std::move(get)), thread_([this] { fetch(); }) {}
  ~PcmMeter() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  const char* name() const override { return "pcm"; }

  std::vector<CounterReading> read() override {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
    wake_.notify_all();
    return latest_;
  }
  std::string trouble() const override {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void fetch() {
    become_background_thread("tierd-pcm");
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return wanted_ || stop_; });
        if (stop_) return;
        wanted_ = false;
      }
      // When it was asked: an answer that took long looks old, not new.
      const Nanoseconds at = clock_.now();
      const auto document = get_(stop_);
      const auto sockets = document ? parse_pcm(*document) : tl::make_unexpected(document.error());
      auto readings = sockets ? to_readings(*sockets, at) : std::vector<CounterReading>{};
      const std::lock_guard lock(mutex_);
      trouble_ = sockets ? "" : sockets.error().text();
      if (sockets) latest_ = std::move(readings);  // else the reading before it becomes stale
    }
  }

  std::vector<CounterReading> to_readings(const std::vector<PcmSocket>& sockets, Nanoseconds at) const {
    std::map<std::pair<Signal, std::uint32_t>, std::uint64_t> sums;
    const auto add = [&sums](Signal signal, std::uint32_t node, std::optional<std::uint64_t> bytes) {
      if (bytes) sums[{signal, node}] += *bytes;
    };
    for (const PcmSocket& socket : sockets) {
      const auto node = nodes_.of_socket(socket.id);
      if (!node) continue;
      add(Signal::kMemoryRead, *node, socket.read), add(Signal::kMemoryWritten, *node, socket.written);
      // Beside DRAM and without a node of its own it is a cache, whose traffic is not memory's.
      const auto own = nodes_.hbm_beside(*node);
      if (!own && (socket.read || socket.written)) continue;
      add(Signal::kMemoryRead, own.value_or(*node), socket.hbm_read);
      add(Signal::kMemoryWritten, own.value_or(*node), socket.hbm_written);
    }
    std::vector<CounterReading> out;
    out.reserve(sums.size());
    for (const auto& [counter, bytes] : sums)
      out.push_back({counter.first, counter.second, bytes, at, {}, {}});
    return out;
  }

  const Clock& clock_;
  const MemoryNodes nodes_;
  const HttpGet get_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false;
  std::atomic<bool> stop_{false};
  std::vector<CounterReading> latest_;
  std::string trouble_ = "the server has not answered yet";
  std::thread thread_;  // last: it uses all of the others
};

// Nothing that would make another URL of it.
bool is_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const auto port = parse_number(std::string_view(address).substr(colon + 1));
  return colon > 0 && port && *port > 0 && *port < 65536 &&
         std::all_of(address.begin(), address.end(), [](unsigned char c) {
           return c < 128 && (std::isalnum(c) != 0 ||
                              std::string_view(".:-[]").find(static_cast<char>(c)) != std::string_view::npos);
         });
}

}  // namespace

std::unique_ptr<Meter> make_pcm_meter(const Clock& clock, const std::string& root, HttpGet get) {
  return std::make_unique<PcmMeter>(clock, root, std::move(get));
}

MeterResult make_pcm_meter(const Clock& clock, const std::string& root, const std::string& address) {
  if (address.empty()) return fail(ErrorKind::kUnsupported, "prefetch.pcm names no server");
  const bool has_port = address.find_last_of(':') != std::string::npos && !address.ends_with(']');
  const std::string full = has_port ? address : address + kDefaultPort;
  if (!is_address(full))
    return fail(ErrorKind::kUsage, "\"" + address + "\" is no address of a pcm-sensor-server",
                "HOST or HOST:PORT, like 127.0.0.1:9738");
  auto get = TIER_TRY(make_http_get(full));
  return make_pcm_meter(clock, root, std::move(get));
}

}  // namespace tier
