// The description promises types; the views must keep the promise, field by field.
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "tierd/control/dispatch.h"
#include "tierd/control/fake_backend.h"
#include "tierd/control/protocol.h"

namespace tier {
namespace {

using nlohmann::json;
using Fields = std::map<std::string, std::string>;

Fields parse_fields(const std::string& text) {
  static const std::regex field(R"((\w+):\s*([\w?\[\]]+))");
  Fields fields;
  for (std::sregex_iterator it(text.begin(), text.end(), field), end; it != end; ++it)
    fields[(*it)[1]] = (*it)[2];
  return fields;
}

struct Description {
  std::map<std::string, Fields> types, outputs;
};

Description parse_description() {
  const std::string text(control_interface_description());
  static const std::regex type(R"(type\s+(\w+)\s*\(([^)]*)\))");
  static const std::regex method(R"(method\s+(\w+)\s*\(([^)]*)\)\s*->\s*\(([^)]*)\))");
  Description description;
  for (std::sregex_iterator it(text.begin(), text.end(), type), end; it != end; ++it)
    description.types[(*it)[1]] = parse_fields((*it)[2]);
  for (std::sregex_iterator it(text.begin(), text.end(), method), end; it != end; ++it)
    description.outputs[(*it)[1]] = parse_fields((*it)[3]);
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
  ASSERT_EQ(all.outputs.size(), 11u);
  FakeBackend backend;
  const Caller root{.privileged = true};
  for (const auto& [method, fields] : all.outputs) {
    json parameters = json::object();
    if (method == "Explain") parameters = {{"pid", 4100}, {"address", 4096}};
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
