// What the kernel keeps back on each node: free pages below the zones' high watermark are not for taking.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

namespace tier {

// From /proc/zoneinfo: per node, the sum of its zones' high watermarks in base pages. kswapd reclaims until a
// zone has that much free (Documentation/admin-guide/sysctl/vm.rst, min_free_kbytes), and migration into less
// fails with ENOMEM sooner or later. With huge pages on, khugepaged raises it to tens of MiB. Lines it does
// not understand are skipped.
std::map<int, std::uint64_t> parse_high_watermarks(std::string_view zoneinfo);

}  // namespace tier
