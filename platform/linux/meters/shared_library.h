// A library that is loaded when it is needed, and not linked: a daemon that does without pays nothing for it.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"

namespace tier {

class SharedLibrary {
 public:
  // By name alone ("libpapi.so.7.0"): looked for in the system's folders. kUnsupported: it is not there, or
  // does not load; `package` names what to install.
  static Result<SharedLibrary> open(const std::string& name, const std::string& package);

  // Points `function` at the symbol; false where there is none.
  template <typename Function>
  bool find(const char* symbol, Function*& function) const {
    function = reinterpret_cast<Function*>(address(symbol));
    return function != nullptr;
  }

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* address(const char* symbol) const;

  std::unique_ptr<void, Close> handle_;  // unloaded with the last that uses it
};

}  // namespace tier
