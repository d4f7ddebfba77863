#include "platform/linux/page_pools.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/fake/tree.h"

namespace tier {
namespace {

TEST(PagePools, MountsTellTheirPageSize) {
  const auto mounts = parse_pool_mounts(
      "22 28 0:20 / /proc rw,nosuid - proc proc rw\n"
      "36 25 0:31 / /dev/hugepages rw,relatime shared:5 - hugetlbfs hugetlbfs rw,pagesize=2M\n"
      "40 25 0:47 / /mnt/my\\040giant rw - hugetlbfs none rw,uid=5,pagesize=1024M\n"
      "41 25 0:48 / /mnt/none rw - hugetlbfs none rw\n"
      "nonsense\n42 25 0:49 / /mnt/x rw - hugetlbfs none rw,pagesize=99999999999999999999M\n"
      "43 25 0:50 / /mnt/y rw - hugetlbfs none rw,pagesize=0M\n"
      "44 25 0:51 / /mnt/z rw - hugetlbfs none rw,pagesize=3M\n"
      "45 25 0:52 / /mnt/k rw - hugetlbfs none rw,pagesize=64K\n"
      "46 25 0:53 / /mnt/u rw - hugetlbfs none rw,pagesize=2T\n");
  EXPECT_EQ(mounts, (std::map<std::uint64_t, Bytes>{{31, 2_MiB}, {47, 1_GiB}, {52, 64_KiB}}));
}

TEST(PagePools, TheMappingAtAnAddressTellsItsDevice) {
  const char* maps =
      "40000000-80000000 rw-p 00000000 00:0f 1234                      /anon_hugepage (deleted)\n"
      "7f0000000000-7f0000200000 rw-s 00000000 fd:01 77                /data with blanks\n";
  const auto first = find_mapped_device(maps, 0x40001000);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->range, (AddressRange{0x40000000, 0x80000000}));
  EXPECT_EQ(first->device, 0x0fu);
  EXPECT_EQ(find_mapped_device(maps, 0x7f0000000000)->device, (0xfdULL << 32) | 1);
  EXPECT_FALSE(find_mapped_device(maps, 0x80000000));
  EXPECT_FALSE(find_mapped_device("", 0x80000000));
  EXPECT_FALSE(find_mapped_device("not a line\n40000000-", 0x40000000));
}

// The kernel's own mounts are known by their device, whether their pool holds pages or not.
TEST(PagePools, MemoryWithoutAFileNameIsFoundByTheKernelsMount) {
  const std::size_t size = (2_MiB).value;
  void* page =
      ::mmap(nullptr, size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE | (21 << MAP_HUGE_SHIFT), -1, 0);
  if (page == MAP_FAILED) GTEST_SKIP() << "this kernel has no huge pages of 2 MiB";
  const LinuxPagePools pools;
  const auto found = pools.at(Pid{::getpid()}, reinterpret_cast<Address>(page), NodeId{0});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size, 2_MiB);
  EXPECT_NE(found->remedy.find("node0/hugepages/hugepages-2048kB/nr_hugepages"), std::string::npos);
  const char plain = 0;
  EXPECT_FALSE(pools.at(Pid{::getpid()}, reinterpret_cast<Address>(&plain), NodeId{0}));
  ::munmap(page, size);
}

}  // namespace
}  // namespace tier
