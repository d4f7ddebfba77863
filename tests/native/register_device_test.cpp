// Registers that behave, under the code that opens /dev/cpu/N/msr: the knobs' contract (its cases are in
// platform/contract/knobs_contract_test.cpp) and the guard. Needs root and FUSE.
#include "tests/native/register_device.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "platform/contract/knobs_rig.h"
#include "prefetch/guard/knob_guard.h"

namespace tier {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint32_t kCpus = 8, kAddress = 0x1A4, kNext = 0x1A5, kModuleAddress = 0x1320;
constexpr RegisterKind kCoreRegister{.address = kAddress, .sharers = 2};
constexpr std::uint64_t kFound = 0xABCD'0000'0000'0820, kNextFound = 0x1234'5678'9ABC'DEF0;

RegisterModel small_machine() {
  return RegisterModel(
      kCpus, {kCoreRegister, {.address = kNext, .sharers = 2}, {.address = kModuleAddress, .sharers = 4}});
}

struct DeviceKnobRig final : KnobRig {
  DeviceKnobRig() {
    model.poke(kContractRegister.unit, kContractRegister.index, kContractRegisterValue);
    if (device) real.emplace(folder.files(cpus));
  }
  Knobs& knobs() override { return *real; }
  std::string missing() const override { return device ? "" : device.error().text(); }

  KnobFolder folder;
  RegisterModel model = RegisterModel(kCpus, {kCoreRegister});
  Result<std::unique_ptr<RegisterDevice>> device = RegisterDevice::mount(model);
  const std::string cpus = device ? (*device)->path().string() : "";
  std::optional<LinuxKnobs> real;
};

INSTANTIATE_TEST_SUITE_P(Device, KnobsContract, ::testing::Values([]() -> std::unique_ptr<KnobRig> {
                           return std::make_unique<DeviceKnobRig>();
                         }));

class RegisterDeviceTest : public ::testing::Test {
 protected:
  RegisterDeviceTest() {
    fs::remove(journal_);
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu)
      model_.poke(cpu, kAddress, kFound), model_.poke(cpu, kNext, kNextFound);
  }
  ~RegisterDeviceTest() override { fs::remove(journal_); }
  void SetUp() override {
    if (!device_) GTEST_SKIP() << device_.error().text();
    cpus_ = (*device_)->path().string();
    knobs_.emplace(TierKnobFiles{cpus_.c_str(), "/nowhere", "/nowhere"});
  }
  std::unique_ptr<KnobGuard> guard() {
    auto journal = KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b'));
    EXPECT_TRUE(journal);
    auto made = std::make_unique<KnobGuard>(*knobs_, *std::move(journal), 10s);
    EXPECT_TRUE(made->begin(0s));
    return made;
  }
  static ControlledKnob core_of(std::uint32_t cpu) {
    return {{kTierKnobRegister, cpu, kAddress}, 0x2F, cpu + 1};
  }
  int open_cpu(std::uint32_t cpu) const {
    return open((cpus_ + "/" + std::to_string(cpu) + "/msr").c_str(), O_RDWR | O_CLOEXEC);
  }

  const fs::path journal_ = fs::temp_directory_path() / ("device-" + std::to_string(getpid()) + ".journal");
  RegisterModel model_ = small_machine();
  Result<std::unique_ptr<RegisterDevice>> device_ = RegisterDevice::mount(model_);
  std::string cpus_;
  std::optional<LinuxKnobs> knobs_;
};

TEST_F(RegisterDeviceTest, HasTheMannersOfTheKernels) {
  const int file = open_cpu(3);
  ASSERT_GE(file, 0);
  std::uint64_t value[2] = {};
  EXPECT_EQ(pread(file, value, 8, kAddress), 8);
  EXPECT_EQ(value[0], kFound);
  EXPECT_EQ(pread(file, value, 8, kNext), 8);
  EXPECT_EQ(value[0], kNextFound);
  for (const std::size_t bytes : {1U, 4U, 7U, 9U, 16U}) {
    EXPECT_EQ(pread(file, value, bytes, kAddress), -1) << bytes;
    EXPECT_EQ(errno, EINVAL) << bytes;
    EXPECT_EQ(pwrite(file, value, bytes, kAddress), -1) << bytes;
    EXPECT_EQ(errno, EINVAL) << bytes;
  }
  EXPECT_EQ(pread(file, value, 8, 0x999), -1);
  EXPECT_EQ(errno, EIO);
  model_.set_offline(3, ENXIO);
  EXPECT_EQ(pread(file, value, 8, kAddress), -1);
  EXPECT_EQ(errno, ENXIO);
  EXPECT_EQ(open_cpu(3), -1);
  EXPECT_EQ(errno, ENXIO);
  model_.set_offline(3, ENOENT);
  EXPECT_EQ(open_cpu(3), -1);
  EXPECT_EQ(errno, ENOENT);
  close(file);
}

