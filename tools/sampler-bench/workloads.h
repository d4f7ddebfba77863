// Work that more than one measurement watches, beside the programs of subjects.h.
#pragma once

#include "tools/sampler-bench/subjects.h"

namespace tier {

// Follows pointers in random order through 256 MiB.
[[noreturn]] void chase_pointers();

// A compiler at work on text that it cannot do quickly: about a minute. The text lies in `folder`.
Subject busy_compiler(const std::string& folder);

// numpy: sorts, searches and gathers in arrays of 256 MiB each, one after the other.
Subject array_work();

// Looks keys up in a sorted tree of a gigabyte, some far more often than others; keys that lie together are
// wanted about as often. Its nodes lie in the order of the keys.
[[noreturn]] void search_tree();

// igraph: breadth-first searches in a graph of two million nodes, half a gigabyte and more.
Subject graph_searches();

}  // namespace tier
