// The text formats of /proc and sysfs, as pure functions. Every one takes any bytes at all and either
// understands them or says so; none allocates more than a small multiple of its input.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/target.h"
#include "core/units.h"

namespace tier {

// A decimal number and nothing else; none on junk, sign, overflow or emptiness.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Without leading and trailing blanks and newlines.
std::string_view trimmed(std::string_view text);

// "0-1,3" → 0, 1, 3. Empty text is an empty list (an offline set). None on junk, on a range that runs
// backwards, or on numbers above 65535, which no kernel has nodes or CPUs for. libnuma's parser of node
// strings does not serve: it takes "0x0", "!0" and "+0", and looks up files and addresses for "file:" and
// "ip:".
std::optional<std::vector<int>> parse_id_list(std::string_view text);

// /proc/PID/stat.
struct ProcStat {
  int pid = 0;
  std::string comm;  // may hold spaces, parentheses and newlines
  char state = '?';
  std::uint64_t user_time = 0;   // clock ticks (USER_HZ) in user mode, of all threads, ended ones included
  std::uint64_t start_time = 0;  // clock ticks after boot
  std::uint64_t threads = 0;     // ended ones that nobody waited for included; 0: not in the text
  std::uint64_t resident_pages = 0;
  std::uint64_t program = 0;  // differs after execve; 0: cannot be told (not permitted, or no memory)
};
std::optional<ProcStat> parse_stat(std::string_view text);

// A line "Key:\tvalue" of /proc/PID/status; the value trimmed.
std::optional<std::string_view> status_field(std::string_view text, std::string_view key);

// A status line in kB, as bytes.
std::optional<Bytes> status_bytes(std::string_view text, std::string_view key);

// /proc/PID/cgroup → path below the hierarchy that accounts memory: the v1 memory controller's where there is
// one, else v2's. None when the file has neither.
// Where both know the process, the deeper path if it lies below the other: in a hybrid set-up the memory
// controller often has no cgroups of its own.
std::optional<std::string> parse_cgroup(std::string_view text);

// The paths in both hierarchies: one where they are the same, none where the file has neither.
std::vector<std::string> parse_cgroups(std::string_view text);

// The base name of a program in /proc/PID/exe: "/usr/bin/redis-server (deleted)" → "redis-server".
std::string file_base_name(std::string_view link);

// The base name of a program in /proc/PID/cmdline: the first word, without folders, a login shell's leading
// "-" and a trailing ":", so that "/usr/bin/redis-server 127.0.0.1:6379" gives "redis-server". At most
// NAME_MAX (255) bytes; empty where there is none.
std::string started_as(std::string_view command_line);

// /proc/PID/maps, sorted by address; the kernel's own ranges ([vdso], [vvar…], [vsyscall]) left out. A line
// that makes no sense is an error: half a map is worse than none.
Result<std::vector<Mapping>> parse_maps(std::string_view text);

// What is behind a mapping of that name ("/memfd:x", "[heap]") that maps say shared or private, with that
// inode (0: no file).
Backing backing_of(std::string_view name, bool shared, std::uint64_t inode);

// Says whose pages a mapping shows (Mapping::object), by its permissions and name: those of a file for every
// shared mapping, and for private ones that cannot be written (text, constants). A private mapping that was
// written to before it was protected (relocations) holds some pages of its own nevertheless: they are taken
// for the file's. Several unrelated buffers stand behind the one inode of "anon_inode:": no object.
void set_object(Mapping& mapping, MemoryObject object, std::uint64_t offset);

// Starts of the mappings in /proc/PID/numa_maps that carry a policy of the program's own: anything but
// default and local. Lines that make no sense are passed over: they name no address to protect.
std::vector<Address> parse_own_policies(std::string_view text);

// Starts of the mappings in /proc/PID/smaps whose VmFlags hold "lo".
std::vector<Address> parse_mlocked(std::string_view text);

// "Node 0 MemTotal:  4417752 kB" of a node's meminfo, as bytes.
std::optional<Bytes> parse_node_meminfo(std::string_view text, std::string_view key);

// "some avg10=1.23 …" of a pressure file; percent, 0 to 100. `line`: "some" or "full".
std::optional<double> parse_pressure(std::string_view text, std::string_view line);

// "some avg10=1.23 … total=456" of a pressure file: the time in all, which it gives in microseconds.
std::optional<Nanoseconds> parse_pressure_total(std::string_view text, std::string_view line);

// "KEY NUMBER", a line of /proc/vmstat.
std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view key);

// Pages that came back soon after their eviction, of /proc/vmstat. Linux 5.9 counts anonymous and file pages
// apart, older kernels both together.
std::optional<std::uint64_t> parse_refaults(std::string_view text);

// A line "cpu3 USER NICE …" of /proc/stat. Clock ticks (sysconf _SC_CLK_TCK); guests' time is in them.
struct CpuTime {
  std::uint32_t cpu = 0;
  std::uint64_t user_ticks = 0;  // niced or not
};
// Each CPU once; lines that make no sense are left out.
std::vector<CpuTime> parse_cpu_times(std::string_view text);

// A whole line of /proc/diskstats (Documentation/admin-guide/iostats.rst): the device and what was read.
struct DiskStat {
  std::uint32_t major = 0, minor = 0;  // below 2^12 and 2^20, as include/linux/kdev_t.h has them
  std::uint64_t read_bytes = 0;
};
// In the file's order; lines that make no sense are left out.
std::vector<DiskStat> parse_diskstats(std::string_view text);

}  // namespace tier
