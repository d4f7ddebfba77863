#include "tierd/control/protocol.h"

#include <array>
#include <utility>

namespace tier {
namespace {

constexpr std::array<std::pair<ErrorKind, std::string_view>, 6> kKinds = {{
    {ErrorKind::kFailed, "failed"},
    {ErrorKind::kUsage, "usage"},
    {ErrorKind::kNotRunning, "not-running"},
    {ErrorKind::kPermission, "permission"},
    {ErrorKind::kUnsupported, "unsupported"},
    {ErrorKind::kDiffers, "differs"},
}};

// The peer may send anything under these names.
std::string text_field(const nlohmann::json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

}  // namespace

nlohmann::json to_error_reply(const Error& error) {
  std::string kind = "failed";
  for (const auto& [value, name] : kKinds)
    if (value == error.kind) kind = name;
  const bool permission = error.kind == ErrorKind::kPermission;
  return {{"error", permission ? kErrorPermission : kErrorFailed},
          {"parameters", {{"kind", kind}, {"message", error.message}, {"fix", error.fix}}}};
}

Error from_error_reply(const nlohmann::json& reply) {
  const std::string name = text_field(reply, "error");
  const auto parameters = reply.value("parameters", nlohmann::json::object());
  if (!parameters.is_object()) return {ErrorKind::kFailed, "the daemon answered " + name, ""};
  Error error{ErrorKind::kFailed, text_field(parameters, "message"), text_field(parameters, "fix")};
  for (const auto& [value, kind] : kKinds)
    if (text_field(parameters, "kind") == kind) error.kind = value;
  if (name == kErrorPermission) error.kind = ErrorKind::kPermission;
  if (name == kErrorParameter) {
    error.kind = ErrorKind::kUsage;
    error.message = "the daemon refused the parameter \"" + text_field(parameters, "parameter") + "\"";
  }
  if (name == kErrorMethod || name == kErrorInterface) {
    error.kind = ErrorKind::kUnsupported;
    error.message = "the running daemon does not know " + text_field(parameters, "method") +
                    text_field(parameters, "interface");
    error.fix = "restart it after the update: systemctl restart tierd";
  }
  if (error.message.empty()) error.message = "the daemon answered " + name;
  return error;
}

}  // namespace tier
