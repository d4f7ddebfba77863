// One small document over HTTP, from a server that may be slow, wrong or hostile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "core/result.h"

namespace tier {

struct HttpLimits {
  std::chrono::milliseconds time{1000};  // of the whole exchange
  std::size_t bytes = 1 << 20;           // of the document
};

// The document, or why there is none. Returns within the time, and soon after `stop` turned true.
using HttpGet = std::function<Result<std::string>(const std::atomic<bool>& stop)>;

// Asks for JSON at http://ADDRESS/: no proxy, no other protocol, no redirection, a connection each time. By
// libcurl, which is loaded now. kUnsupported: it is not installed.
Result<HttpGet> make_http_get(const std::string& address, const HttpLimits& limits = {});

// Why an exchange failed: the sandbox that the daemon runs in, a server that is not up, or `what`.
// `error_number`: errno of the connection; 0 where there is none.
Error http_failure(const std::string& url, const std::string& what, int error_number, bool timed_out);

}  // namespace tier