TEST_F(RegisterDeviceTest, AScopeIsWrittenOnceAndItsNeighboursNever) {
  {
    const auto guard = this->guard();
    for (std::uint32_t cpu = 0; cpu < kCpus; cpu += 2) ASSERT_TRUE(guard->set(core_of(cpu), 0xF));
    for (std::uint32_t cpu = 0; cpu < kCpus; cpu += 4)
      ASSERT_TRUE(guard->set({{kTierKnobRegister, cpu, kModuleAddress}, 0xFF, cpu + 1}, 0x5A));
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      EXPECT_EQ(model_.peek(cpu, kAddress), (kFound & ~0x2FULL) | 0xF) << cpu;
      EXPECT_EQ(model_.peek(cpu, kModuleAddress), 0x5AU) << cpu;
    }
    EXPECT_EQ(model_.counts(kAddress).writes, kCpus / 2);
    EXPECT_EQ(model_.counts(kModuleAddress).writes, kCpus / 4);
  }
  for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    EXPECT_EQ(model_.peek(cpu, kAddress), kFound) << cpu;
    EXPECT_EQ(model_.peek(cpu, kNext), kNextFound) << cpu;
  }
  EXPECT_EQ(model_.counts(kAddress).writes, 2 * kCpus / 2);
  EXPECT_EQ(model_.counts(kNext).writes, 0U);
}

TEST_F(RegisterDeviceTest, BitsThatHardwareMovesMakeNoValueForeign) {
  RegisterKind moving = kCoreRegister;
  moving.moving = 0xFFFF'0000'0000'0000;
  model_.change(moving);
  const auto guard = this->guard();
  for (std::uint64_t turn = 0; turn < 16; ++turn) ASSERT_TRUE(guard->set(core_of(0), turn)) << turn;
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.foreign, 0U);
  EXPECT_EQ(report->summary.restored, 1U);
  EXPECT_EQ(model_.peek(0, kAddress), kFound & ~moving.moving);
}

TEST_F(RegisterDeviceTest, BitsThatDoNotTakeAreTakenBack) {
  RegisterKind stuck = kCoreRegister;
  stuck.stuck = 0x2;
  model_.change(stuck);
  const auto guard = this->guard();
  const auto refused = guard->set(core_of(0), 0xF);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(model_.peek(0, kAddress), kFound);
  EXPECT_EQ(model_.counts(kAddress).writes, 2U);
  EXPECT_FALSE(guard->set(core_of(0), 0x1).has_value());
  EXPECT_EQ(model_.counts(kAddress).writes, 2U);
}

// Killed in the write that takes back what took in part.
TEST_F(RegisterDeviceTest, AWriterKilledWhileItTakesBackIsPutBackByTheNext) {
  RegisterKind stuck = kCoreRegister;
  stuck.stuck = 0x2;
  model_.change(stuck);
  for (const KillMoment moment : {KillMoment::kBeforeStored, KillMoment::kAfterStored}) {
    fs::remove(journal_);
    model_.kill_writer_at(1, moment);
    const pid_t child = fork();
    if (child == 0) {
      (void)guard()->set(core_of(0), 0xF);
      std::_Exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    const bool taken_back = moment == KillMoment::kAfterStored;
    EXPECT_EQ(model_.peek(0, kAddress), taken_back ? kFound : (kFound & ~0x2FULL) | 0xD);
    guard();
    EXPECT_EQ(model_.peek(0, kAddress), kFound);
  }
}

TEST_F(RegisterDeviceTest, AWriteThatFailsLeavesTheRegisterAndIsNotTriedAgain) {
  RegisterKind faulty = kCoreRegister;
  faulty.faulty = true;
  const auto guard = this->guard();
  ASSERT_TRUE(guard->set(core_of(2), 0x3));
  model_.change(faulty);
  const auto refused = guard->set(core_of(0), 0xF);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(model_.peek(0, kAddress), kFound);
  const auto report = guard->restore();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->summary.failed, 1U) << "what was written before cannot be put back now";
  model_.change(kCoreRegister);
  ASSERT_TRUE(guard->restore());
  EXPECT_EQ(model_.peek(2, kAddress), kFound);
}

TEST_F(RegisterDeviceTest, ACpuThatIsGoneIsReachedThroughItsSibling) {
  for (const int gone : {ENOENT, ENXIO}) {
    {
      const auto guard = this->guard();
      ASSERT_TRUE(guard->set(core_of(4), 0xF));
      model_.set_offline(4, gone);
    }
    EXPECT_EQ(model_.peek(4, kAddress), kFound) << gone;
    model_.set_offline(4, 0);
  }
}

}  // namespace
}  // namespace tier
