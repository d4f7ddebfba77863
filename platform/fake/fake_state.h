// The fake machine's insides, shared by its two source files and by nobody else.
#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "platform/fake/fake_machine.h"

namespace tier {
namespace fake {

constexpr int kEvicted = -1;    // mapped, not resident
constexpr int kNotMapped = -2;  // unmapped since
constexpr int kCached = -3;     // as evicted, but what it held is in memory

constexpr int kTouched = 0;  // of an object's page: in this process's page table

struct Area {
  FakeMapping mapping;
  // Per page: a node, kEvicted or kNotMapped. Of an object's pages, whose nodes all who map it share:
  // kTouched, kEvicted or kNotMapped.
  std::vector<int> node;
  std::vector<char> marked;  // per page, 1: NUMA balancing has marked it

  bool shows_object() const { return mapping.object != 0; }
};

// Memory that several areas show.
struct Object {
  std::map<std::uint64_t, int> node;       // by page number: a node; the others are not resident
  std::map<std::uint64_t, int> map_count;  // areas whose page tables hold the page
};

struct Process {
  FakeProcess facts;
  std::uint64_t generation = 0;  // of the address space
  std::uint64_t version = 1;     // of the mappings
  bool denied = false;
  bool hidden = false;      // its mappings alone
  bool unreadable = false;  // its memory alone
  std::vector<Area> areas;
};

struct Trouble {
  Pid pid;
  AddressRange range;
  int error_number = 0;  // 0: isolates, then fails to migrate
  int times = -1;
};

// Takes one from a count of repetitions; negative counts last for ever.
inline bool consume(int& times) {
  if (times == 0) return false;
  if (times > 0) --times;
  return true;
}

}  // namespace fake

struct FakeMachine::State {
  using Area = fake::Area;
  using Object = fake::Object;
  using Process = fake::Process;
  using Trouble = fake::Trouble;
  static constexpr int kEvicted = fake::kEvicted, kNotMapped = fake::kNotMapped;

  mutable std::mutex mutex;
  Bytes page_size, huge_page;
  std::map<int, FakeNode> nodes;
  std::map<int, Bytes> reserved;
  std::map<int, std::int64_t> used_pages;
  std::map<int, Process> processes;
  std::map<std::uint64_t, Object> objects;
  bool move_all_forbidden = false;
  std::uint64_t generations = 0;
  std::vector<Trouble> troubles;
  int call_error = 0, call_error_times = 0;
  std::function<void()> hook;
  ManualClock* clock = nullptr;
  Nanoseconds fixed{};
  double seconds_per_byte = 0;
  std::uint64_t move_calls = 0, addresses_passed = 0;
  std::optional<double> pressure, pressure_full;
  MachineReadings readings;
  bool readings_seen = false;
  SelfUsage usage;
  Nanoseconds thread_cpu = std::chrono::milliseconds(1), thread_step{};
  std::vector<Rival> rivals;
  Nanoseconds probe_cost{};
  bool marks = false;                                            // something was ever marked
  std::uint64_t marked_reads = 0;                                // pages that unmark() was told
  std::map<std::pair<int, std::uint64_t>, std::uint64_t> pools;  // free pages by node and size

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

  std::uint64_t object_page(const Area& area, std::size_t index) const {
    return area.mapping.offset / page_size.value + index;
  }

  // Where a page is: a node, kEvicted (also where this process has not touched an object's page) or
  // kNotMapped.
  int node_at(const Area& area, std::size_t index) const {
    if (!area.shows_object() || area.node[index] < 0) return area.node[index];
    const auto& pages = objects.at(area.mapping.object).node;
    const auto it = pages.find(object_page(area, index));
    return it == pages.end() ? kEvicted : it->second;
  }

  // Puts a page on a node; of an object's page also into this process's page table, or with kEvicted and
  // kNotMapped out of it alone: the object keeps the page.
  void set_node_at(Area& area, std::size_t index, int node) {
    if (!area.shows_object()) return set_node(area.node[index], node);
    Object& object = objects[area.mapping.object];
    const std::uint64_t page = object_page(area, index);
    const bool was_touched = area.node[index] >= 0, touched = node >= 0;
    object.map_count[page] += static_cast<int>(touched) - static_cast<int>(was_touched);
    area.node[index] = touched ? fake::kTouched : node;
    if (touched) set_node(object.node.try_emplace(page, kEvicted).first->second, node);
  }

  // A process reads a page. What is resident already stays where it is.
  void touch(Area& area, std::size_t index, int node) {
    int target = node;
    if (area.shows_object()) {
      const auto& pages = objects[area.mapping.object].node;
      const auto it = pages.find(object_page(area, index));
      if (it != pages.end() && it->second >= 0) target = it->second;
    }
    set_node_at(area, index, target);
  }

  void add_area(Process& process, const FakeMapping& mapping) {
    Area area;
    area.mapping = mapping;
    area.node.assign((mapping.size.value + page_size.value - 1) / page_size.value, kEvicted);
    area.marked.assign(area.node.size(), 0);
    if (area.shows_object()) objects.try_emplace(mapping.object);
    for (std::size_t i = 0; mapping.node >= 0 && i < area.node.size(); ++i) touch(area, i, mapping.node);
    process.areas.push_back(std::move(area));
    std::sort(process.areas.begin(), process.areas.end(),
              [](const Area& a, const Area& b) { return a.mapping.start < b.mapping.start; });
    ++process.version;
  }

  // An object's memory is freed with the last area that shows it.
  void release(Process& process) {
    for (Area& area : process.areas)
      for (std::size_t i = 0; i < area.node.size(); ++i) set_node_at(area, i, kNotMapped);
    process.areas.clear();
    for (auto it = objects.begin(); it != objects.end();) {
      if (shown(it->first)) {
        ++it;
        continue;
      }
      for (auto& [page, node] : it->second.node) set_node(node, kEvicted);
      it = objects.erase(it);
    }
  }

  bool shown(std::uint64_t object) const {
    for (const auto& [pid, process] : processes)
      for (const Area& area : process.areas)
        if (area.mapping.object == object) return true;
    return false;
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
    const int node = node_at(*area, index);
    if (node >= 0 && area->marked[index] != 0) return area->mapping.huge ? -EFAULT : -ENOENT;
    return node < 0 ? -ENOENT : node;
  }

  bool mapped_by_others(const Area& area, std::size_t index) const {
    if (!area.shows_object()) return false;
    const auto& counts = objects.at(area.mapping.object).map_count;
    const auto it = counts.find(object_page(area, index));
    return it != counts.end() && it->second > 1;
  }

  // The pages that move together with one.
  std::pair<std::size_t, std::size_t> unit(const Area& area, std::size_t index) const {
    const Bytes piece = area.mapping.pooled.value > 0 ? area.mapping.pooled
                        : area.mapping.huge           ? huge_page
                                                      : page_size;
    const std::uint64_t per_huge = piece.value / page_size.value;
    if (per_huge == 1) return {index, index + 1};
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

  // move_pages(2) as the kernel does it; `moved` grows by the pages that changed their node.
  PageCall move_pages(Pid pid, Process& process, std::span<const Address> pages, int to, PageSharing sharing,
                      std::uint64_t& moved);

 private:
  class MoveCall;
};

}  // namespace tier
