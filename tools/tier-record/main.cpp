// tier-record: programs and lab runs to traces for the simulator (docs/operations.md).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>

#include "tierd/cli/command_description.h"
#include "tierd/cli/command_line.h"
#include "tools/tier-lab/command.h"
#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-record/convert.h"
#include "tools/tier-record/lab_trace.h"
#include "tools/tier-record/run.h"

namespace {

namespace fs = std::filesystem;
using namespace tier;
using namespace tier::record;

struct Options {
  std::string out, name, lab_folder;
  RunPlan plan;
  Reference reference;
  double threads = 1;
  std::vector<std::string> notes;  // "key=value"
  bool json = false, keep = false, quiet = false;
};

int report(const Error& error) {
  std::fprintf(stderr, "tier-record: %s\n", error_text(error).c_str());
  return static_cast<int>(error.kind);
}

// RFC 3339; SOURCE_DATE_EPOCH, when it is set, so that a recording can be repeated to the byte.
std::string created() {
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now = fixed != nullptr ? std::atoll(fixed) : std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

void add_provenance(const Options& options, const std::string& recorder, Trace& trace) {
  auto& provenance = trace.header.provenance;
  provenance["recorder"] = recorder;
  provenance["version"] = TIERD_VERSION;
  provenance["created"] = created();
  provenance["parallelism"] = std::to_string(options.reference.parallelism);
  for (const std::string& note : options.notes)
    provenance[note.substr(0, note.find('='))] = note.substr(note.find('=') + 1);
}

nlohmann::json summary_json(const Options& options, const Trace& trace) {
  const Summary summary = summary_of(trace);
  return {{"schema", "tier-record.trace/1"},
          {"file", options.out},
          {"name", trace.header.workload.name},
          {"intervals", summary.intervals},
          {"regions", summary.regions},
          {"targets", summary.targets},
          {"misses", summary.misses},
          {"stores", summary.stores},
          {"sequential", summary.sequential},
          {"compute_s", summary.compute_s},
          {"duration_s", summary.duration_s},
          {"parallelism", trace.header.workload.streams.front().parallelism},
          {"bytes", fs::file_size(options.out)}};
}

int finish(const Options& options, const Trace& trace) {
  if (Result<void> written = write_trace(trace, options.out); !written) return report(written.error());
  const nlohmann::json summary = summary_json(options, trace);
  if (options.json) {
    std::printf("%s\n", summary.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return 0;
  }
  std::printf(
      "%s: %zu intervals, %zu regions of 2 MiB, %.3g misses (%.0f %% stores, %.0f %% sequential), "
      "%.3g s of which %.3g s compute\n",
      options.out.c_str(), summary["intervals"].get<std::size_t>(), summary["regions"].get<std::size_t>(),
      summary["misses"].get<double>(),
      100 * summary["stores"].get<double>() / std::max(1.0, summary["misses"].get<double>()),
      100 * summary["sequential"].get<double>() / std::max(1.0, summary["misses"].get<double>()),
      summary["duration_s"].get<double>(), summary["compute_s"].get<double>());
  return 0;
}

// Line breaks, so that a log of it reads well; on a terminal each overwrites the one before.
void show_progress(double wall_s, std::size_t periods) {
  std::fprintf(stderr,
               isatty(STDERR_FILENO) == 1 ? "\r[%5.0f s] %zu intervals " : "[%5.0f s] %zu intervals\n",
               wall_s, periods);
}

// The emulator's own first line, for the header.
std::string qemu_version(const std::string& qemu) {
  const Result<std::string> printed = lab::capture({qemu, "--version"});
  return printed ? printed->substr(0, printed->find('\n')) : "not known";
}

nlohmann::json machine_json(const Options& options) {
  return {{"kind", "qemu-user"},
          {"cpu", kCpu},
          {"llc_bytes", options.plan.llc_bytes},
          {"llc_ways", options.plan.llc_ways},
          {"interval_instructions", options.plan.interval},
          {"reference_ips", options.reference.instructions_per_second},
          {"reference_latency_ns", options.reference.latency.count()}};
}

Result<Trace> record_program(Options& options) {
  const auto qemu = TIER_TRY(find_qemu());
  options.plan.qemu = qemu;
  std::error_code none;
  options.plan.plugin = find_plugin();
  const fs::path events = fs::absolute(options.out + ".events");
  fs::remove_all(events, none);
  fs::create_directories(events, none);
  options.plan.prefix = (events / "process").string();
  const Progress progress = options.quiet ? Progress([](double, std::size_t) {}) : Progress(show_progress);
  TIER_TRY(run_program(options.plan, progress));
  const auto processes = TIER_TRY(read_recording(options.plan.prefix));
  Trace trace = trace_of(processes, options.name, options.reference);
  trace.header.machine = machine_json(options);
  trace.header.provenance = {{"command", joined(options.plan.command)},
                             {"qemu", qemu_version(qemu)},
                             {"seed", std::to_string(options.plan.seed)}};
  if (!options.keep) fs::remove_all(events, none);
  return trace;
}

int run(Options& options) {
  const Result<std::string> program = find_program(options.plan.command);
  if (!program) return report(program.error());
  options.plan.program = *program;
  if (options.name.empty()) options.name = fs::path(options.plan.command[0]).filename().string();
  Result<Trace> trace = record_program(options);
  if (!trace) return report(trace.error());
  add_provenance(options, "tier-record run", *trace);
  return finish(options, *trace);
}

int convert_lab(Options& options) {
  Result<Trace> trace = read_lab_trace(options.lab_folder, options.threads, options.reference);
  if (!trace) return report(trace.error());
  add_provenance(options, "tier-record lab", *trace);
  return finish(options, *trace);
}

void add_common(CLI::App& command, Options& options) {
  command.add_option("-o,--out", options.out, "Trace to write")->required();
  command
      .add_option(
          "--parallelism", options.reference.parallelism,
          "Random load misses of a thread in flight together, as far as its dependences allow: 1 for a "
          "walk along pointers, about 8 where addresses are known ahead")
      ->check(CLI::Range(1.0, 64.0));
  command.add_option("--note", options.notes, "KEY=VALUE for the trace's provenance")
      ->check([](const std::string& note) {
        return note.find('=') == std::string::npos || note[0] == '=' ? "must be KEY=VALUE" : "";
      });
  command.add_flag("--json", options.json, "Print the summary as JSON");
}

void add_run(CLI::App& app, Options& options, int& code) {
  CLI::App* command =
      app.add_subcommand("run", "Run a program under user-mode emulation and record its misses");
  add_common(*command, options);
  RunPlan& plan = options.plan;
  command->add_option("--interval-instructions", plan.interval, "Instructions of an interval")
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{1} << 40));
  command->add_option("--intervals", plan.most_periods, "End program and recording after so many; 0: never");
  command->add_option("--llc", plan.llc_bytes, "Bytes of the modelled last-level cache, a power of two")
      ->check([](const std::string& text) {
        const lab::LlcGeometry geometry{std::strtoull(text.c_str(), nullptr, 10), RunPlan{}.llc_ways, 64};
        return geometry.valid() ? "" : "must be a power of two, at least 1024";
      });
  command
      ->add_option("--reference-ips", options.reference.instructions_per_second,
                   "Instructions a second between misses on the machine that times are given for")
      ->check(CLI::Range(1e6, 1e12));
  command->add_option("--seed", plan.seed, "Seed of the randomness that the emulator gives the program");
  command->add_option("--timeout", plan.timeout_s, "Wall seconds after which the recording has failed");
  command->add_option("--name", options.name, "Name of the workload instead of the program's");
  command->add_flag("--keep-events", options.keep, "Leave the plugin's files in FILE.events");
  command->add_flag("-q,--quiet", options.quiet, "No progress");
  command->footer("The program and its arguments come last, after --.");
  command->callback([&] { code = run(options); });
}

void add_lab(CLI::App& app, Options& options, int& code) {
  CLI::App* command = app.add_subcommand("lab", "Make a trace of a lab run's exact counts");
  command->add_option("folder", options.lab_folder, "Result folder of tier-lab run")->required();
  add_common(*command, options);
  command->add_option("--threads", options.threads, "Threads of the workload")
      ->check(CLI::Range(1.0, 1024.0));
  command->callback([&] { code = convert_lab(options); });
}

int program(int argc, char** argv) {
  // What follows "--" is another program's, options and all.
  const auto own = static_cast<int>(std::find(argv, argv + argc, std::string_view("--")) - argv);
  CLI::App app{"tier-record: exact recordings of what programs ask of memory, as traces for the simulator",
               "tier-record"};
  app.require_subcommand(1);
  Options options;
  if (own < argc) options.plan.command.assign(argv + own + 1, argv + argc);
  int code = 0;
  add_run(app, options, code);
  add_lab(app, options, code);
  tier::add_common_commands(app);
  if (asks_for_description(own, argv)) return print_description(app);
  try {
    app.parse(own, argv);
  } catch (const CLI::ParseError& error) {
    return tier::end_parsing(app, own, argv, error);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  return tier::run_main("tier-record", [&] { return program(argc, argv); });
}
