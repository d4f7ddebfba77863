// The description promises types; the views must keep the promise, field by field.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "tierd/control/dispatch.h"
#include "tierd/control/fake_backend.h"
#include "tierd/control/protocol.h"

namespace tier {
namespace {

using nlohmann::json;
using Fields = std::map<std::string, std::string>;

std::string_view trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \n") + 1 - from);
}

// "name: type, name: type"
Fields parse_fields(std::string_view text) {
  Fields fields;
  while (!trim(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view field = text.substr(0, comma);
    const auto colon = field.find(':');
    fields[std::string(trim(field.substr(0, colon)))] = trim(field.substr(colon + 1));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return fields;
}

struct Description {
  std::map<std::string, Fields> types, outputs;
};

// What stands between the next pair of parentheses; moves `at` behind it.
std::string_view next_parentheses(std::string_view text, std::size_t& at) {
  const auto open = text.find('(', at), close = text.find(')', open);
  at = close + 1;
  return text.substr(open + 1, close - open - 1);
}

Description parse_description() {
  const std::string_view text = control_interface_description();
  Description description;
  for (const bool method : {false, true}) {
    const std::string_view word = method ? "\nmethod " : "\ntype ";
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos;) {
      const auto name_end = text.find('(', at);
      const std::string name(trim(text.substr(at + word.size(), name_end - at - word.size())));
      Fields first = parse_fields(next_parentheses(text, at));
      if (method)
        description.outputs[name] = parse_fields(next_parentheses(text, at));
      else
        description.types[name] = std::move(first);
    }
  }
  return description;
}

void check_object(const Description& all, const Fields& fields, const json& value, const std::string& where);

void check_value(const Description& all, std::string type, const json& value, const std::string& where) {
  if (type.starts_with("?")) {
    if (value.is_null()) return;
    type.erase(0, 1);
  }
  if (type.starts_with("[]")) {
    ASSERT_TRUE(value.is_array()) << where;
    for (const json& element : value) check_value(all, type.substr(2), element, where + "[]");
  } else if (type.starts_with("[string]")) {
    ASSERT_TRUE(value.is_object()) << where;
    for (const auto& [key, element] : value.items())
      check_value(all, type.substr(8), element, where + "." + key);
  } else if (type == "string") {
    EXPECT_TRUE(value.is_string()) << where;
  } else if (type == "bool") {
    EXPECT_TRUE(value.is_boolean()) << where;
  } else if (type == "int") {
    EXPECT_TRUE(value.is_number_integer()) << where;
  } else if (type == "float") {
    EXPECT_TRUE(value.is_number()) << where;
  } else {
    ASSERT_TRUE(all.types.contains(type)) << where << " has the undescribed type " << type;
    check_object(all, all.types.at(type), value, where);
  }
}

void check_object(const Description& all, const Fields& fields, const json& value, const std::string& where) {
  ASSERT_TRUE(value.is_object()) << where;
  for (const auto& [name, type] : fields) {
    ASSERT_TRUE(value.contains(name)) << where << " lacks " << name;
    check_value(all, type, value.at(name), where + "." + name);
  }
  for (const auto& [name, field] : value.items())
    EXPECT_TRUE(fields.contains(name)) << where << "." << name << " is not described";
}

TEST(InterfaceDescription, MatchesWhatEveryMethodReturns) {
  const Description all = parse_description();
  ASSERT_EQ(all.outputs.size(), 18u);
  ASSERT_EQ(all.types.size(), 39u);
  FakeBackend backend;
  const Caller root{.privileged = true};
  for (const auto& [method, fields] : all.outputs) {
    json parameters = json::object();
    if (method == "Explain") parameters = {{"pid", 4100}, {"address", 4096}};
    if (method == "PrefetchExplain") parameters = {{"control", "core 3"}};
    if (method == "PrefetchArm") parameters = {{"dry_run", true}};
    if (method == "Snapshot") parameters = {{"held", true}};
    const Outcome outcome =
        dispatch(backend, root, {"0.1.0"},
                 json{{"method", "io.tierd.Control." + method}, {"parameters", parameters}}.dump());
    ASSERT_TRUE(outcome.reply) << method;
    const json reply = json::parse(*outcome.reply);
    ASSERT_FALSE(reply.contains("error")) << method << reply;
    check_object(all, fields, reply.at("parameters"), method);
  }
}

}  // namespace
}  // namespace tier
