// The machine's knobs, on files of the kernel's layout, and the fake ones, under the contract.
#include "platform/contract/knobs_rig.h"
#include "platform/fake/fake_knobs.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

struct FakeKnobRig final : KnobRig {
  FakeKnobRig() {
    fake.at(kContractRegister) = kContractRegisterValue;
    fake.at(kContractDisk) = kContractDiskValue, fake.at(kContractSwap) = kContractSwapValue;
  }
  Knobs& knobs() override { return fake; }
  FakeKnobs fake;
};

struct LinuxKnobRig final : KnobRig {
  LinuxKnobRig() {
    fs::create_directories(folder.path() / "cpu/2");
    std::ofstream(folder.path() / "cpu/2/msr") << "";
    EXPECT_TRUE(real.write(kContractRegister, kContractRegisterValue));
  }
  Knobs& knobs() override { return real; }

  KnobFolder folder;
  const std::string cpus = folder.path() / "cpu";
  LinuxKnobs real{folder.files(cpus)};
};

INSTANTIATE_TEST_SUITE_P(Fake, KnobsContract, ::testing::Values([]() -> std::unique_ptr<KnobRig> {
                           return std::make_unique<FakeKnobRig>();
                         }));
INSTANTIATE_TEST_SUITE_P(Linux, KnobsContract, ::testing::Values([]() -> std::unique_ptr<KnobRig> {
                           return std::make_unique<LinuxKnobRig>();
                         }));

TEST(LinuxKnobs, AFileThatHoldsNoNumberIsAnError) {
  LinuxKnobRig rig;
  for (const char* text :
       {"", "\n", "-1\n", "12 monkeys\n", "99999999999999999999999\n", "[always] never\n"}) {
    std::ofstream(rig.folder.swap()) << text;
    const auto value = rig.real.read(kContractSwap);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().kind, ErrorKind::kFailed) << text;
  }
}

}  // namespace
}  // namespace tier
