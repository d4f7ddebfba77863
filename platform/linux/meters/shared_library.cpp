#include "platform/linux/meters/shared_library.h"

#include <dlfcn.h>

namespace tier {

Result<SharedLibrary> SharedLibrary::open(const std::string& name, const std::string& package) {
  void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    return fail(ErrorKind::kUnsupported, std::string("not loaded: ") + dlerror(), "apt install " + package);
  return SharedLibrary(handle);
}

void SharedLibrary::Close::operator()(void* handle) const { dlclose(handle); }

void* SharedLibrary::address(const char* symbol) const { return dlsym(handle_.get(), symbol); }

}  // namespace tier
