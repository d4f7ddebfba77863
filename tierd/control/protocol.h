// Names on the wire, shared by server and client. The types are in io.tierd.Control.varlink.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/result.h"

namespace tier {

inline constexpr std::string_view kControlInterface = "io.tierd.Control";
inline constexpr std::string_view kServiceInterface = "org.varlink.service";
inline constexpr std::string_view kErrorFailed = "io.tierd.Control.Failed";
inline constexpr std::string_view kErrorPermission = "org.varlink.service.PermissionDenied";
inline constexpr std::string_view kErrorParameter = "org.varlink.service.InvalidParameter";
inline constexpr std::string_view kErrorMethod = "org.varlink.service.MethodNotFound";
inline constexpr std::string_view kErrorInterface = "org.varlink.service.InterfaceNotFound";

// The interface definition, as GetInterfaceDescription returns it.
std::string_view control_interface_description();
std::string_view service_interface_description();

// An error reply, and back. Unknown errors become kFailed with the error's name as message.
nlohmann::json to_error_reply(const Error&);
Error from_error_reply(const nlohmann::json& reply);

}  // namespace tier
