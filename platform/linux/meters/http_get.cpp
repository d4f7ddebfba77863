#include "platform/linux/meters/http_get.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "platform/api/file_descriptor.h"
#include "platform/linux/meters/shared_library.h"

namespace tier {
namespace {

constexpr std::size_t kMostHeader = 16384;  // bytes, of all lines together

struct CurlFunctions {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_setopt) setopt = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
  decltype(&curl_easy_getinfo) getinfo = nullptr;
  decltype(&curl_slist_append) append = nullptr;
  decltype(&curl_slist_free_all) free_all = nullptr;
};

Result<CurlFunctions> load() {
  auto library = TIER_TRY(SharedLibrary::open("libcurl.so.4", "libcurl4"));
  // Never unloaded: libraries that it brings along register what runs when the program ends.
  static const auto* const kept = new SharedLibrary(std::move(library));
  CurlFunctions curl;
  const bool all =
      kept->find("curl_global_init", curl.global_init) && kept->find("curl_easy_init", curl.init) &&
      kept->find("curl_easy_setopt", curl.setopt) && kept->find("curl_easy_perform", curl.perform) &&
      kept->find("curl_easy_cleanup", curl.cleanup) && kept->find("curl_easy_strerror", curl.strerror) &&
      kept->find("curl_easy_getinfo", curl.getinfo) && kept->find("curl_slist_append", curl.append) &&
      kept->find("curl_slist_free_all", curl.free_all);
  if (!all || curl.global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
    return fail(ErrorKind::kUnsupported, "libcurl lacks a function or cannot begin", "apt install libcurl4");
  return curl;
}

// Kept once it is loaded; a library that was not there may be installed later.
Result<const CurlFunctions*> functions() {
  static std::optional<CurlFunctions> kept;
  if (!kept) {
    auto loaded = TIER_TRY(load());
    kept = loaded;
  }
  return &*kept;
}

// errno where this process may open no network socket; 0: it may.
int socket_refusal() {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return socket.valid() ? 0 : errno;
}

struct Exchange {
  std::string body;
  std::size_t header = 0, most = 0;
  const std::atomic<bool>* stop = nullptr;
};

// What takes less than it is given ends the exchange.
std::size_t take_body(char* data, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (size * count > exchange.most - exchange.body.size()) return 0;
  exchange.body.append(data, size * count);
  return size * count;
}
std::size_t take_header(char*, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.header += size * count;
  return exchange.header > kMostHeader ? 0 : size * count;
}
int look_up(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Exchange*>(context)->stop->load() ? 1 : 0;
}

Result<std::string> get(const CurlFunctions& curl, const std::string& url, const HttpLimits& limits,
                        const std::atomic<bool>& stop) {
  const std::unique_ptr<CURL, decltype(curl.cleanup)> handle(curl.init(), curl.cleanup);
  const std::unique_ptr<curl_slist, decltype(curl.free_all)> accept(
      curl.append(nullptr, "Accept: application/json"), curl.free_all);
  if (handle == nullptr || accept == nullptr) return fail(ErrorKind::kFailed, "libcurl has no memory");
  Exchange exchange;
  exchange.most = limits.bytes, exchange.stop = &stop;
  CURL* const h = handle.get();
  bool set = true;
  const auto option = [&](CURLoption which, auto value) {
    set = set && curl.setopt(h, which, value) == CURLE_OK;
  };
  option(CURLOPT_URL, url.c_str());
  option(CURLOPT_PROTOCOLS_STR, "http");
  option(CURLOPT_PROXY, "");
  option(CURLOPT_NOSIGNAL, 1L);
  option(CURLOPT_FORBID_REUSE, 1L);
  option(CURLOPT_FAILONERROR, 1L);
  option(CURLOPT_TIMEOUT_MS, static_cast<long>(limits.time.count()));
  option(CURLOPT_MAXFILESIZE, static_cast<long>(limits.bytes));
  option(CURLOPT_HTTPHEADER, accept.get());
  option(CURLOPT_WRITEFUNCTION, take_body);
  option(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  option(CURLOPT_HEADERFUNCTION, take_header);
  option(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  option(CURLOPT_NOPROGRESS, 0L);
  option(CURLOPT_XFERINFOFUNCTION, look_up);
  option(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  if (!set) return fail(ErrorKind::kUnsupported, "libcurl lacks an option", "libcurl 7.85 or later");
  const CURLcode code = curl.perform(h);
  if (code == CURLE_OK) return std::move(exchange.body);
  long error = 0;
  const bool unconnected = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
  if (unconnected && curl.getinfo(h, CURLINFO_OS_ERRNO, &error) != CURLE_OK) error = 0;
  // libcurl keeps no errno of a socket that it could not open.
  if (unconnected && error == 0) error = socket_refusal();
  return tl::make_unexpected(
      http_failure(url, curl.strerror(code), static_cast<int>(error), code == CURLE_OPERATION_TIMEDOUT));
}

}  // namespace

Result<HttpGet> make_http_get(const std::string& address, const HttpLimits& limits) {
  const auto curl = functions();
  if (!curl) return tl::make_unexpected(curl.error());
  return [curl = *curl, url = "http://" + address + "/", limits](const std::atomic<bool>& stop) {
    return get(*curl, url, limits, stop);
  };
}

Error http_failure(const std::string& url, const std::string& what, int error_number, bool timed_out) {
  const std::string text = error_number == 0
                               ? fmt::format("{}: {}", url, what)
                               : fmt::format("{}: {} ({})", url, what, std::strerror(error_number));
  switch (error_number) {
    // A network namespace of its own (PrivateNetwork=) has no route, a filter of addresses
    // (IPAddressDeny=, a firewall) answers EPERM, RestrictAddressFamilies= EAFNOSUPPORT: systemd.exec(5),
    // systemd.resource-control(5).
    case EPERM:
    case EACCES:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {ErrorKind::kPermission, text, "`tierctl enable pcm-server` lets the service reach that server"};
    case ECONNREFUSED:
      return {ErrorKind::kNotRunning, text, "start pcm-sensor-server there; it is asked again all the time"};
    default:
      break;
  }
  if (timed_out)
    return {ErrorKind::kFailed, text,
            "see whether the server answers others; if it does: `tierctl enable pcm-server`"};
  return {ErrorKind::kFailed, text, {}};
}

}  // namespace tier
