#include "platform/api/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace tier {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

FileDescriptor any() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(FileDescriptor, ClosesWhatItOwnsWhenItEnds) {
  int number = -1;
  {
    const FileDescriptor file = any();
    ASSERT_TRUE(file.valid());
    number = file.get();
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(FileDescriptor, AssignmentClosesTheFormerOneAtOnce) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]), other = any();
  const int taken = other.get();
  writer = std::move(other);
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "the pipe still has a writer";
  EXPECT_EQ(writer.get(), taken);
  EXPECT_TRUE(is_open(taken));
  EXPECT_FALSE(other.valid());  // NOLINT(bugprone-use-after-move)
}

TEST(FileDescriptor, AssignedToItselfItKeepsWhatItHas) {
  FileDescriptor file = any();
  FileDescriptor& same = file;
  file = std::move(same);
  ASSERT_TRUE(file.valid());
  EXPECT_TRUE(is_open(file.get()));
}

TEST(FileDescriptor, ResetClosesAndTakes) {
  FileDescriptor file = any();
  const int former = file.get();
  file.reset(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_NE(file.get(), former);
  EXPECT_FALSE(is_open(former));
  file.reset();
  EXPECT_FALSE(file.valid());
}

}  // namespace
}  // namespace tier
