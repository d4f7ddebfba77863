#include "core/plan.h"
#include "core/region.h"
#include "core/topology.h"

namespace tier {

const char* to_string(FactSource source) {
  switch (source) {
    case FactSource::kUnknown:
      return "unknown";
    case FactSource::kFirmware:
      return "firmware";
    case FactSource::kDistance:
      return "distance";
    case FactSource::kProbe:
      return "probe";
    case FactSource::kConfig:
      return "config";
  }
  return "unknown";
}

const char* to_string(PageKind kind) {
  switch (kind) {
    case PageKind::kSmall:
      return "small";
    case PageKind::kHuge:
      return "huge";
    case PageKind::kUnknown:
      break;
  }
  return "unknown";
}

const char* to_string(MoveReason reason) {
  switch (reason) {
    case MoveReason::kDemandRising:
      return "demand";
    case MoveReason::kDisplaced:
      return "displaced";
    case MoveReason::kHeadroom:
      return "headroom";
    case MoveReason::kNodeOffline:
      return "node-offline";
    case MoveReason::kRelief:
      return "relief";
    case MoveReason::kUrgent:
      return "urgent";
    case MoveReason::kFastLimit:
      return "fast-limit";
    case MoveReason::kNearer:
      return "nearer";
  }
  return "unknown";
}

const char* to_string(MoveFate fate) {
  switch (fate) {
    case MoveFate::kMoved:
      return "moved";
    case MoveFate::kPartly:
      return "partly";
    case MoveFate::kFailed:
      return "failed";
    case MoveFate::kStale:
      return "stale";
    case MoveFate::kCancelled:
      return "cancelled";
    case MoveFate::kTargetGone:
      return "target-gone";
  }
  return "unknown";
}

}  // namespace tier
