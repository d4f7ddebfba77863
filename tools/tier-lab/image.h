// The guest's root file system: a cpio archive of the agent, the programs of the scenario and the libraries
// they need.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier::lab {

// Collects files by guest path, then writes a "newc" cpio archive, which the kernel unpacks as its root.
class Image {
 public:
  // `build_folder`: where the build's own programs are looked for first.
  explicit Image(std::string build_folder) : build_folder_(std::move(build_folder)) {}

  void add_folder(const std::string& guest_path);
  void add_text(const std::string& guest_path, std::string text, unsigned mode = 0644);
  Result<> add_file(const std::string& host_path, const std::string& guest_path);
  void add_link(const std::string& guest_path, const std::string& target);
  // A program by name (build folder first, then PATH and the sbin folders) or by path, put into /usr/bin with
  // its libraries and, when `strip` is set, without debug information.
  Result<> add_program(const std::string& name);
  // Debian's Python with these modules and what importing them loads, compiled, and nothing else of its
  // library.
  Result<> add_python(const std::vector<std::string>& modules);
  // Statically linked busybox with a link for each of its applets that no other program has taken.
  Result<> add_busybox();

  Result<> write(const std::string& path) const;

 private:
  struct Entry {
    unsigned mode = 0;  // type and permission bits as in stat
    std::string data;   // content, or target of a link
  };

  Result<std::string> find_program(const std::string& name) const;
  Result<> add_libraries(const std::string& host_path);
  void add_folders(const std::string& guest_path);

  std::string build_folder_;
  std::map<std::string, Entry> entries_;  // by guest path, so that folders come before what they hold
};

}  // namespace tier::lab
