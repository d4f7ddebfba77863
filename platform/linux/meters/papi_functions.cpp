#include "platform/linux/meters/papi_functions.h"

#include <fmt/format.h>

#include "platform/linux/meters/shared_library.h"

namespace tier {

Result<PapiFunctions> load_papi() {
  // Its structures may change with every minor version, as its file's name does.
  const std::string version =
      fmt::format("{}.{}", PAPI_VERSION_MAJOR(PAPI_VERSION), PAPI_VERSION_MINOR(PAPI_VERSION));
  auto library = TIER_TRY(SharedLibrary::open("libpapi.so." + version, "libpapi" + version));
  PapiFunctions papi;
  const bool all =
      library.find("PAPI_library_init", papi.library_init) &&
      library.find("PAPI_num_components", papi.num_components) &&
      library.find("PAPI_get_component_info", papi.get_component_info) &&
      library.find("PAPI_create_eventset", papi.create_eventset) &&
      library.find("PAPI_assign_eventset_component", papi.assign_eventset_component) &&
      library.find("PAPI_set_opt", papi.set_opt) && library.find("PAPI_add_event", papi.add_event) &&
      library.find("PAPI_start", papi.start) && library.find("PAPI_read", papi.read) &&
      library.find("PAPI_stop", papi.stop) && library.find("PAPI_cleanup_eventset", papi.cleanup_eventset) &&
      library.find("PAPI_destroy_eventset", papi.destroy_eventset) &&
      library.find("PAPI_strerror", papi.strerror) && library.find("PAPI_shutdown", papi.shutdown);
  if (!all)
    return fail(ErrorKind::kUnsupported, "libpapi lacks a function", "install Debian's libpapi" + version);
  papi.library = std::make_shared<SharedLibrary>(std::move(library));
  return papi;
}

}  // namespace tier
