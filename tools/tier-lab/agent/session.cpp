#include "tools/tier-lab/agent/session.h"

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>

#include "tools/tier-lab/agent/facts.h"
#include "tools/tier-lab/agent/rival.h"
#include "tools/tier-lab/agent/self_check.h"
#include "tools/tier-lab/self_check.h"

namespace tier::lab {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

constexpr double kSignOfLife = 1.0;     // guest seconds between heartbeats
constexpr double kSettle = 0.5;         // guest seconds between the workload's ready line and the start mark
constexpr double kPromised = 1.0;       // guest seconds within which tierd must stop on SIGTERM
constexpr double kCollectLimit = 30.0;  // guest seconds for one collect command
constexpr std::size_t kLineLimit = 4096;  // bytes of one forwarded line

}  // namespace

void Session::phase(const std::string& name) {
  channel_.send({{"guest", "phase"}, {"name", name}, {"uptime", uptime_seconds()}});
}

void Session::error(const std::string& text) {
  channel_.send({{"guest", "error"}, {"text", text}, {"uptime", uptime_seconds()}});
}

void Session::run() {
  phase("up");
  channel_.send({{"guest", "machine"}, {"facts", machine_facts()}});
  // What the oracle may use is read before the workload, a tool or the self-test holds any of it.
  channel_.send({{"guest", "before"}, {"free_kib", node_free_kib()}});
  if (!waiting_costs_time()) return;
  const std::string refused = apply_rival(plan_.at("rival"));
  if (!refused.empty()) {
    error(refused);
  } else if (plan_.at("mode") == "exec") {
    execute();
  } else {
    measure();
  }
  phase("done");
}

// Before a measurement: what the scenario says about waiting holds in this guest. True where nothing is to be
// tested.
bool Session::waiting_costs_time() {
  const json& expected = plan_.at("self_test");
  if (expected.is_null()) return true;
  phase("self-test");
  json measured = measure_waiting(expected);
  const std::string problem = self_test_problem(expected, measured);
  channel_.send({{"guest", "self_test"},
                 {"expected", expected},
                 {"measured", std::move(measured)},
                 {"passed", problem.empty()},
                 {"problem", problem}});
  if (!problem.empty()) error("the self-test failed: " + problem);
  return problem.empty();
}

Process& Session::spawn(const std::string& name, const Words& command, const ProcessSettings& settings) {
  auto on_line = [this, name](const std::string& line) {
    const std::string ready_from = plan_.at("prepare").empty() ? "workload" : "prepare";
    if (name == ready_from && line == plan_.at("ready").get<std::string>()) ready_ = true;
    const std::string progress = plan_.at("progress").get<std::string>();
    if ((name == "workload" || name == "driver") && !progress.empty() && line.starts_with(progress + " ")) {
      progress_ = line.substr(progress.size() + 1);
      return;
    }
    channel_.send({{"guest", "line"}, {"from", name}, {"text", line.substr(0, kLineLimit)}});
  };
  children_.push_back({name, std::make_unique<Process>(command, settings, on_line)});
  return *children_.back().process;
}

bool Session::pump(double deadline, const std::function<bool()>& done) {
  while (true) {
    for (Child& child : children_) child.process->drain();
    if (done()) return true;
    const double now = uptime_seconds();
    if (now >= deadline) return false;
    if (now - last_sign_of_life_ >= kSignOfLife) {
      channel_.send({{"guest", "alive"}, {"uptime", now}});
      last_sign_of_life_ = now;
    }
    std::vector<pollfd> waits;
    for (const Child& child : children_)
      if (child.process->open()) waits.push_back({child.process->descriptor(), POLLIN, 0});
    const double wait = std::min(deadline - now, 0.1);
    const timespec limit{static_cast<time_t>(wait), static_cast<long>(std::fmod(wait, 1.0) * 1e9)};
    ppoll(waits.data(), waits.size(), &limit, nullptr);
  }
}

void Session::execute() {
  std::size_t index = 0;
  for (const json& command : plan_.at("commands")) {
    phase("command " + std::to_string(index));
    Process& process = spawn("exec", command.get<Words>(), {});
    const double limit = uptime_seconds() + plan_.at("command_timeout_s").get<double>();
    const bool ended = pump(limit, [&] { return !process.open() && process.exit_code().has_value(); });
    if (!ended) process.signal(SIGKILL);
    channel_.send({{"guest", "exit"},
                   {"command", index},
                   {"code", ended ? *process.exit_code() : 124},
                   {"timed_out", !ended}});
    children_.clear();
    ++index;
  }
}

