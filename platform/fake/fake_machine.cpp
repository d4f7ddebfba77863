#include "platform/fake/fake_machine.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/fake/fake_state.h"

namespace tier {
namespace {

using fake::Area;
using fake::consume;
using fake::kEvicted;
using fake::kNotMapped;
using fake::Process;

Error no_such_process(Pid pid) {
  return {ErrorKind::kFailed, "process " + std::to_string(pid.value) + " does not exist", ""};
}

class FakeHandle final : public ProcessHandle {
 public:
  explicit FakeHandle(std::function<bool()> alive) : alive_(std::move(alive)) {}
  bool alive() const override { return alive_(); }

 private:
  std::function<bool()> alive_;
};

}  // namespace

FakeMachine::FakeMachine(const FakeSpec& spec) : state_(std::make_shared<State>()) {
  state_->page_size = spec.page_size;
  state_->huge_page = spec.huge_page;
  for (const FakeNode& node : spec.nodes) state_->nodes[node.id] = node;
  for (const FakeProcess& process : spec.processes) spawn(process);
}

FakeMachine::~FakeMachine() = default;

void FakeMachine::spawn(const FakeProcess& process) {
  std::lock_guard lock(state_->mutex);
  Process& slot = state_->processes[process.pid];
  state_->release(slot);
  slot = Process{};
  state_->fill(slot, process);
}

void FakeMachine::exit(Pid pid) {
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) {
    state_->release(*process);
    state_->processes.erase(pid.value);
  }
}

void FakeMachine::exec(Pid pid, const FakeProcess& image) {
  std::lock_guard lock(state_->mutex);
  Process* process = state_->process(pid);
  if (process == nullptr) return;
  state_->release(*process);
  FakeProcess facts = image;
  facts.pid = pid.value;
  facts.start_time = process->facts.start_time;
  state_->fill(*process, facts);
}

void FakeMachine::map(Pid pid, const FakeMapping& mapping) {
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) state_->add_area(*process, mapping);
}

void FakeMachine::unmap(Pid pid, AddressRange range) {
  place(pid, range, kNotMapped);
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) ++process->version;
}

void FakeMachine::place(Pid pid, AddressRange range, int node) {
  std::lock_guard lock(state_->mutex);
  Process* process = state_->process(pid);
  if (process == nullptr) return;
  for (Area& area : process->areas)
    for (std::size_t i = 0; i < area.node.size(); ++i) {
      const Address page = area.mapping.start + i * state_->page_size.value;
      if (range.contains(page) && area.node[i] != kNotMapped) state_->set_node_at(area, i, node);
    }
}

void FakeMachine::set_online(NodeId node, bool online) {
  std::lock_guard lock(state_->mutex);
  state_->nodes[node.value].online = online;
}

void FakeMachine::set_latency(NodeId node, Nanoseconds latency) {
  std::lock_guard lock(state_->mutex);
  state_->nodes[node.value].latency_ns = static_cast<int>(latency.count());
}

void FakeMachine::set_reserved(NodeId node, Bytes bytes) {
  std::lock_guard lock(state_->mutex);
  state_->reserved[node.value] = bytes;
}

void FakeMachine::set_pressure(std::optional<double> percent, std::optional<double> full) {
  std::lock_guard lock(state_->mutex);
  state_->pressure = percent, state_->pressure_full = full;
}

void FakeMachine::set_readings(MachineReadings readings) {
  std::lock_guard lock(state_->mutex);
  state_->readings = std::move(readings);
}

void FakeMachine::set_usage(SelfUsage usage) {
  std::lock_guard lock(state_->mutex);
  state_->usage = usage;
}

void FakeMachine::set_thread_step(Nanoseconds step) {
  std::lock_guard lock(state_->mutex);
  state_->thread_step = step;
}

void FakeMachine::set_rivals(std::vector<Rival> rivals) {
  std::lock_guard lock(state_->mutex);
  state_->rivals = std::move(rivals);
}

