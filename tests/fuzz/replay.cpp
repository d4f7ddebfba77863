// Stands in for libFuzzer in ordinary builds: feeds a fuzzer with every file of its corpus and with seeded
// mutations of them, the same in each run.
//
//   x_fuzz CORPUS      exit code 0: all runs ended; 1: there is no corpus
//
// An input that ends the program is left in the current folder as PROGRAM.input.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRuns = 2000;     // mutations, of all files together
constexpr std::size_t kLongest = 4096;  // bytes of a mutated input

std::mt19937 generator(20261129);  // NOLINT: the same in each run
std::vector<std::string> corpus;

// What runs now, for the handler below.
std::string current, left_as;

std::size_t below(std::size_t bound) { return bound == 0 ? 0 : generator() % bound; }

// Some bytes of `text`, at most `most`.
std::string piece_of(const std::string& text, std::size_t most) {
  const std::size_t begin = below(text.size() + 1);
  return text.substr(begin, 1 + below(most));
}

void mutate_once(std::string& bytes) {
  static const char* const kWords[] = {"0",
                                       "-1",
                                       "18446744073709551615",
                                       "9223372036854775808",
                                       "nan",
                                       "\"",
                                       "{}",
                                       "[[",
                                       "4294967296",
                                       "\n",
                                       "\xff",
                                       " "};
  const std::size_t at = below(bytes.size() + 1);
  const bool inside = at < bytes.size();
  switch (below(7)) {
    case 0:
      if (inside) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      return;
    case 1:
      if (inside) bytes[at] = static_cast<char>(generator());
      return;
    case 2:
      bytes.resize(at);
      return;
    case 3:
      bytes.erase(at, 1 + below(16));
      return;
    case 4:
      bytes.insert(at, piece_of(bytes, 64));
      return;
    case 5:
      bytes.insert(at, piece_of(corpus[below(corpus.size())], 256));
      return;
    default:
      bytes.insert(at, kWords[below(std::size(kWords))]);
  }
}

void run(const std::string& input) {
  current = input;
  // From memory of exactly that size, so that the address sanitizer sees a read beyond.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutation_of(const std::string& file) {
  std::string bytes = file;
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) mutate_once(bytes);
  return bytes.substr(0, kLongest);
}

extern "C" void leave_input(int signal) {
  const int fd = ::open(left_as.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd >= 0 && ::write(fd, current.data(), current.size()) >= 0) ::close(fd);
  std::signal(signal, SIG_DFL);
  (void)std::raise(signal);
}

void read_corpus(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // the order of a folder differs between file systems
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = fs::path(argv[0]).filename();
  if (argc == 2) read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: there is no corpus (fix: %s tests/fuzz/corpora/%s)\n", name.c_str(), argv[0],
                 name.c_str());
    return 1;
  }
  left_as = name + ".input";
  // A stack that has overflowed leaves no room for what handles its signal.
  static std::array<char, 64 << 10> stack;
  const stack_t other{stack.data(), 0, stack.size()};
  ::sigaltstack(&other, nullptr);
  struct sigaction leave {};
  leave.sa_handler = leave_input;
  leave.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) ::sigaction(signal, &leave, nullptr);
  for (const std::string& file : corpus) run(file);
  for (std::size_t i = 0; i < kRuns; ++i) run(mutation_of(corpus[i % corpus.size()]));
  std::printf("%s: %zu files, %zu runs\n", name.c_str(), corpus.size(), corpus.size() + kRuns);
  return 0;
}
