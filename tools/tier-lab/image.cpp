#include "tools/tier-lab/image.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "platform/api/file_descriptor.h"
#include "tools/tier-lab/command.h"

namespace tier::lab {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::kFailed, "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool is_elf(const std::string& data) { return data.compare(0, SELFMAG, ELFMAG) == 0; }

// Debug information would fill the small fast node, in which the root file system lives: the program goes in
// without it.
void strip(const std::string& path, std::string& data) {
  if (!is_elf(data)) return;
  char scratch[] = "/tmp/tier-lab-strip-XXXXXX";
  if (!FileDescriptor(mkstemp(scratch)).valid()) return;
  if (capture({"strip", "--strip-unneeded", "-o", scratch, path}, true).has_value())
    if (Result<std::string> smaller = read_file(scratch); smaller && is_elf(*smaller))
      data = std::move(*smaller);
  unlink(scratch);
}

void append_entry(std::string& archive, const std::string& name, unsigned mode, const std::string& data,
                  std::size_t inode) {
  char header[111];
  std::snprintf(header, sizeof header, "070701%08zX%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", inode,
                mode, 0U, 0U, 1U, 0U, data.size(), 0U, 0U, 0U, 0U, name.size() + 1, 0U);
  const auto pad = [&] { archive.append((4 - archive.size() % 4) % 4, '\0'); };
  archive += header;
  archive += name;
  archive += '\0';
  pad();
  archive += data;
  pad();
}

}  // namespace

void Image::add_folder(const std::string& guest_path) { add_folders(guest_path + "/."); }

void Image::add_folders(const std::string& guest_path) {
  for (fs::path folder = fs::path(guest_path).parent_path(); folder.has_relative_path();
       folder = folder.parent_path())
    entries_.try_emplace(folder.string(), Entry{S_IFDIR | 0755, {}});
}

void Image::add_text(const std::string& guest_path, std::string text, unsigned mode) {
  add_folders(guest_path);
  entries_[guest_path] = {S_IFREG | mode, std::move(text)};
}

void Image::add_link(const std::string& guest_path, const std::string& target) {
  add_folders(guest_path);
  entries_.try_emplace(guest_path, Entry{S_IFLNK | 0777, target});
}

Result<> Image::add_file(const std::string& host_path, const std::string& guest_path) {
  if (entries_.count(guest_path) != 0) return {};
  auto data = TIER_TRY(read_file(host_path));
  struct stat facts {};
  stat(host_path.c_str(), &facts);
  add_folders(guest_path);
  strip(host_path, data);
  entries_[guest_path] = {S_IFREG | (facts.st_mode & 0777), std::move(data)};
  return {};
}

Result<std::string> Image::find_program(const std::string& name) const {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return fail(ErrorKind::kUsage, "no program " + name);
  }
  std::error_code none;
  for (auto it = fs::recursive_directory_iterator(build_folder_,
                                                  fs::directory_options::skip_permission_denied, none);
       it != fs::recursive_directory_iterator(); it.increment(none)) {
    const std::string leaf = it->path().filename().string();
    if (leaf == "CMakeFiles" || leaf == "lab-results") it.disable_recursion_pending();
    if (leaf == name && it->is_regular_file(none) && access(it->path().c_str(), X_OK) == 0)
      return it->path().string();
  }
  std::istringstream folders(std::string(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")) +
                             ":/usr/bin:/bin:/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const std::string path = (fs::path(folder) / name).string();
        !folder.empty() && access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path, none))
      return path;
  return fail(ErrorKind::kUsage, "no program '" + name + "' in " + build_folder_ + " or in PATH",
              "build its target, or install its Debian package");
}

Result<> Image::add_libraries(const std::string& host_path) {
  Result<std::string> listed = capture({"ldd", host_path}, true);
  if (!listed) return {};  // a static program or a script
  std::istringstream lines(*listed);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("not found") != std::string::npos)
      return fail(ErrorKind::kFailed, std::string(host_path).append(" misses a library:").append(line));
    const std::size_t slash = line.find('/');
    const std::size_t end = line.find(" (");
    if (slash == std::string::npos || end == std::string::npos) continue;
    const std::string library = line.substr(slash, end - slash);
    TIER_TRY(add_file(library, library));
  }
  return {};
}

Result<> Image::add_program(const std::string& name) {
  if (entries_.count("/usr/bin/" + fs::path(name).filename().string()) != 0) return {};
  Result<std::string> path = find_program(name);
  if (!path) return tl::make_unexpected(path.error());
  TIER_TRY(add_file(*path, "/usr/bin/" + fs::path(name).filename().string()));
  // A path given in a command must work as it is written, too.
  if (name.find('/') != std::string::npos && name[0] == '/')
    add_link(name, "/usr/bin/" + fs::path(name).filename().string());
  return add_libraries(*path);
}

Result<> Image::add_python(const std::vector<std::string>& modules) {
  const std::string python = "/usr/bin/python3";
  // A compiled module goes where its source was: what lies in __pycache__ counts only beside a source of the
  // same age.
  std::string program = "import sys, os\n", names;
  for (const std::string& module : modules) {
    program += "import " + module + "\n";
    names += " " + module;
  }
  program += R"(
for module in list(sys.modules.values()):
    source, cached = getattr(module, "__file__", None), getattr(module, "__cached__", None)
    if not source:
        continue
    compiled = bool(cached) and source.endswith(".py") and os.path.exists(cached)
    print((cached if compiled else source) + "\t" + (source + "c" if compiled else source))
)";
  const Result<std::string> listed = capture({python, "-I", "-c", program});
  if (!listed)
    return fail(ErrorKind::kUsage, "image.python: " + python + " cannot import one of" + names,
                "install the Debian package of the module, python3-…");
  TIER_TRY(add_program(python));
  std::istringstream lines(*listed);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) continue;
    const std::string host = line.substr(0, tab);
    TIER_TRY(add_file(host, line.substr(tab + 1)));
    if (host.find(".so") != std::string::npos) TIER_TRY(add_libraries(host));
  }
  return {};
}

Result<> Image::add_busybox() {
  Result<std::string> path = find_program("busybox");
  if (!path) return fail(ErrorKind::kUsage, "no busybox", "apt-get install busybox-static");
  auto applets = TIER_TRY(capture({*path, "--list"}));
  TIER_TRY(add_file(*path, "/bin/busybox"));
  std::istringstream names(applets);
  for (std::string name; std::getline(names, name);)
    if (entries_.count("/usr/bin/" + name) == 0) add_link("/bin/" + name, "busybox");
  return add_libraries(*path);
}

Result<> Image::write(const std::string& path) const {
  std::string archive;
  std::size_t inode = 1;
  for (const auto& [name, entry] : entries_)
    append_entry(archive, name.substr(1), entry.mode, entry.data, inode++);
  append_entry(archive, "TRAILER!!!", 0, "", 0);
  std::ofstream file(path, std::ios::binary);
  file.write(archive.data(), static_cast<std::streamsize>(archive.size()));
  file.close();
  if (!file) return fail(ErrorKind::kFailed, "cannot write " + path);
  return {};
}

}  // namespace tier::lab
