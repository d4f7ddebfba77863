#include "tools/tier-sim/progress.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <new>
#include <vector>

namespace tier::sim {

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) != 0),
      begun_(std::chrono::steady_clock::now()) {}

void Progress::show(std::size_t done, std::size_t of) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!any_) first_ = done;
  if (any_ && done != of && now - shown_ < (terminal_ ? 200ms : 15s)) return;
  any_ = true;
  shown_ = now;
  const double passed = std::chrono::duration<double>(now - begun_).count();
  const double each = done > first_ ? passed / static_cast<double>(done - first_) : 0;
  const int filled = of > 0 ? static_cast<int>(30 * done / of) : 30;
  const std::string text =
      fmt::format("[{:#<{}}{:.<{}}] {} of {} {}, {:.0f} s, about {:.0f} s left", "", filled, "", 30 - filled,
                  done, of, what_, passed, each * static_cast<double>(of - done));
  std::cerr << (terminal_ ? "\r\033[K" + text : text + "\n") << std::flush;
}

void Progress::finish() const {
  if (terminal_ && any_) std::cerr << "\n";
}

std::string program_identity() {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  std::vector<char> block(1 << 16);
  while (self.read(block.data(), static_cast<std::streamsize>(block.size())) || self.gcount() > 0)
    XXH3_64bits_update(state.get(), block.data(), static_cast<std::size_t>(self.gcount()));
  return fmt::format("{:016x}", XXH3_64bits_digest(state.get()));
}

}  // namespace tier::sim
