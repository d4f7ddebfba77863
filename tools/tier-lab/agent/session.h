// One run inside the guest: the plan in, messages out.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/tier-lab/agent/channel.h"
#include "tools/tier-lab/agent/process.h"

namespace tier::lab {

class Session {
 public:
  explicit Session(nlohmann::json plan) : plan_(std::move(plan)) {}

  // Runs the whole plan; what went wrong is sent as an "error" message.
  void run();

 private:
  void measure();
  bool waiting_costs_time();
  void execute();
  bool start_workload();
  bool start_tool();
  void count_periods();
  void finish_tool();
  void collect();
  void send_tick(std::size_t index);

  void phase(const std::string& name);
  void error(const std::string& text);
  Process& spawn(const std::string& name, const std::vector<std::string>& command,
                 const ProcessSettings& settings);
  // Hands output on and sends signs of life until `done` or until `deadline` (uptime seconds). True when
  // done.
  bool pump(double deadline, const std::function<bool()>& done);

  nlohmann::json plan_;
  Channel channel_;
  struct Child {
    std::string name;
    std::unique_ptr<Process> process;
  };
  std::vector<Child> children_;
  Process* workload_ = nullptr;
  Process* tool_ = nullptr;
  std::vector<int> tool_threads_;
  bool ready_ = false;
  std::string progress_;
  double last_sign_of_life_ = 0;
  nlohmann::json last_maps_;
};

}  // namespace tier::lab
