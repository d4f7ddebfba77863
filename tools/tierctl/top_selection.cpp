#include "tools/tierctl/top_selection.h"

#include <algorithm>
#include <array>

#include "core/cgroup_path.h"

namespace tier {
namespace {

using nlohmann::json;

struct SortKey {
  const char* name;
  const char* field;
  bool ascending;
};
constexpr std::array<SortKey, 11> kKeys = {{{"waited", "waited_seconds", false},
                                            {"demand", "demand", false},
                                            {"fast-share", "hit_share", false},
                                            {"resident", "resident_bytes", false},
                                            {"in-fast", "fast_bytes", false},
                                            {"regions", "regions", false},
                                            {"samples", "samples", false},
                                            {"promoted", "promoted_bytes", false},
                                            {"demoted", "demoted_bytes", false},
                                            {"pid", "pid", true},
                                            {"name", "name", true}}};

// Rows without the field, or where it is not known, come last.
bool before(const json& a, const json& b, const SortKey& key) {
  const json left = a.value(key.field, json()), right = b.value(key.field, json());
  if (left.is_null() || right.is_null()) return !left.is_null();
  return key.ascending ? left < right : right < left;
}

}  // namespace

const std::vector<std::string>& top_sort_keys() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    made.reserve(std::size(kKeys));
    for (const SortKey& key : kKeys) made.emplace_back(key.name);
    return made;
  }();
  return names;
}

Result<void> select_rows(json& top, const TopSelection& selection) {
  const auto found = top.find("rows");
  if (found == top.end() || !found->is_array()) return {};
  auto& rows = found->get_ref<json::array_t&>();
  std::erase_if(rows, [](const json& row) { return !row.is_object(); });
  if (!selection.cgroup.empty()) {
    const auto wanted = TIER_TRY(cgroup_path(selection.cgroup));
    std::erase_if(rows, [&](const json& row) {
      const auto cgroup = row.find("cgroup");
      return cgroup == row.end() || !cgroup->is_string() ||
             !within_cgroup(cgroup->get_ref<const std::string&>(), wanted);
    });
  }
  const auto key = std::find_if(kKeys.begin(), kKeys.end(),
                                [&](const SortKey& each) { return each.name == selection.sort; });
  if (key != kKeys.end())
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const json& a, const json& b) { return before(a, b, *key); });
  std::uint64_t omitted = top.value("omitted", std::uint64_t{0});
  if (selection.rows != 0 && rows.size() > selection.rows) {
    omitted += rows.size() - selection.rows;
    rows.resize(selection.rows);
  }
  top["omitted"] = omitted;
  return {};
}

}  // namespace tier
