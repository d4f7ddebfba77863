// Whom the control socket asks about prefetch control, and who does what it orders.
#pragma once

#include <string>

#include "core/result.h"
#include "tierd/config/config.h"
#include "tierd/control/views.h"

namespace tier {

// Called on the event loop's thread. `actor` is who ordered, for the events of kind "prefetch" that an order
// that changes something leaves: "uid 0 pid 12".
class PrefetchDesk {
 public:
  virtual ~PrefetchDesk() = default;
  virtual Result<PrefetchView> prefetch() = 0;
  // kFailed: no control has that name.
  virtual Result<PrefetchExplainView> prefetch_explain(const std::string& control) = 0;
  // Tuning begins, of what prefetch.arm allows. kUnsupported: it allows nothing (prefetch_not_allowed()). A
  // dry run arms and writes nothing and tells, for every knob, what it holds and what each setting would
  // write; where nothing is allowed, of all actuators, since one looks before one allows.
  virtual Result<PrefetchWritesView> prefetch_arm(bool dry_run, const std::string& actor) = 0;
  // Everything is put back and stays so until armed again. Knobs that cannot be put back are told as
  // "failed".
  virtual Result<PrefetchWritesView> prefetch_disarm(const std::string& actor) = 0;
  // Everything is put back; where armed, tuning begins anew.
  virtual Result<PrefetchWritesView> prefetch_restore(const std::string& actor) = 0;
  // The configuration was read again. Of it `arm` takes effect at once: what is newly named is tuned, what is
  // no longer named is put back; the rest with the next start. An `arm` that is the same changes nothing, so
  // that what was disarmed stays so. On an error the old one stays in force.
  virtual Result<void> configure(const PrefetchConfig&) = 0;
};

// What arm says where the configuration allows nothing.
inline Error prefetch_not_allowed() {
  return {ErrorKind::kUnsupported, "prefetch control is off: prefetch.arm names no actuator",
          "name actuators in prefetch.arm of the configuration, then `tierctl config reload`"};
}

}  // namespace tier
