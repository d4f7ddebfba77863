// A decision of the ledger in words.
#pragma once

#include <string>

#include "tierd/ledger/ledger.h"

namespace tier {

// What was decided, why, what was expected and what came of it, in whole sentences.
std::string sentences(const Decision& decision);

}  // namespace tier
