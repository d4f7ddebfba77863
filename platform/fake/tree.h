// A nested literal becomes a temporary directory: fake /proc and /sys trees for file-backed readers.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tier {

// {"proc", {{"1", {{"stat", "1 (init) S …"}, {"exe", TreeLink{"/sbin/init"}}}}}}
struct TreeLink {
  std::string to;
};
struct TreeEntry;
using TreeDirectory = std::vector<TreeEntry>;
struct TreeEntry {
  std::string name;  // may hold slashes: the directories between are made
  std::variant<std::string, TreeLink, TreeDirectory> content;

  TreeEntry(std::string entry_name, const char* text)
      : name(std::move(entry_name)), content(std::string(text)) {}
  TreeEntry(std::string entry_name, std::string text)
      : name(std::move(entry_name)), content(std::move(text)) {}
  TreeEntry(std::string entry_name, TreeLink link) : name(std::move(entry_name)), content(std::move(link)) {}
  TreeEntry(std::string entry_name, TreeDirectory entries)
      : name(std::move(entry_name)), content(std::move(entries)) {}
};

// Lives below the system's temporary directory and goes with the object. Throws std::filesystem errors: a
// test that cannot make its tree must stop.
class TemporaryTree {
 public:
  explicit TemporaryTree(const TreeDirectory& entries);
  ~TemporaryTree();
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  const std::string& root() const { return root_; }
  void write(const std::string& path, const std::string& text);  // below the root, replaced when it exists

 private:
  std::string root_;
};

}  // namespace tier
