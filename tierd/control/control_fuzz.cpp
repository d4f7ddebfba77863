// Feeds the control socket's way from bytes to replies: framing, requests, redaction, streams. In an input
// each line or NUL ends a message. Every message is sent by root and by a user without rights.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "tierd/control/dispatch.h"
#include "tierd/control/fake_backend.h"
#include "tierd/control/framing.h"
#include "tierd/control/protocol.h"

namespace {

using nlohmann::json;
using tier::fuzz::require;

constexpr tier::Caller kRoot{.uid = 0, .gid = 0, .pid = 1, .privileged = true};
constexpr tier::Caller kUser{.uid = 1000, .gid = 1000, .pid = 9, .privileged = false};
constexpr std::size_t kLongestMessage = 65536;
constexpr std::size_t kMostMessages = 4;    // of an input
constexpr std::int64_t kForeignUid = 4242;  // of FakeBackend's other process

void require_error(const json& reply) {
  const tier::Error error = tier::from_error_reply(reply);
  require(!error.message.empty(), "an error reply has a text");
}

// Nothing of another user's processes, wherever it stands in the reply.
void require_redacted(const json& value) {
  if (value.is_object() && value.contains("uid"))
    require(value["uid"] != kForeignUid, "a user sees rows of their own");
  if (!value.is_structured()) return;
  for (const json& inner : value) require_redacted(inner);
}

void check_reply(const std::string& text, const tier::Caller& caller, bool streamed) {
  const json reply = json::parse(text, nullptr, /*allow_exceptions=*/false);
  require(reply.is_object(), "a reply is a JSON object", text);
  require(text.find('\0') == std::string::npos, "a reply holds no NUL", text);
  const bool failed = reply.contains("error");
  if (failed) return require_error(reply);
  require(reply.contains("parameters") && reply["parameters"].is_object(), "a reply has parameters", text);
  require(reply.contains("continues") == streamed, "streamed replies alone say that more follow", text);
  if (!caller.privileged) require_redacted(reply);
}

void check_message(const std::string& message, const tier::Caller& caller) {
  tier::FakeBackend backend(kUser.uid);
  tier::Outcome outcome = tier::dispatch(backend, caller, {"0.1.0"}, message);
  require(!outcome.hang_up || (!outcome.reply && !outcome.follow), "nothing follows a hang-up");
  require(!outcome.reply || !outcome.follow, "a call gets a reply or a stream");
  if (!caller.privileged) require(backend.control_calls.empty(), "a user controls nothing", message);
  if (outcome.reply) check_reply(*outcome.reply, caller, false);
  if (!outcome.follow) return;
  require(outcome.follow->limit <= 1000, "a stream's replies are bounded");
  for (int i = 0; i < 3 && !outcome.follow->ended; ++i) {
    const std::uint64_t since = outcome.follow->since;
    const auto reply = tier::next_reply(backend, caller, *outcome.follow, true);
    require(outcome.follow->since >= since, "a stream moves on", message);
    if (reply) check_reply(*reply, caller, true);
    ++backend.tick;
  }
}

// However the bytes arrive, the messages are the same.
std::vector<std::string> messages_of(std::string_view bytes) {
  std::vector<std::string> all, halves;
  tier::MessageSplitter whole(kLongestMessage), split(kLongestMessage);
  if (!whole.feed(bytes)) return {};
  while (auto message = whole.next()) all.push_back(*std::move(message));
  for (const std::string_view part : {bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)}) {
    if (!split.feed(part)) return {};
    while (auto message = split.next()) halves.push_back(*std::move(message));
  }
  require(all == halves, "messages do not depend on how the bytes arrive");
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes = tier::fuzz::text_of(data, size) + '\0';
  std::replace(bytes.begin(), bytes.end(), '\n', '\0');
  std::vector<std::string> messages = messages_of(bytes);
  messages.resize(std::min(messages.size(), kMostMessages));
  for (const std::string& message : messages)
    for (const tier::Caller& caller : {kRoot, kUser}) check_message(message, caller);
  // The client trusts the daemon with the depth of its replies, so deep ones are not tried.
  constexpr std::size_t kMostReply = 512;
  const json reply =
      json::parse(data, data + std::min(size, kMostReply), nullptr, /*allow_exceptions=*/false);
  if (reply.is_object()) require_error(reply);
  return 0;
}
