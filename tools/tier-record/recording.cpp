#include "tools/tier-record/recording.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace tier::record {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Period period_from(const json& event) {
  Period period;
  period.instructions = event.at("instructions").get<std::uint64_t>();
  period.longest = event.at("longest").get<std::uint64_t>();
  period.windows = event.at("windows").get<std::uint64_t>();
  period.window_loads = event.at("window_loads").get<std::uint64_t>();
  for (const json& row : event.at("regions"))
    period.regions.push_back({row.at(0).get<std::uint64_t>(),
                              {row.at(1).get<std::uint32_t>(), row.at(2).get<std::uint32_t>(),
                               row.at(3).get<std::uint32_t>(), row.at(4).get<std::uint32_t>()}});
  for (const json& row : event.at("mappings")) {
    const auto start = row.at(1).get<Address>();
    period.mappings.push_back({row.at(0).get<int>() != 0, {start, start + row.at(2).get<std::uint64_t>()}});
  }
  return period;
}

void accept(const json& event, Process& into) {
  const std::string kind = event.at("record");
  if (kind == "process") {
    into.pid = event.at("pid").get<int>();
    into.parent = event.at("parent").get<int>();
    into.born = event.at("born").get<std::uint64_t>();
    into.interval = event.at("interval").get<std::uint64_t>();
    into.llc_bytes = event.at("llc").get<std::uint64_t>();
    into.llc_ways = event.at("ways").get<std::uint32_t>();
  } else if (kind == "period") {
    if (event.at("index").get<std::size_t>() != into.periods.size())
      throw std::out_of_range("a period out of turn");
    into.periods.push_back(period_from(event));
  } else if (kind == "exit" || kind == "limit") {
    into.ended = true;
  } else {
    throw std::out_of_range("an unknown kind");
  }
}

Result<Process> read_process(const std::string& path) {
  std::ifstream file(path);
  Process process;
  // getline() meets the end of the file inside a line only when that line is unfinished.
  for (std::string line; std::getline(file, line) && !file.eof();)
    if (Result<> taken = accept_line(line, process); !taken)
      return fail(ErrorKind::kFailed, path + ": " + taken.error().message);
  if (process.pid == 0) return fail(ErrorKind::kFailed, path + " has no first line");
  return process;
}

}  // namespace

Result<void> accept_line(const std::string& line, Process& into) {
  try {
    accept(json::parse(line), into);
    return {};
  } catch (const std::exception& reason) {
    return fail(ErrorKind::kFailed,
                "a bad line (" + std::string(reason.what()) + "): " + line.substr(0, 200));
  }
}

Result<std::vector<Process>> read_recording(const std::string& prefix) {
  const fs::path path = fs::absolute(prefix);
  const std::string start = path.filename().string() + ".";
  std::vector<Process> processes;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path.parent_path(), none)) {
    if (!entry.path().filename().string().starts_with(start)) continue;
    auto process = TIER_TRY(read_process(entry.path().string()));
    if (process.parent == 0 || !process.periods.empty()) processes.push_back(std::move(process));
  }
  std::sort(processes.begin(), processes.end(), [](const Process& a, const Process& b) {
    return std::make_tuple(a.parent != 0, a.born, a.pid) < std::make_tuple(b.parent != 0, b.born, b.pid);
  });
  if (processes.empty() || processes.front().parent != 0)
    return fail(ErrorKind::kFailed, "nothing was recorded at " + prefix,
                "the program may not have started: see its messages");
  if (processes.size() > 1 && processes[1].parent == 0)
    return fail(ErrorKind::kUsage, "two recordings lie at " + prefix, "give each its own name");
  return processes;
}

}  // namespace tier::record
