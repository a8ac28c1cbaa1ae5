#include "protocol/broker/scram_access.h"

#include "protocol/session/octets.h"

namespace mqttlab {

ScramAccess::ScramAccess(PasswordFile users, Random random, std::size_t max_conversations)
    : users_(std::move(users)),
      nonces_(scram_nonces(random)),
      secret_(nonces_()),
      max_conversations_(max_conversations) {}

bool ScramAccess::knows(const AccessRequest& request) const {
  return request.kind == AccessRequest::Kind::authenticate && supports(request.method);
}

Decision ScramAccess::ask(const AccessRequest& request) {
  return request.step == 0 ? begin(request) : finish(request);
}

Decision ScramAccess::begin(const AccessRequest& request) {
  conversations_.erase(request.link);
  if (conversations_.size() >= max_conversations_)
    return {Verdict::denied, ReasonCode::server_busy};
  ScramServer server;
  auto answer = server.first(request.data, nonces_(), [this](std::string_view user) {
    return users_.scram(user, bytes_of(secret_));
  });
  if (!answer) return {Verdict::denied, ReasonCode::not_authorized};
  conversations_.emplace(request.link, std::move(server));
  Decision decision = Verdict::more;  // becomes an AUTH 0x18 (MQTT-4.12.0-2)
  decision.data = *std::move(answer);
  return decision;
}

Decision ScramAccess::finish(const AccessRequest& request) {
  auto conversation = conversations_.extract(request.link);
  const auto answer = conversation ? conversation.mapped().finish(request.data) : std::nullopt;
  // One reason for all failures: whether the user exists is nobody's business.
  if (!answer) return {Verdict::denied, ReasonCode::not_authorized};  // MQTT-4.12.0-4
  Decision decision = Verdict::granted;
  decision.user_name = conversation.mapped().user_name();
  decision.data = *answer;
  // A session's identity is renewed, not exchanged: rights were given to who it was.
  if (request.again && decision.user_name != request.user_name)
    return {Verdict::denied, ReasonCode::not_authorized};  // MQTT-4.12.1-2
  return decision;
}

}  // namespace mqttlab
