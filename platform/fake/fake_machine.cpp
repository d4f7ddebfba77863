#include "platform/fake/fake_machine.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

namespace tier {
namespace {

constexpr int kEvicted = -1;    // mapped, not resident
constexpr int kNotMapped = -2;  // unmapped since

struct Area {
  FakeMapping mapping;
  std::vector<int> node;  // per page: a node, kEvicted or kNotMapped
};

struct Process {
  FakeProcess facts;
  std::uint64_t generation = 0;  // of the address space
  std::uint64_t version = 1;     // of the mappings
  bool denied = false;
  std::vector<Area> areas;
};

struct Trouble {
  Pid pid;
  AddressRange range;
  int error_number = 0;  // 0: isolates, then fails to migrate
  int times = -1;
};

Error no_such_process(Pid pid) {
  return {ErrorKind::kFailed, "process " + std::to_string(pid.value) + " does not exist", ""};
}

// Takes one from a count of repetitions; negative counts last for ever.
bool consume(int& times) {
  if (times == 0) return false;
  if (times > 0) --times;
  return true;
}

}  // namespace

struct FakeMachine::State {
  mutable std::mutex mutex;
  Bytes page_size, huge_page;
  std::map<int, FakeNode> nodes;
  std::map<int, Bytes> reserved;
  std::map<int, std::int64_t> used_pages;
  std::map<int, Process> processes;
  std::uint64_t generations = 0;
  std::vector<Trouble> troubles;
  int call_error = 0, call_error_times = 0;
  std::function<void()> hook;
  ManualClock* clock = nullptr;
  Nanoseconds fixed{};
  double seconds_per_byte = 0;
  std::uint64_t move_calls = 0, addresses_passed = 0;
  std::optional<double> pressure;
  SelfUsage usage;
  std::vector<Rival> rivals;
  Nanoseconds probe_cost{};

  Address page_of(Address a) const { return a & ~(page_size.value - 1); }

  Process* process(Pid pid) {
    const auto it = processes.find(pid.value);
    return it == processes.end() ? nullptr : &it->second;
  }

  void set_node(int& page, int node) {
    if (page >= 0) --used_pages[page];
    page = node;
    if (page >= 0) ++used_pages[page];
  }

  std::int64_t free_pages(int node) const {
    const auto it = nodes.find(node);
    if (it == nodes.end() || !it->second.online) return 0;
    const auto held = reserved.find(node);
    const auto used = used_pages.find(node);
    const std::uint64_t reserved_bytes = held == reserved.end() ? 0 : held->second.value;
    const auto total = static_cast<std::int64_t>(it->second.capacity.value / page_size.value);
    return total - static_cast<std::int64_t>(reserved_bytes / page_size.value) -
           (used == used_pages.end() ? 0 : used->second);
  }

  void add_area(Process& process, const FakeMapping& mapping) {
    Area area;
    area.mapping = mapping;
    area.node.assign((mapping.size.value + page_size.value - 1) / page_size.value, kEvicted);
    for (int& page : area.node) set_node(page, mapping.node);
    process.areas.push_back(std::move(area));
    std::sort(process.areas.begin(), process.areas.end(),
              [](const Area& a, const Area& b) { return a.mapping.start < b.mapping.start; });
    ++process.version;
  }

  void release(Process& process) {
    for (Area& area : process.areas)
      for (int& page : area.node) set_node(page, kNotMapped);
    process.areas.clear();
  }

  void fill(Process& process, const FakeProcess& facts) {
    process.facts = facts;
    process.generation = ++generations;
    for (const FakeMapping& mapping : facts.mappings) add_area(process, mapping);
  }

  // The area and index of a page; null where nothing was ever mapped.
  std::pair<Area*, std::size_t> find(Process& process, Address address) const {
    for (Area& area : process.areas) {
      const std::uint64_t offset = page_of(address) - area.mapping.start;
      if (address >= area.mapping.start && offset / page_size.value < area.node.size())
        return {&area, offset / page_size.value};
    }
    return {nullptr, 0};
  }

  int status_of(Process& process, Address address) const {
    const auto [area, index] = find(process, address);
    if (area == nullptr || area->node[index] == kNotMapped) return -EFAULT;
    return area->node[index] == kEvicted ? -ENOENT : area->node[index];
  }

  // The pages that move together with one.
  std::pair<std::size_t, std::size_t> unit(const Area& area, std::size_t index) const {
    if (!area.mapping.huge) return {index, index + 1};
    const std::uint64_t per_huge = huge_page.value / page_size.value;
    const std::uint64_t shift = area.mapping.start / page_size.value % per_huge;
    const std::uint64_t first = (index + shift) / per_huge * per_huge;
    return {first > shift ? first - shift : 0,
            std::min<std::uint64_t>(area.node.size(), first + per_huge - shift)};
  }

