#include "platform/linux/confinement.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tier {
namespace {

namespace fs = std::filesystem;

class ConfinementTest : public testing::Test {
 protected:
  ConfinementTest() : root_(fs::path(testing::TempDir()) / "confinement") {
    fs::remove_all(root_);
    write("proc/self/status", "Name:\ttierd\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n");
    write("sys/devices/system/node/has_memory", "0-1\n");
    write("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
    link("proc/self/ns/pid", "pid:[4026531836]");
    link("proc/self/ns/user", "user:[4026531837]");
  }
  ~ConfinementTest() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void link(const std::string& path, const std::string& target) {
    fs::create_directories((root_ / path).parent_path());
    fs::remove(root_ / path);
    fs::create_symlink(target, root_ / path);
  }
  Confinement find(const std::string& name) const {
    for (const auto& each : read_confinement(root_.string()))
      if (each.name == name) return each;
    ADD_FAILURE() << "no " << name;
    return {};
  }

  fs::path root_;
};

TEST_F(ConfinementTest, AHostsOwnDaemonIsNotLimited) {
  const auto all = read_confinement(root_.string());
  EXPECT_EQ(all.size(), 4u);
  for (const auto& each : all) EXPECT_FALSE(each.limits) << each.name << ": " << each.reason;
}

TEST_F(ConfinementTest, ANodeThatTheCpusetLacksIsNamed) {
  write("sys/devices/system/node/has_memory", "0,2-3\n");
  write("proc/self/status", "Mems_allowed_list:\t0,3\n");
  const auto nodes = find("memory nodes");
  EXPECT_TRUE(nodes.limits);
  EXPECT_NE(nodes.reason.find("node 2 (its cpuset has 0,3)"), std::string::npos) << nodes.reason;
  EXPECT_NE(nodes.fix.find("AllowedMemoryNodes="), std::string::npos);
  EXPECT_EQ(own_memory_nodes(root_.string()), (std::vector<NodeId>{{0}, {3}}));
}

TEST_F(ConfinementTest, ContainersAreTold) {
  link("proc/self/ns/pid", "pid:[4026532345]");
  link("proc/self/ns/user", "user:[4026532344]");
  EXPECT_TRUE(find("PID namespace").limits);
  EXPECT_TRUE(find("user namespace").limits);
}

TEST_F(ConfinementTest, LockdownSaysWhatItForbids) {
  write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_NE(find("kernel lockdown").reason.find("prefetchers"), std::string::npos);
  write("sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
  EXPECT_NE(find("kernel lockdown").reason.find("nothing can be sampled"), std::string::npos);
  write("sys/kernel/security/lockdown", "][\n");
  EXPECT_NE(find("kernel lockdown").reason.find("unknown"), std::string::npos);
}

TEST_F(ConfinementTest, WhatCannotBeReadIsNotKnownAndDoesNotLimit) {
  fs::remove_all(root_);
  for (const auto& each : read_confinement(root_.string())) EXPECT_FALSE(each.limits) << each.name;
  EXPECT_TRUE(own_memory_nodes(root_.string()).empty());
}

}  // namespace
}  // namespace tier
