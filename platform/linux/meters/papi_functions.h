// What is used of PAPI, as a table: filled from the library when it is loaded, and by tests.
#pragma once

#include <papi.h>

#include <memory>

#include "core/result.h"

namespace tier {

// As papi.h declares them. Called by one thread at a time.
struct PapiFunctions {
  decltype(&PAPI_library_init) library_init = nullptr;
  decltype(&PAPI_num_components) num_components = nullptr;
  decltype(&PAPI_get_component_info) get_component_info = nullptr;
  decltype(&PAPI_create_eventset) create_eventset = nullptr;
  decltype(&PAPI_assign_eventset_component) assign_eventset_component = nullptr;
  decltype(&PAPI_set_opt) set_opt = nullptr;
  decltype(&PAPI_add_event) add_event = nullptr;
  decltype(&PAPI_start) start = nullptr;
  decltype(&PAPI_read) read = nullptr;
  decltype(&PAPI_stop) stop = nullptr;
  decltype(&PAPI_cleanup_eventset) cleanup_eventset = nullptr;
  decltype(&PAPI_destroy_eventset) destroy_eventset = nullptr;
  decltype(&PAPI_strerror) strerror = nullptr;
  decltype(&PAPI_shutdown) shutdown = nullptr;
  std::shared_ptr<void> library;  // keeps the functions where they are
};

// kUnsupported: PAPI is not installed, or another version than the one this was built with.
Result<PapiFunctions> load_papi();

}  // namespace tier
