#include "platform/fake/tree.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace tier {
namespace {

namespace fs = std::filesystem;

void make(const fs::path& directory, const TreeDirectory& entries);

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush())
    throw fs::filesystem_error("write", path, std::error_code(errno, std::generic_category()));
}

struct Maker {
  const fs::path& path;
  void operator()(const std::string& text) const { write_file(path, text); }
  void operator()(const TreeLink& link) const {
    fs::create_directories(path.parent_path());
    fs::create_symlink(link.to, path);
  }
  void operator()(const TreeDirectory& entries) const {
    fs::create_directories(path);
    make(path, entries);
  }
};

void make(const fs::path& directory, const TreeDirectory& entries) {
  for (const TreeEntry& entry : entries) {
    const fs::path path = directory / entry.name;
    std::visit(Maker{path}, entry.content);
  }
}

}  // namespace

TemporaryTree::TemporaryTree(const TreeDirectory& entries) {
  std::string pattern = (fs::temp_directory_path() / "tier-tree-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw fs::filesystem_error("mkdtemp", pattern, std::error_code(errno, std::generic_category()));
  root_ = pattern;
  make(root_, entries);
}

TemporaryTree::~TemporaryTree() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void TemporaryTree::write(const std::string& path, const std::string& text) {
  write_file(fs::path(root_) / path, text);
}

}  // namespace tier
