#include "protocol/client/referral.h"

#include <utility>

namespace mqttlab::client {

namespace {

/// What the server said at the end; success: nothing.
std::pair<ReasonCode, const Properties*> last_words(const ClientEvent& how) {
  if (const auto* refused = std::get_if<Refused>(&how))
    return {refused->reason, &refused->properties};
  const auto* lost = std::get_if<Disconnected>(&how);
  if (lost && lost->server) return {lost->server->reason, &lost->server->properties};
  return {};
}

}  // namespace

void Referral::ended(const ClientEvent& how) {
  if (!permanent_) servers_.clear();
  const auto [reason, properties] = last_words(how);
  if (reason != ReasonCode::use_another_server && reason != ReasonCode::server_moved) return;
  const auto servers = properties->get<PropertyId::server_reference>();
  if (!servers || servers->empty()) return;
  servers_ = servers->text();
  permanent_ = reason == ReasonCode::server_moved;
}

}  // namespace mqttlab::client
