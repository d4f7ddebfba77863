#include "tierd/config/loader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "core/printable.h"
#include "core/quantity.h"
#include "core/toml_guard.h"
#include "platform/api/text_file.h"
#include "tierd/config/keys.h"
#include "tierd/config/short_words.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostDropIns = 256;
// Ten tell what is wrong with a file; one for each line of the wrong file fills the log.
constexpr std::size_t kMostProblems = 10;

bool is_mask(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored) && fs::read_symlink(path, ignored) == "/dev/null";
}

// kPermission, which the unit does not retry, only where permission is what lacks: too many open files, or a
// file system that is not there yet, may pass.
tl::unexpected<Error> unreadable(const fs::path& path, const std::error_code& error, const char* fix) {
  const bool denied = error == std::errc::permission_denied || error == std::errc::operation_not_permitted;
  const std::string name = escaped(path.string());
  if (error == std::errc::too_many_symbolic_link_levels)
    return fail(ErrorKind::kUsage, name + ": a loop of symbolic links",
                "make it a folder, or a link that leads to one");
  return fail(denied ? ErrorKind::kPermission : ErrorKind::kFailed, name + ": " + error.message(),
              denied ? fix : "");
}

// The problems that are told, and how many more there are.
class Problems {
 public:
  // `fix` is only asked for where it will be told: a suggestion compares with all keys.
  template <typename Fix>
  void add(const std::string& message, const Fix& fix) {
    if (++count_ <= kMostProblems)
      told_.push_back({ErrorKind::kUsage, with_short_words(message), with_short_words(fix())});
  }
  bool empty() const { return count_ == 0; }
  tl::unexpected<Error> error() const {
    if (count_ == 1) return tl::make_unexpected(told_.front());
    std::string lines;
    for (const Error& problem : told_) lines += (lines.empty() ? "" : "\n") + problem.text();
    if (count_ > told_.size()) lines += fmt::format("\nand {} more problems", count_ - told_.size());
    return fail(ErrorKind::kUsage, std::move(lines));
  }

 private:
  std::vector<Error> told_;
  std::size_t count_ = 0;
};

// Which drop-in wins per name; an empty path is a mask.
Result<void> collect_drop_ins(const fs::path& directory, std::map<std::string, fs::path>& out) {
  const fs::path folder = directory / "tierd.toml.d";
  std::error_code error;
  if (!name_exists(folder)) return {};
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".toml") continue;
    out[it->path().filename().string()] = is_mask(it->path()) ? fs::path() : it->path();
    if (out.size() > kMostDropIns)
      return fail(ErrorKind::kUsage,
                  fmt::format("{}: more than {} drop-ins", escaped(folder.string()), kMostDropIns),
                  "join them to fewer files");
  }
  if (error) return unreadable(folder, error, "run as root, or chmod a+rx it");
  return {};
}

Result<std::vector<fs::path>> files_to_read(const ConfigDirectories& directories) {
  std::vector<fs::path> files;
  const fs::path vendor = directories.vendor / "tierd.toml", admin = directories.admin / "tierd.toml";
  if (!is_mask(admin)) {
    if (name_exists(vendor)) files.push_back(vendor);
    if (name_exists(admin)) files.push_back(admin);
  }
  std::map<std::string, fs::path> drop_ins;
  for (const fs::path* directory : {&directories.vendor, &directories.run, &directories.admin})
    TIER_TRY(collect_drop_ins(*directory, drop_ins));
  for (const auto& [name, path] : drop_ins)
    if (!path.empty()) files.push_back(path);
  return files;
}

Result<LoadedConfig> load_files(const std::vector<fs::path>& files) {
  std::vector<ConfigDocument> documents;
  for (const fs::path& file : files) {
    const auto text = TIER_TRY(read_regular_file(file, TomlLimits{}.bytes));
    documents.push_back(TIER_TRY(parse_config_text(text, file.string())));
  }
  auto loaded = check_config(documents);
  if (!loaded) return loaded;
  for (const fs::path& file : files) {
    loaded->files.push_back(file.string());
    if (const auto who = changeable_by_others(file))
      loaded->exposed.push_back(fmt::format("{}, so others than root may change this configuration", *who));
  }
  loaded->warnings.insert(loaded->warnings.end(), loaded->exposed.begin(), loaded->exposed.end());
  return loaded;
}

bool is_section(const std::string& name) {
  return std::any_of(config_keys().begin(), config_keys().end(),
                     [&](const ConfigKey& key) { return key.name.starts_with(name + "."); });
}

// The last part must match for a key written in the wrong section, the whole for a misspelt one.
std::string suggestion(const std::string& wrong) {
  std::vector<std::string> names;
  const std::string last = wrong.substr(wrong.rfind('.') + 1);
  for (const ConfigKey& key : config_keys()) {
    if (key.name.substr(key.name.rfind('.') + 1) == last)
      return fmt::format("did you mean \"{}\"?", key.name);
    names.push_back(key.name);
  }
  if (is_section(wrong)) return fmt::format("write it as a section: [{}]", wrong);
  const std::string nearest = nearest_name(wrong, names);
  return nearest.empty() ? "remove it; `tierctl config show` lists every key"
                         : fmt::format("did you mean \"{}\"?", nearest);
}

