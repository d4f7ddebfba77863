#include "tierd/control/config_view.h"

#include "tierd/config/keys.h"

namespace tier {

ConfigView to_view(const LoadedConfig& loaded) {
  ConfigView view;
  view.files = loaded.files;
  view.toml = show_config(loaded);
  for (const ConfigKey& key : config_keys()) {
    const std::string name = key.name.ends_with(".*") ? key.name.substr(0, key.name.size() - 2) : key.name;
    const auto origin = loaded.origins.lower_bound(name);
    const bool set =
        origin != loaded.origins.end() && (origin->first == name || origin->first.starts_with(name + "."));
    view.values.push_back({name, key.show(loaded.config), set ? origin->second.text() : "default"});
  }
  return view;
}

}  // namespace tier
