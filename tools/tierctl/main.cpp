// tierctl: the command line of tierd.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "platform/linux/journal_stream.h"
#include "tierd/cli/command_description.h"
#include "tierd/cli/command_line.h"
#include "tierd/config/short_words.h"
#include "tools/tierctl/command_line.h"
#include "tools/tierctl/enable_system.h"
#include "tools/tierctl/text.h"
#ifdef TIERCTL_LOCAL_DOCTOR
#include "tierd/daemon/doctor.h"
#include "tierd/daemon/named_files.h"
#endif

namespace tier {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

// Without SA_RESTART, so that waiting calls return and the document under way is finished first.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // A new size of the terminal ends the pause before the next picture.
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;  // poll(2) ends all the same: signal(7)
  sigaction(SIGWINCH, &action, nullptr);
}

Result<void> print_out(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(ErrorKind::kFailed, fmt::format("cannot write the output: {}", std::strerror(errno)));
    written += static_cast<std::size_t>(n);
  }
  return {};
}

std::size_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  const int number = text != nullptr ? std::atoi(text) : 0;
  return number > 0 ? static_cast<std::size_t>(number) : 0;
}

// What a terminal says of itself counts before COLUMNS, which a resize does not change. A terminal that says
// nothing (a serial line) has 80 columns. Off a terminal lines are not broken, so that grep finds whole ones,
// unless COLUMNS asks for it.
TerminalSize terminal_size() {
  winsize size{};
  TerminalSize found;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) found = {size.ws_col, size.ws_row};
  if (found.columns == 0) found.columns = number_in("COLUMNS");
  if (found.columns == 0 && terminal) found.columns = 80;
  return found;
}

void settle_style(Arguments& arguments) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: any value that is not empty
  const bool wanted = terminal && !(no_color && *no_color);
  arguments.options.style.color = arguments.color == "always" || (arguments.color == "auto" && wanted);
  arguments.options.style.legend = !arguments.no_legend;
  arguments.options.clear_screen = terminal && !arguments.options.json;
}

// `priority`, an sd-daemon(3) prefix such as "<3>", begins each line where the journal reads it: systemd runs
// tierctl to reload the service.
void complain(const char* priority, const std::string& text) {
  const bool journal = is_journal_stream(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  const std::string begin = fmt::format("{}tierctl: ", journal ? priority : "");
  std::string lines = with_short_words(printable_lines(text));
  if (journal)
    for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += begin.size())
      lines.insert(++at, begin);
  fmt::print(stderr, "{}{}\n", begin, lines);
}

Surroundings real_surroundings(const Arguments& arguments) {
  Surroundings around;
  around.print = print_out;
  around.warn = [](const std::string& line) { complain(SD_WARNING, line); };
  around.interrupted = [] { return stop_requested != 0; };
  around.terminal = terminal_size;
  around.pause = [](double seconds) { ::poll(nullptr, 0, static_cast<int>(seconds * 1000)); };
  around.config_directories = system_config_directories();
  around.enable = real_enable_system(arguments.root);
  around.version = TIERD_VERSION;
  around.unix_now = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
  // The line that it replaces, and nothing where a file or a pipe would collect them.
  if (::isatty(STDERR_FILENO) == 1)
    around.progress = [](const std::string& line) { fmt::print(stderr, "\r\x1b[K{}", line); };
#ifdef TIERCTL_LOCAL_DOCTOR
  around.local_doctor = local_doctor;
  around.check_named_files = check_named_files;
  around.unmatched_targets = unmatched_now;
#endif
  return around;
}

int run(int argc, char** argv) {
  CLI::App app{"tierctl: watch and steer tierd", "tierctl"};
  Arguments arguments;
  Action action;
  define_command_line(app, arguments, action);
  if (asks_for_description(argc, argv)) return print_description(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help, --version, help
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    complain(SD_ERR, command_line_problem(app, words, error) + " (fix: see `tierctl help`)");
    return static_cast<int>(ErrorKind::kUsage);
  }
  settle_style(arguments);
  catch_signals();
  Commands commands(arguments.options, real_surroundings(arguments));
  const auto done = action(commands);
  if (done) return 0;
  if (!done.error().message.empty()) complain(SD_ERR, done.error().text());
  return static_cast<int>(done.error().kind);
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  return tier::run_main("tierctl", [&] { return tier::run(argc, argv); });
}
