// What the fuzzers share: broken contracts end the program, so that libFuzzer and replay.cpp keep the input.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "core/printable.h"
#include "core/result.h"

namespace tier::fuzz {

// Aborts with the contract's text, and with what shows that it is broken.
inline void require(bool holds, std::string_view contract, std::string_view shown = {}) {
  if (holds) return;
  std::fprintf(stderr, "broken contract: %.*s\n%.*s\n", static_cast<int>(contract.size()), contract.data(),
               static_cast<int>(shown.size()), shown.data());
  std::abort();
}

// An error has a text; what it quotes of the input cannot steer a terminal.
inline void require_told(const Error& error) {
  require(!error.message.empty(), "an error has a text");
  std::string lines = error.text();
  for (char& c : lines)
    if (c == '\n') c = ' ';
  require(escaped(lines) == lines, "an error is printable", escaped(lines));
}

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A folder for code that reads files by name, removed at the end. In memory where that is possible: files
// that are replaced thousands of times take ten times as long on a disk.
class Folder {
 public:
  Folder() {
    const std::filesystem::path memory = "/dev/shm";
    const bool usable = ::access(memory.c_str(), W_OK | X_OK) == 0;
    std::string pattern =
        ((usable ? memory : std::filesystem::temp_directory_path()) / "tier-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "there is a temporary directory");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  // Replaces the file.
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    std::ofstream(file(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace tier::fuzz