bool Session::start_workload() {
  phase("workload starts");
  ProcessSettings settings;
  settings.cpus = plan_.at("cpus").get<std::vector<int>>();
  if (const json& rival = plan_.at("rival"); rival.at("tool") == "interleave") {
    settings.interleave = rival.at("slow_nodes").get<std::vector<unsigned>>();
    settings.interleave.push_back(rival.at("fast_node").get<unsigned>());
  }
  workload_ = &spawn("workload", plan_.at("command").get<Words>(), settings);
  if (!plan_.at("prepare").empty()) spawn("prepare", plan_.at("prepare").get<Words>(), {});
  const double limit = uptime_seconds() + plan_.at("ready_timeout_s").get<double>();
  pump(limit, [&] { return ready_ || workload_->exit_code().has_value(); });
  if (ready_) return true;
  if (workload_->exit_code())
    error("the workload ended with code " + std::to_string(*workload_->exit_code()) +
          " before its ready line");
  else
    error("the workload did not print its ready line '" + plan_.at("ready").get<std::string>() + "' within " +
          std::to_string(plan_.at("ready_timeout_s").get<int>()) + " guest seconds");
  return false;
}

bool Session::start_tool() {
  const json& rival = plan_.at("rival");
  if (rival.at("tool") != "tierd") return true;
  phase("tierd starts");
  tool_ = &spawn("tierd", rival.at("tierd_command").get<Words>(), {});
  pump(uptime_seconds() + kSettle, [this] { return tool_->exit_code().has_value(); });
  if (!tool_->exit_code()) return true;
  error("tierd ended at once with code " + std::to_string(*tool_->exit_code()));
  return false;
}

void Session::measure() {
  const bool before = plan_.at("rival").at("tierd_start") == "before";
  if (before && !start_tool()) return;
  if (!start_workload()) return;
  pump(uptime_seconds() + kSettle, [] { return false; });
  if (!before && !start_tool()) return;
  tool_threads_ = kernel_threads({"kdamond", "kswapd", "khugepaged", "kcompactd"});
  count_periods();
  collect();
  finish_tool();
  workload_->signal(SIGTERM);
}

void Session::count_periods() {
  const double period = plan_.at("period_s").get<double>();
  const std::size_t periods = plan_.at("periods").get<std::size_t>();
  phase("hot phase");
  send_tick(0);
  // Workloads that wait for the signal begin their hot phase now; others ignore it. A driver is the hot
  // phase.
  workload_->signal(SIGUSR1);
  if (!plan_.at("driver").empty()) spawn("driver", plan_.at("driver").get<Words>(), {});
  const double start = uptime_seconds();
  Channel::mark_start();
  for (std::size_t index = 1; index <= periods; ++index) {
    pump(start + period * static_cast<double>(index), [] { return false; });
    Channel::mark_period();
    send_tick(index);
  }
  Channel::mark_stop();
  phase("counting ends");
}

void Session::send_tick(std::size_t index) {
  json tick = {{"guest", "tick"},
               {"index", index},
               {"uptime", uptime_seconds()},
               {"free_kib", node_free_kib()},
               {"vmstat", migration_counters()},
               {"damos", damos_moved()},
               {"progress", progress_},
               {"workload_cpu", family_cpu_seconds(workload_->pid())}};
  double kernel_cpu = 0;
  for (int thread : tool_threads_) kernel_cpu += process_cpu_seconds(thread);
  tick["kernel_threads_cpu"] = kernel_cpu;
  tick["tool_cpu"] = tool_ != nullptr ? family_cpu_seconds(tool_->pid()) : 0.0;
  tick["tool_rss_kib"] = 0;
  if (tool_ != nullptr) {
    const std::string status = read_text("/proc/" + std::to_string(tool_->pid()) + "/status");
    const std::size_t at = status.find("VmRSS:");
    if (at != std::string::npos) tick["tool_rss_kib"] = std::atoll(status.c_str() + at + 6);
  }
  json maps = process_maps(workload_->pid());
  if (maps != last_maps_ && !maps.empty()) tick["maps"] = last_maps_ = std::move(maps);
  if (index == 0 || index == plan_.at("periods").get<std::size_t>())
    tick["resident_kib"] = process_node_kib(workload_->pid());
  channel_.send(tick);
}

void Session::collect() {
  for (const json& command : plan_.at("collect")) {
    phase("collecting");
    std::string text;
    Process process(command.get<Words>(), {}, [&](const std::string& line) { text += line + "\n"; });
    pump(uptime_seconds() + kCollectLimit, [&] {
      process.drain();
      return !process.open() && process.exit_code().has_value();
    });
    process.signal(SIGKILL);
    channel_.send({{"guest", "collected"},
                   {"command", command},
                   {"code", process.exit_code().value_or(124)},
                   {"text", text}});
  }
}

void Session::finish_tool() {
  if (tool_ == nullptr) return;
  if (const auto code = tool_->exit_code()) {
    error("tierd ended during the run with code " + std::to_string(*code));
    return;
  }
  const double start = uptime_seconds();
  tool_->signal(SIGTERM);
  const bool ended = pump(start + kPromised * 10, [&] { return tool_->exit_code().has_value(); });
  channel_.send({{"guest", "tool_stop"},
                 {"seconds", uptime_seconds() - start},
                 {"code", ended ? *tool_->exit_code() : -1}});
  if (!ended) tool_->signal(SIGKILL);
}

}  // namespace tier::lab
