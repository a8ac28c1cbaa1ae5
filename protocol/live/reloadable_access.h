// ReloadableAccess: an Access that another one can take the place of, and that logs denials.
#pragma once

#include <memory>
#include <utility>

#include "protocol/broker/access.h"
#include "protocol/live/log_lines.h"

namespace mqttlab::live {

/// Clients that are connected stay so, and are judged by the new one from now on. Who is in the
/// middle of an enhanced authentication is refused, and has to connect again.
class ReloadableAccess final : public Access {
 public:
  ReloadableAccess(std::unique_ptr<Access> access, LogLines& log)
      : access_(std::move(access)), log_(log) {}
  void replace(std::unique_ptr<Access> access) { access_ = std::move(access); }

  Decision ask(const AccessRequest& request) override {
    Decision decision = access_->ask(request);
    // Whose CONNECT is refused, the server logs.
    const bool connects = request.kind == AccessRequest::Kind::authenticate;
    if (decision.verdict == Verdict::denied && !connects)
      log_(LogLevel::info, "client '{}', user '{}': may not {} '{}'", request.client_id,
           request.user_name,
           request.kind == AccessRequest::Kind::publish ? "publish to" : "subscribe to",
           request.topic);
    return decision;
  }
  [[nodiscard]] bool supports(std::string_view method) const override {
    return access_->supports(method);
  }
  void gone(LinkId link) override { access_->gone(link); }

 private:
  std::unique_ptr<Access> access_;
  LogLines& log_;
};

}  // namespace mqttlab::live