void FakeMachine::hide_mappings(Pid pid, bool hidden) {
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) process->hidden = hidden;
}

void FakeMachine::forbid_move_all(bool forbidden) {
  std::lock_guard lock(state_->mutex);
  state_->move_all_forbidden = forbidden;
}

void FakeMachine::deny(Pid pid, bool denied) {
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) process->denied = denied;
}

void FakeMachine::refuse_pages(Pid pid, AddressRange range, int error_number, int times) {
  std::lock_guard lock(state_->mutex);
  state_->troubles.push_back({pid, range, error_number, times});
}

void FakeMachine::fail_migration(Pid pid, AddressRange range, int times) {
  std::lock_guard lock(state_->mutex);
  state_->troubles.push_back({pid, range, 0, times});
}

void FakeMachine::fail_calls(int error_number, int times) {
  std::lock_guard lock(state_->mutex);
  state_->call_error = error_number;
  state_->call_error_times = times;
}

void FakeMachine::on_move(std::function<void()> hook) {
  std::lock_guard lock(state_->mutex);
  state_->hook = std::move(hook);
}

void FakeMachine::charge_moves(ManualClock* clock, Nanoseconds fixed, double seconds_per_byte) {
  std::lock_guard lock(state_->mutex);
  state_->clock = clock;
  state_->fixed = fixed;
  state_->seconds_per_byte = seconds_per_byte;
}

std::optional<NodeId> FakeMachine::node_of(Pid pid, Address address) const {
  std::lock_guard lock(state_->mutex);
  Process* process = state_->process(pid);
  if (process == nullptr) return std::nullopt;
  const auto [area, index] = state_->find(*process, address);  // also where it is marked
  const int node = area == nullptr ? kEvicted : state_->node_at(*area, index);
  return node < 0 ? std::nullopt : std::optional(NodeId{node});
}

Bytes FakeMachine::resident_on(Pid pid, NodeId node) const {
  std::lock_guard lock(state_->mutex);
  Bytes total;
  if (Process* process = state_->process(pid))
    for (const Area& area : process->areas)
      for (std::size_t i = 0; i < area.node.size(); ++i)
        if (state_->node_at(area, i) == node.value) total += state_->page_size;
  return total;
}

Bytes FakeMachine::free_on(NodeId node) const {
  std::lock_guard lock(state_->mutex);
  const auto pages = std::max<std::int64_t>(0, state_->free_pages(node.value));
  return {static_cast<std::uint64_t>(pages) * state_->page_size.value};
}

std::uint64_t FakeMachine::move_calls() const {
  std::lock_guard lock(state_->mutex);
  return state_->move_calls;
}

std::uint64_t FakeMachine::addresses_passed() const {
  std::lock_guard lock(state_->mutex);
  return state_->addresses_passed;
}

Result<std::vector<Pid>> FakeMachine::list() const {
  std::lock_guard lock(state_->mutex);
  std::vector<Pid> pids;
  for (const auto& [pid, process] : state_->processes) pids.push_back({pid});
  return pids;
}

void FakeMachine::use_cpu(Pid pid, Nanoseconds user_time) {
  std::lock_guard lock(state_->mutex);
  if (Process* process = state_->process(pid)) process->facts.user_time += user_time;
}

Result<Target> FakeMachine::describe(Pid pid) const {
  std::lock_guard lock(state_->mutex);
  const Process* process = state_->process(pid);
  if (process == nullptr) return tl::make_unexpected(no_such_process(pid));
  if (process->denied) return fail(ErrorKind::kPermission, "process may not be read", "run tierd as root");
  Target target;
  target.pid = pid;
  target.start_time = process->facts.start_time;
  target.name = process->facts.name;
  target.cgroup = process->facts.cgroup;
  target.uid = process->facts.uid;
  target.user_time = process->facts.user_time;
  target.program = process->generation;
  for (const Area& area : process->areas)
    for (const int page : area.node)
      if (page >= 0) target.resident += state_->page_size;
  for (const int node : process->facts.allowed_nodes) target.allowed_nodes.push_back({node});
  if (target.allowed_nodes.empty())
    for (const auto& [id, node] : state_->nodes) target.allowed_nodes.push_back({id});
  return target;
}

