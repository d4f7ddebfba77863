// The agent's line to the outside: marks for the plugin and JSON messages, both without any device.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tools/tier-lab/guest/marks.h"

namespace tier::lab {

class Channel {
 public:
  // Maps and locks the message buffer; aborts the guest when that fails, since nothing could be reported.
  Channel();

  // Sends one message as one line of JSON. A message longer than the buffer goes in pieces that join to one
  // line.
  void send(const nlohmann::json& message);

  static void mark_start();
  static void mark_period();
  static void mark_stop();

 private:
  MessageBuffer* buffer_;
};

}  // namespace tier::lab
