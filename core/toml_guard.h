// Bounds on TOML text, checked before the TOML library sees it: its parser and the destructors of its tables
// recurse by the depth of the text, so that a hostile file of a few KiB could exhaust the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tier {

struct TomlLimits {
  std::size_t bytes = 1 << 20;  // our own files have a few KiB
  std::size_t depth = 16;       // brackets and braces within each other; ours need three
  std::size_t key_parts = 8;    // of one dotted key or section title; ours need three
  // Assignments, section titles and list elements together. A node with 1024 NUMA nodes, whose every latency
  // is set, needs 2048.
  std::size_t items = 16'384;
};

struct TomlExcess {
  std::uint32_t line = 0;  // from 1; 0: the text as a whole
  std::string problem;     // "more than 8 parts in one dotted key"
};

// What of `text` exceeds a limit, nothing where it keeps all. Knows strings and comments; whether the text is
// valid TOML is for the library to say. Reads each byte once.
std::optional<TomlExcess> toml_excess(std::string_view text, const TomlLimits& limits = {});

}  // namespace tier