  Trouble* trouble_at(Pid pid, Address address, bool at_migration) {
    for (Trouble& t : troubles)
      if (t.pid == pid && t.range.contains(address) && (t.error_number == 0) == at_migration && t.times != 0)
        return &t;
    return nullptr;
  }
};

namespace {

// One move_pages(2) call, step by step as the kernel does it (mm/migrate.c, do_pages_move): pages queue up
// until one cannot, then the queue migrates; the first queue that does not migrate fully ends the call, and
// what it left unsaid stays unsaid.
class MoveCall {
 public:
  template <typename State>
  static PageCall run(State& state, Process& process, Pid pid, std::span<const Address> pages, int to,
                      std::uint64_t& moved_pages) {
    PageCall call;
    call.status.assign(pages.size(), kStatusUnknown);
    std::vector<std::size_t> queue;  // indices into pages
    std::set<std::pair<const Area*, std::size_t>> isolated;
    const auto flush = [&]() -> bool {
      long refused = 0;
      bool full = false;
      for (const std::size_t i : queue) {
        auto [area, index] = state.find(process, pages[i]);
        const auto [first, last] = state.unit(*area, index);
        Trouble* trouble = state.trouble_at(pid, pages[i], true);
        if (trouble != nullptr && consume(trouble->times)) {
          ++refused;
          continue;
        }
        if (full || state.free_pages(to) < static_cast<std::int64_t>(last - first)) {
          full = true;
          continue;
        }
        for (std::size_t page = first; page < last; ++page)
          if (area->node[page] >= 0) state.set_node(area->node[page], to), ++moved_pages;
      }
      if (full) call.value = -1, call.error_number = ENOMEM;
      if (!full && refused > 0) call.value = refused;
      if (call.value == 0)
        for (const std::size_t i : queue) call.status[i] = to;
      queue.clear();
      isolated.clear();
      return call.value == 0;
    };
    for (std::size_t i = 0; i < pages.size(); ++i) {
      int status = state.status_of(process, pages[i]);
      if (status >= 0 && status != to) {
        auto [area, index] = state.find(process, pages[i]);
        Trouble* trouble = state.trouble_at(pid, pages[i], false);
        if (trouble != nullptr && consume(trouble->times)) {
          status = -trouble->error_number;
        } else if (isolated.insert({area, state.unit(*area, index).first}).second) {
          queue.push_back(i);
          continue;
        } else {
          status = -EBUSY;
        }
      }
      call.status[i] = status;
      if (!flush()) {
        if (call.value > 0) call.value += static_cast<long>(pages.size() - i - 1);
        return call;
      }
    }
    flush();
    return call;
  }
};

class FakeHandle final : public ProcessHandle {
 public:
  explicit FakeHandle(std::function<bool()> alive) : alive_(std::move(alive)) {}
  bool alive() const override { return alive_(); }

 private:
  std::function<bool()> alive_;
};

}  // namespace

FakeMachine::FakeMachine(FakeSpec spec) : state_(std::make_shared<State>()) {
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
      if (range.contains(page) && area.node[i] != kNotMapped) state_->set_node(area.node[i], node);
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

void FakeMachine::set_pressure(std::optional<double> percent) {
  std::lock_guard lock(state_->mutex);
  state_->pressure = percent;
}

void FakeMachine::set_usage(SelfUsage usage) {
  std::lock_guard lock(state_->mutex);
  state_->usage = usage;
}

void FakeMachine::set_rivals(std::vector<Rival> rivals) {
  std::lock_guard lock(state_->mutex);
  state_->rivals = std::move(rivals);
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
  const int status = process == nullptr ? -ESRCH : state_->status_of(*process, address);
  if (status < 0) return std::nullopt;
  return NodeId{status};
}

Bytes FakeMachine::resident_on(Pid pid, NodeId node) const {
  std::lock_guard lock(state_->mutex);
  Bytes total;
  if (Process* process = state_->process(pid))
    for (const Area& area : process->areas)
      for (const int page : area.node)
        if (page == node.value) total += state_->page_size;
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
  if (process->denied) return fail(ErrorKind::kPermission, "mappings may not be read", "run tierd as root");
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
        mapping.shared = area.mapping.backing == Backing::kShared;
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

PageCall FakeMachine::move(Pid pid, std::span<const Address> pages, NodeId to) {
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
  PageCall call = MoveCall::run(*state_, *process, pid, pages, to.value, moved);
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

std::optional<double> FakeMachine::memory_some_avg10() const {
  std::lock_guard lock(state_->mutex);
  return state_->pressure;
}

SelfUsage FakeMachine::usage() const {
  std::lock_guard lock(state_->mutex);
  return state_->usage;
}

std::vector<Rival> FakeMachine::find() const {
  std::lock_guard lock(state_->mutex);
  return state_->rivals;
}

}  // namespace tier
