// What prefetch control shows on the control socket.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "prefetch/advice/advice_loop.h"
#include "prefetch/loop/prefetch_loop.h"
#include "tierd/control/views.h"

namespace tier {

// All but state, armed, note, journal and advice. Its progress is that of the first actuator that has one.
PrefetchView prefetch_view(const PrefetchLoop& loop, const std::vector<MeterDecision>& meters);
// One control. That its setting is better than the default is said only where the whole interval is above 0.
PrefetchControlView prefetch_control_view(const TunedStanding& standing);
// kFailed: no control has that name; of what is not tuned the reason.
Result<PrefetchExplainView> prefetch_explain_view(const PrefetchLoop& loop, const std::string& control);
PrefetchAdviceView advice_view(const AdviceState& state);
PrefetchWriteView write_view(const PrefetchWrite& write);

}  // namespace tier
