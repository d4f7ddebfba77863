// How this process numbers processes and times, for the BPF programs that send it both (bpf/reader.h). In a
// container its PID and time namespaces are not the kernel's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bpf/events.h"

namespace tier {

struct ReaderView {
  std::uint32_t pid_namespace = TIER_INITIAL_PID_NAMESPACE;  // inode number
  std::int64_t boottime_offset_ns = 0;   // of this process's CLOCK_BOOTTIME from the kernel's own
  std::int64_t monotonic_offset_ns = 0;  // likewise, CLOCK_MONOTONIC

  bool operator==(const ReaderView&) const = default;
};

// Inode number in the target of a link of /proc/PID/ns ("pid:[4026531836]"); 0 when it is none.
std::uint32_t namespace_number(std::string_view link);

// Puts /proc/PID/timens_offsets ("monotonic 5 0", "boottime 5 0": seconds, nanoseconds) into the view. Lines
// that make no sense are passed over.
void parse_time_offsets(std::string_view text, ReaderView& view);

// Of this process, below `root`. What cannot be read is taken to be the kernel's own.
ReaderView read_reader_view(const std::string& root = "");

// Tells an object that is open and not yet loaded.
template <typename ReadOnlyData>
void set_reader(ReadOnlyData& data, const ReaderView& view) {
  data.reader_pid_namespace = view.pid_namespace;
  data.reader_boottime_offset_ns = view.boottime_offset_ns;
  data.reader_monotonic_offset_ns = view.monotonic_offset_ns;
}

}  // namespace tier
