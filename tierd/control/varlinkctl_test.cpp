// systemd's own client must understand us.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "tierd/control/fake_server.h"

namespace tier {
namespace {

int close_pipe(FILE* pipe) { return pipe ? ::pclose(pipe) : 0; }

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), close_pipe);
  std::string text;
  std::array<char, 4096> bytes;
  for (std::size_t n = 0; pipe && (n = ::fread(bytes.data(), 1, bytes.size(), pipe.get())) > 0;)
    text.append(bytes.data(), n);
  return text;
}

TEST(Varlinkctl, UnderstandsInfoDescriptionAndCalls) {
  if (std::system("command -v varlinkctl >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "varlinkctl is not installed (systemd 255 or later has it)";
  FakeServer server;
  EXPECT_NE(output_of("varlinkctl info " + server.socket() + " 2>&1").find("io.tierd.Control"),
            std::string::npos);
  const std::string described =
      output_of("varlinkctl introspect " + server.socket() + " io.tierd.Control 2>&1");
  EXPECT_NE(described.find("method Status"), std::string::npos) << described;
  const std::string called =
      output_of("varlinkctl call " + server.socket() + " io.tierd.Control.Status '{}' 2>&1");
  EXPECT_NE(called.find("io.tierd.status/1"), std::string::npos) << called;
}

}  // namespace
}  // namespace tier
