#include "platform/linux/sampling/refusal.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <cerrno>

#include "platform/fake/tree.h"

namespace tier {
namespace {

constexpr std::uint64_t mask(std::initializer_list<int> capabilities) {
  std::uint64_t bits = 0;
  for (const int capability : capabilities) bits |= std::uint64_t{1} << static_cast<unsigned>(capability);
  return bits;
}

// As systemd/tierd.service grants them.
PermissionFacts under_the_unit(int paranoid) {
  PermissionFacts facts;
  facts.capabilities = mask({CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYS_NICE});
  facts.perf_event_paranoid = paranoid;
  return facts;
}

bool names(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

TEST(Refusal, DebiansLevelIsTheReasonWhereTheCapabilityIsHeld) {
  const Error error = perf_event_error(EACCES, under_the_unit(3));
  EXPECT_EQ(error.kind, ErrorKind::kPermission);
  EXPECT_TRUE(names(error.message, "kernel.perf_event_paranoid is 3")) << error.message;
  EXPECT_TRUE(names(error.fix, "tierctl enable perf-events")) << error.fix;
  EXPECT_TRUE(names(error.fix, "kernel.perf_event_paranoid=2")) << error.fix;
  EXPECT_FALSE(names(error.fix, "CAP_PERFMON")) << "it is held already: " << error.fix;
  EXPECT_FALSE(names(error.fix, "run as root")) << error.fix;
}

TEST(Refusal, BothAreNamedWhereBothAreMissing) {
  PermissionFacts facts = under_the_unit(3);
  facts.capabilities = 0;
  const Refusal refusal = why_perf_event_refused(facts);
  EXPECT_TRUE(names(refusal.fix, "sysctl kernel.perf_event_paranoid=2")) << refusal.fix;
  EXPECT_TRUE(names(refusal.fix, "grant CAP_PERFMON")) << refusal.fix;
}

TEST(Refusal, AMissingCapabilityIsNamed) {
  PermissionFacts facts = under_the_unit(2);
  facts.capabilities = mask({CAP_BPF});
  EXPECT_TRUE(names(why_perf_event_refused(facts).reason, "lacks CAP_PERFMON"));
  const auto bpf = why_bpf_refused(EPERM, facts);
  ASSERT_TRUE(bpf);
  EXPECT_TRUE(names(bpf->reason, "lacks CAP_PERFMON")) << bpf->reason;
  EXPECT_FALSE(names(bpf->reason, "CAP_BPF")) << bpf->reason;
  facts.capabilities = mask({CAP_PERFMON});
  EXPECT_TRUE(names(why_bpf_refused(EACCES, facts)->reason, "lacks CAP_BPF"));
  facts.capabilities = 0;
  EXPECT_TRUE(names(why_bpf_refused(EPERM, facts)->reason, "CAP_BPF and CAP_PERFMON"));
}

TEST(Refusal, AUserNamespaceMakesCapabilitiesWorthless) {
  PermissionFacts facts = under_the_unit(2);
  facts.initial_user_namespace = false;
  EXPECT_TRUE(names(why_perf_event_refused(facts).reason, "user namespace"));
  EXPECT_TRUE(names(why_bpf_refused(EPERM, facts)->reason, "user namespace"));
}

TEST(Refusal, LockdownIsToldWhateverTheErrno) {
  PermissionFacts facts = under_the_unit(2);
  facts.lockdown = "confidentiality";
  for (const int code : {EPERM, EACCES, EINVAL}) {
    const auto refusal = why_bpf_refused(code, facts);
    ASSERT_TRUE(refusal) << code;
    EXPECT_TRUE(names(refusal->reason, "lockdown=confidentiality"));
    EXPECT_TRUE(names(refusal->fix, "lockdown=integrity"));
  }
  facts.lockdown = "integrity";  // which forbids BPF to write, not to read
  EXPECT_FALSE(why_bpf_refused(EINVAL, facts));
}

TEST(Refusal, WithEveryCapabilityAFilterIsLeft) {
  EXPECT_TRUE(names(why_perf_event_refused(under_the_unit(2)).reason, "system call filter"));
  EXPECT_TRUE(names(why_bpf_refused(EPERM, under_the_unit(3))->reason, "system call filter"));
  PermissionFacts root = under_the_unit(3);
  root.capabilities = ~std::uint64_t{0};
  EXPECT_TRUE(names(why_perf_event_refused(root).reason, "system call filter"));
}

TEST(Refusal, WhatIsNoRefusalIsNotExplainedAsOne) {
  EXPECT_FALSE(why_bpf_refused(ENOENT, under_the_unit(3)));
  EXPECT_EQ(perf_event_error(ENOENT, under_the_unit(3)).kind, ErrorKind::kFailed);
  EXPECT_EQ(perf_event_error(ENOSYS, under_the_unit(3)).kind, ErrorKind::kUnsupported);
}

TEST(Refusal, FactsAreReadBelowTheRoot) {
  const TemporaryTree tree({{"proc/self/status", "Name:\ttierd\nCapEff:\t000000c000880000\n"},
                            {"proc/self/uid_map", "         0          0 4294967295\n"},
                            {"proc/sys/kernel/perf_event_paranoid", "3\n"},
                            {"sys/kernel/security/lockdown", "none [integrity] confidentiality\n"}});
  PermissionFacts expected = under_the_unit(3);
  expected.lockdown = "integrity";
  EXPECT_EQ(read_permission_facts(tree.root()), expected);
}

TEST(Refusal, NegativeLevelsContainersAndMissingFiles) {
  TemporaryTree tree({{"proc/self/uid_map", "         0     100000      65536\n"},
                      {"proc/sys/kernel/perf_event_paranoid", "-1\n"}});
  const PermissionFacts facts = read_permission_facts(tree.root());
  EXPECT_EQ(facts.perf_event_paranoid, -1);
  EXPECT_FALSE(facts.initial_user_namespace);
  EXPECT_EQ(facts.lockdown, "");
  EXPECT_EQ(facts.capabilities, 0U);
  const TemporaryTree empty(TreeDirectory{{"proc/version", "x"}});
  EXPECT_EQ(read_permission_facts(empty.root()), PermissionFacts{});
  tree.write("proc/sys/kernel/perf_event_paranoid", "high\n");
  EXPECT_EQ(read_permission_facts(tree.root()).perf_event_paranoid, std::nullopt);
}

}  // namespace
}  // namespace tier
