// A loaded configuration as the control socket and `tierctl config show` give it.
#pragma once

#include "tierd/config/loader.h"
#include "tierd/control/views.h"

namespace tier {

ConfigView to_view(const LoadedConfig&);

}  // namespace tier