Result<std::vector<Pid>> FakeMachine::in_cgroup(const std::string& path) const {
  std::lock_guard lock(state_->mutex);
  std::vector<Pid> pids;
  const std::string below = path.ends_with('/') ? path : path + "/";
  for (const auto& [pid, process] : state_->processes)
    if (process.facts.cgroup == path || process.facts.cgroup.starts_with(below)) pids.push_back({pid});
  if (pids.empty() && path != "/")
    return fail(ErrorKind::kFailed, "cgroup " + path + " does not exist",
                "check the path below /sys/fs/cgroup");
  return pids;
}

Result<std::vector<Mapping>> FakeMachine::mappings(Pid pid) const {
  std::lock_guard lock(state_->mutex);
  const Process* process = state_->process(pid);
  if (process == nullptr) return tl::make_unexpected(no_such_process(pid));
  if (process->denied || process->hidden)
    return fail(ErrorKind::kPermission, "/proc/" + std::to_string(pid.value) + "/maps may not be read",
                "run tierd as root");
  std::vector<Mapping> found;
  const std::uint64_t page = state_->page_size.value;
  for (const Area& area : process->areas) {
    for (std::size_t i = 0; i < area.node.size();) {
      std::size_t end = i;
      while (end < area.node.size() && area.node[end] != kNotMapped) ++end;
      if (end > i) {
        Mapping mapping;
        mapping.range = {area.mapping.start + i * page, area.mapping.start + end * page};
        mapping.readable = mapping.writable = true;
        mapping.backing = area.mapping.backing;
        mapping.shared = area.mapping.backing == Backing::kShared || area.shows_object();
        if (area.shows_object()) {
          mapping.object = MemoryObject{1, area.mapping.object};
          mapping.offset = area.mapping.offset + i * page;
        }
        mapping.mlocked = area.mapping.mlocked;
        mapping.own_policy = area.mapping.own_policy;
        mapping.name = area.mapping.name;
        found.push_back(mapping);
      }
      i = end + 1;
    }
  }
  return found;
}

std::uint64_t FakeMachine::mappings_version(Pid pid) const {
  std::lock_guard lock(state_->mutex);
  const Process* process = state_->process(pid);
  return process == nullptr ? 0 : (process->generation << 32) + process->version;
}

Result<std::unique_ptr<ProcessHandle>> FakeMachine::open(Pid pid, std::uint64_t start_time) const {
  std::lock_guard lock(state_->mutex);
  const Process* process = state_->process(pid);
  if (process == nullptr) return tl::make_unexpected(no_such_process(pid));
  if (process->denied) return fail(ErrorKind::kPermission, "process may not be opened", "run tierd as root");
  if (process->facts.start_time != start_time)
    return fail(ErrorKind::kFailed, "pid " + std::to_string(pid.value) + " now belongs to another process");
  return std::make_unique<FakeHandle>([state = state_, pid, generation = process->generation] {
    std::lock_guard inner(state->mutex);
    const Process* now = state->process(pid);
    return now != nullptr && now->generation == generation;
  });
}

Bytes FakeMachine::base_page_size() const { return state_->page_size; }

PageCall FakeMachine::locate(Pid pid, std::span<const Address> pages) const {
  std::lock_guard lock(state_->mutex);
  Process* process = state_->process(pid);
  if (process == nullptr) return {-1, ESRCH, {}};
  if (process->denied) return {-1, EPERM, {}};
  PageCall call;
  for (const Address page : pages) call.status.push_back(state_->status_of(*process, page));
  return call;
}

