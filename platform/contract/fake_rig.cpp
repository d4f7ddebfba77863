#include "platform/contract/rig.h"
#include "platform/fake/fake_machine.h"

namespace tier {
namespace {

constexpr Address kStart = 0x7f0000000000;

class FakeProgram final : public Program {
 public:
  FakeProgram(FakeMachine& machine, int pid, const ProgramOptions& options)
      : machine_(machine), pid_{pid}, range_{kStart, kStart + options.size.value} {
    machine.spawn({.pid = pid, .start_time = static_cast<std::uint64_t>(pid), .cgroup = "/test"});
    machine.map(pid_, {.start = kStart,
                       .size = options.size,
                       .node = options.size > machine.free_on(NodeId{0}) ? 1 : 0,
                       .huge = options.huge,
                       .mlocked = options.mlocked,
                       .own_policy = options.own_policy});
    machine.place(pid_, {kStart + options.touched.value, range_.end}, -1);
  }
  // Half of a pair that shares memory; `at_end`: it touches the end.
  FakeProgram(FakeMachine& machine, int pid, const ProgramOptions& options, std::uint64_t object, bool at_end)
      : machine_(machine), pid_{pid}, range_{kStart, kStart + options.size.value} {
    machine.spawn({.pid = pid, .start_time = static_cast<std::uint64_t>(pid), .cgroup = "/test"});
    machine.map(
        pid_,
        {.start = kStart, .size = options.size, .node = -1, .backing = Backing::kShared, .object = object});
    const Address first = at_end ? range_.end - options.touched.value : kStart;
    machine.use(pid_, {first, first + options.touched.value}, 0);
  }
  ~FakeProgram() override { machine_.exit(pid_); }
  Pid pid() const override { return pid_; }
  AddressRange range() const override { return range_; }
  void grow() override { machine_.map(pid_, {.start = 2 * kStart, .size = 32_MiB}); }
  void replace() override {
    machine_.exec(pid_, {.name = "another", .mappings = {{.start = kStart, .size = 4_MiB}}});
  }
  void end() override { machine_.exit(pid_); }
  void pin_some() override {
    for (Address page = 0; page < 1024; page += 64) {
      const Address at = range_.start + page * 4096;
      machine_.fail_migration(pid_, {at, at + 4096});
    }
  }
  bool get_marked() override {
    machine_.mark(pid_, range_);
    return true;
  }

 private:
  FakeMachine& machine_;
  Pid pid_;
  AddressRange range_;
};

class FakeRig final : public Rig {
 public:
  FakeRig()
      : machine_({.nodes = {{.id = 0, .capacity = 256_MiB, .distances = {10, 20}},
                            {.id = 1, .has_cpus = false, .distances = {20, 10}}}}) {
    machine_.set_usage({std::chrono::milliseconds(1), 1_MiB});
    machine_.set_pressure(0.5);
    machine_.set_rivals({{"numad", "stop it"}});
  }
  ProcessTable& processes() override { return machine_; }
  PageLocator& locator() override { return machine_; }
  PageMover& mover() override { return machine_; }
  MarkedPages& marked() override { return machine_; }
  TopologyReader& topology() override { return machine_; }
  LatencyProbe& latency() override { return machine_; }
  MetricReader& metrics() override { return machine_; }
  PressureReader& pressure() override { return machine_; }
  SelfMeter& self() override { return machine_; }
  RivalFinder& rivals() override { return machine_; }
  std::unique_ptr<Program> start(ProgramOptions options) override {
    return std::make_unique<FakeProgram>(machine_, ++last_pid_, options);
  }
  std::pair<std::unique_ptr<Program>, std::unique_ptr<Program>> start_pair(ProgramOptions options) override {
    const auto object = static_cast<std::uint64_t>(last_pid_) + 1;
    auto first = std::make_unique<FakeProgram>(machine_, ++last_pid_, options, object, false);
    auto second = std::make_unique<FakeProgram>(machine_, ++last_pid_, options, object, true);
    return {std::move(first), std::move(second)};
  }

 private:
  FakeMachine machine_;
  int last_pid_ = 100;
};

}  // namespace

std::unique_ptr<Rig> fake_rig() { return std::make_unique<FakeRig>(); }

}  // namespace tier