std::string unknown_section_fix(const std::string& wrong) {
  std::vector<std::string> sections;
  for (const ConfigKey& key : config_keys())
    if (const auto dot = key.name.find('.'); dot != std::string::npos)
      sections.push_back(key.name.substr(0, dot));
  const std::string nearest = nearest_name(wrong, sections);
  return nearest.empty() ? "remove it" : fmt::format("did you mean [{}]?", nearest);
}

// Keys of a file may be whatever bytes their author liked, and of any length.
void check_document(const ConfigDocument& document, LoadedConfig& loaded, Problems& problems) {
  std::set<std::string_view> sections_of_settings;
  for (const Setting& setting : document.settings)
    for (std::size_t dot = 0; (dot = setting.key.find('.', dot)) != std::string::npos; ++dot)
      sections_of_settings.insert(std::string_view(setting.key).substr(0, dot));
  for (const Setting& section : document.sections)
    if (!is_section(section.key) && !sections_of_settings.contains(section.key))
      problems.add(fmt::format("{}: unknown section [{}]", section.origin.text(), escaped_short(section.key)),
                   [&] { return unknown_section_fix(section.key); });
  for (const Setting& setting : document.settings) {
    const ConfigKey* key = find_config_key(setting.key);
    if (!key) {
      problems.add(fmt::format("{}: unknown key \"{}\"", setting.origin.text(), escaped_short(setting.key)),
                   [&] { return suggestion(setting.key); });
      continue;
    }
    if (auto applied = key->apply(setting, loaded.config); !applied)
      problems.add(fmt::format("{}: {}: {}", setting.origin.text(), escaped_short(setting.key),
                               escaped_short(applied.error().message, 400)),
                   [&] { return escaped_short(applied.error().fix, 400); });
    loaded.origins[setting.key] = setting.origin;
  }
}

// What no single key can know.
void check_together(LoadedConfig& loaded, Problems& problems) {
  const Config& config = loaded.config;
  const auto where = [&](const char* key) {
    const auto found = loaded.origins.find(key);
    return found == loaded.origins.end() ? std::string("default") : found->second.text();
  };
  if (config.sampling.cpu_budget > config.sampling.max_cpu)
    problems.add(
        fmt::format("{}: sampling.cpu_budget: {} is more than sampling.max_cpu ({})",
                    where("sampling.cpu_budget"), config.sampling.cpu_budget, config.sampling.max_cpu),
        [] { return "raise max_cpu or lower cpu_budget"; });
  if (config.prefetch.lease < 2 * config.prefetch.interval)
    problems.add(
        fmt::format("{}: prefetch.lease: {} is less than two of prefetch.interval ({}), so a late decision "
                    "would put everything back",
                    where("prefetch.lease"), show_duration(config.prefetch.lease),
                    show_duration(config.prefetch.interval)),
        [] { return "raise lease or lower interval"; });
  const TargetsConfig& targets = config.targets;
  if (targets.pids.empty() && targets.cgroups.empty() && targets.executables.empty())
    loaded.warnings.emplace_back(
        "[targets] names nothing: every process of 64 MiB or more is watched (fix: name pids, cgroups or "
        "executables)");
}

}  // namespace

ConfigDirectories system_config_directories() { return {.vendor = TIERD_VENDOR_DIRECTORY}; }

Result<LoadedConfig> check_config(const std::vector<ConfigDocument>& documents) {
  LoadedConfig loaded;
  Problems problems;
  for (const ConfigDocument& document : documents) check_document(document, loaded, problems);
  if (problems.empty()) check_together(loaded, problems);
  if (problems.empty()) return loaded;
  return problems.error();
}

Result<LoadedConfig> load_config(const ConfigDirectories& directories) {
  return load_files(TIER_TRY(files_to_read(directories)));
}

Result<LoadedConfig> load_config_file(const fs::path& file) { return load_files({file}); }

std::string show_config(const LoadedConfig& loaded) {
  std::string out, section;
  for (const ConfigKey& key : config_keys()) {
    std::string name = key.name.ends_with(".*") ? key.name.substr(0, key.name.size() - 2) : key.name;
    const auto dot = name.find('.');
    if (dot != std::string::npos && name.substr(0, dot) != section) {
      section = name.substr(0, dot);
      out += fmt::format("\n[{}]\n", section);
    }
    const auto origin = loaded.origins.lower_bound(name);
    const bool set = origin != loaded.origins.end() && origin->first.starts_with(name);
    out += fmt::format("{} = {}  # {}\n", name.substr(dot == std::string::npos ? 0 : dot + 1),
                       key.show(loaded.config), set ? origin->second.text() : "default");
  }
  return out;
}

}  // namespace tier
