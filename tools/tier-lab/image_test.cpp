#include "tools/tier-lab/image.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tools/tier-lab/command.h"

namespace tier::lab {
namespace {

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tier-lab-image-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(ImageTest, CpioReadsTheArchiveBack) {
  Image image(folder_);
  image.add_text("/etc/deep/plan.json", "{\"a\":1}");
  image.add_link("/bin/ls", "busybox");
  image.add_folder("/proc");
  ASSERT_TRUE(image.write(folder_ + "/root.cpio"));
  const Result<std::string> listed = capture({"sh", "-c", "cpio -t < " + folder_ + "/root.cpio 2>/dev/null"});
  ASSERT_TRUE(listed) << listed.error().text();
  EXPECT_EQ(*listed, "bin\nbin/ls\netc\netc/deep\netc/deep/plan.json\nproc\n");
  const Result<std::string> text =
      capture({"sh", "-c",
               "cd " + folder_ +
                   " && cpio -id < root.cpio 2>/dev/null && cat etc/deep/plan.json && readlink bin/ls"});
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_EQ(*text, "{\"a\":1}busybox\n");
}

TEST_F(ImageTest, ProgramsBringTheirLibraries) {
  Image image(folder_);
  ASSERT_TRUE(image.add_program("bash"));
  ASSERT_TRUE(image.write(folder_ + "/root.cpio"));
  const Result<std::string> listed = capture({"sh", "-c", "cpio -t < " + folder_ + "/root.cpio 2>/dev/null"});
  ASSERT_TRUE(listed);
  EXPECT_NE(listed->find("usr/bin/bash\n"), std::string::npos);
  EXPECT_NE(listed->find("libc.so.6\n"), std::string::npos);
}

TEST_F(ImageTest, TheBuildFolderComesFirst) {
  std::filesystem::create_directory(folder_ + "/sub");
  std::ofstream(folder_ + "/sub/bash") << "#!/bin/sh\n# ours\n";
  std::filesystem::permissions(folder_ + "/sub/bash", std::filesystem::perms::owner_all);
  Image image(folder_);
  ASSERT_TRUE(image.add_program("bash"));
  ASSERT_TRUE(image.write(folder_ + "/root.cpio"));
  EXPECT_LT(std::filesystem::file_size(folder_ + "/root.cpio"), 4096U);
}

TEST_F(ImageTest, PythonComesWithWhatItsModulesLoadAndNothingElse) {
  Image image(folder_);
  ASSERT_TRUE(image.add_python({"json.decoder"}));
  ASSERT_TRUE(image.write(folder_ + "/root.cpio"));
  const Result<std::string> listed = capture({"sh", "-c", "cpio -t < " + folder_ + "/root.cpio 2>/dev/null"});
  ASSERT_TRUE(listed);
  for (const char* name : {"usr/bin/python3\n", "/encodings/utf_8.py", "/json/scanner.py", "/os.py"})
    EXPECT_NE(listed->find(name), std::string::npos) << name;
  EXPECT_EQ(listed->find("/sqlite3/"), std::string::npos);
  EXPECT_EQ(listed->find("__pycache__"), std::string::npos);
  EXPECT_LT(std::filesystem::file_size(folder_ + "/root.cpio"), 16U << 20);
}

TEST_F(ImageTest, AModuleThatIsNotThereIsNamed) {
  Image image(folder_);
  const Result<> added = image.add_python({"no_such_module"});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().text().find("no_such_module"), std::string::npos) << added.error().text();
}

TEST_F(ImageTest, MissingProgramsAreNamed) {
  Image image(folder_);
  const Result<> added = image.add_program("no-such-program");
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("no-such-program"), std::string::npos);
}

}  // namespace
}  // namespace tier::lab
