// `tierctl enable` and `tierctl disable`; enable.h does the work.
#include <fmt/format.h>

#include "tools/tierctl/commands.h"
#include "tools/tierctl/reply.h"
#include "tools/tierctl/table.h"
#include "tools/tierctl/text.h"

namespace tier {
namespace {

using nlohmann::json;

const char* state_name(OptionState state) {
  switch (state) {
    case OptionState::kOff:
      return "off";
    case OptionState::kOn:
      return "on";
    case OptionState::kForeign:
      return "foreign";
  }
  return "?";
}

json as_json(const OptionStanding& standing) {
  const OptionEntry& option = *standing.option;
  return {{"name", option.name},      {"state", state_name(standing.state)},
          {"file", standing.file},    {"exposure", option.exposure},
          {"allows", option.allows},  {"costs", option.costs},
          {"besides", option.besides}};
}

json as_json(const OptionChange& change) {
  return {{"name", change.option->name},
          {"state", state_name(change.state)},
          {"file", change.file},
          {"changed", change.changed},
          {"notes", change.notes}};
}

}  // namespace

Result<void> Commands::options_list() const {
  const auto all = TIER_TRY(Enabler(around_.enable).list());
  if (options_.json) {
    json options = json::array();
    for (const OptionStanding& each : all) options.push_back(as_json(each));
    return around_.print(
        document({{"schema", "io.tierd.enable/1"}, {"options", std::move(options)}}, /*stream=*/false));
  }
  Table table({{"NAME", kLeft}, {"STATE", kLeft}, {"EXPOSURE", kRight}, {"ALLOWS", kLeft}, {"COSTS", kLeft}});
  std::string foreign;
  for (const OptionStanding& each : all) {
    table.add({each.option->name, state_name(each.state), each.option->exposure, each.option->allows,
               each.option->costs});
    if (each.state == OptionState::kForeign)
      foreign += fmt::format("{} is not as tierctl wrote it, and is left alone\n", printable(each.file));
  }
  return around_.print(table.text(options_.style.legend) + foreign);
}

Result<void> Commands::show_changes(const std::vector<OptionChange>& changes) const {
  if (options_.json) {
    json all = json::array();
    for (const OptionChange& change : changes) all.push_back(as_json(change));
    return around_.print(
        document({{"schema", "io.tierd.enable-change/1"}, {"changes", std::move(all)}}, /*stream=*/false));
  }
  std::string text;
  for (const OptionChange& change : changes)
    for (const std::string& note : change.notes)
      text += fmt::format("{}: {}\n", change.option->name, printable(note));
  return around_.print(text);
}

Result<void> Commands::enable(const std::string& option, bool restart) {
  return show_changes({TIER_TRY(Enabler(around_.enable).enable(option, restart))});
}

Result<void> Commands::disable(const std::string& option, bool restart) {
  return show_changes({TIER_TRY(Enabler(around_.enable).disable(option, restart))});
}

Result<void> Commands::disable_all(bool restart) {
  std::vector<OptionChange> changes;
  Result<void> failed;
  for (const OptionEntry& option : option_table()) {
    auto change = Enabler(around_.enable).disable(option.name, restart);
    if (!change && change.error().kind == ErrorKind::kPermission) return tl::make_unexpected(change.error());
    if (change) {
      changes.push_back(*std::move(change));
    } else if (failed) {
      failed = tl::make_unexpected(change.error());
    } else {
      failed.error().message += "\n" + change.error().text();
    }
  }
  TIER_TRY(show_changes(changes));
  return failed;
}

}  // namespace tier