PageCall FakeMachine::move(Pid pid, std::span<const Address> pages, NodeId to, PageSharing sharing) {
  std::function<void()> hook;
  {
    std::lock_guard lock(state_->mutex);
    ++state_->move_calls;
    state_->addresses_passed += pages.size();
    hook = state_->hook;
  }
  if (hook) hook();
  std::lock_guard lock(state_->mutex);
  if (state_->call_error_times != 0 && consume(state_->call_error_times))
    return {-1, state_->call_error, std::vector<int>(pages.size(), kStatusUnknown)};
  Process* process = state_->process(pid);
  const auto failed = [&](int error_number) {
    return PageCall{-1, error_number, std::vector<int>(pages.size(), kStatusUnknown)};
  };
  if (process == nullptr) return failed(ESRCH);
  if (process->denied) return failed(EPERM);
  const auto node = state_->nodes.find(to.value);
  if (node == state_->nodes.end() || !node->second.online) return failed(ENODEV);
  const std::vector<int>& allowed = process->facts.allowed_nodes;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), to.value) == allowed.end())
    return failed(EACCES);
  std::uint64_t moved = 0;
  PageCall call = state_->move_pages(pid, *process, pages, to.value, sharing, moved);
  if (state_->clock != nullptr) {
    const double bytes = static_cast<double>(moved * state_->page_size.value);
    state_->clock->advance(state_->fixed +
                           Nanoseconds{static_cast<std::int64_t>(bytes * state_->seconds_per_byte * 1e9)});
  }
  return call;
}

Result<std::vector<NumaNode>> FakeMachine::nodes() const {
  std::lock_guard lock(state_->mutex);
  std::vector<NumaNode> found;
  for (const auto& [id, fake] : state_->nodes) {
    NumaNode node;
    node.id = {id};
    node.online = fake.online;
    node.has_cpus = fake.has_cpus;
    node.total = fake.capacity;
    const auto pages = std::max<std::int64_t>(0, state_->free_pages(id));
    node.free = {static_cast<std::uint64_t>(pages) * state_->page_size.value};
    node.distances = fake.distances;
    node.read_bandwidth = fake.bandwidth;
    if (fake.latency_ns) {
      node.read_latency = std::chrono::nanoseconds(*fake.latency_ns);
      node.latency_source = FactSource::kFirmware;
    }
    found.push_back(node);
  }
  return found;
}

Result<Nanoseconds> FakeMachine::measure(NodeId node) {
  std::lock_guard lock(state_->mutex);
  const auto it = state_->nodes.find(node.value);
  if (it == state_->nodes.end() || !it->second.online || !it->second.latency_ns)
    return fail(ErrorKind::kFailed, "node " + std::to_string(node.value) + " is offline");
  state_->probe_cost += std::chrono::microseconds(100);
  return Nanoseconds{*it->second.latency_ns};
}

Nanoseconds FakeMachine::cost() const {
  std::lock_guard lock(state_->mutex);
  return state_->probe_cost;
}

std::optional<double> FakeMachine::cpu_some_avg10() const { return memory_avg10().some; }

MemoryPressure FakeMachine::memory_avg10() const {
  std::lock_guard lock(state_->mutex);
  return {state_->pressure, state_->pressure_full};
}

MachineReadings FakeMachine::read() {
  std::lock_guard lock(state_->mutex);
  if (std::exchange(state_->readings_seen, true)) return state_->readings;
  MachineReadings first;
  first.temperature = state_->readings.temperature;
  return first;
}

SelfUsage FakeMachine::usage() const {
  std::lock_guard lock(state_->mutex);
  return state_->usage;
}

Nanoseconds FakeMachine::thread_cpu() const {
  std::lock_guard lock(state_->mutex);
  return state_->thread_cpu += state_->thread_step;
}

std::vector<Rival> FakeMachine::find() const {
  std::lock_guard lock(state_->mutex);
  return state_->rivals;
}

}  // namespace tier
