// Questions: the Access of one process of the broker. An answer to a question of the one before is
// none of its business.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/broker/access.h"

namespace mqttlab::sim {

class Questions final : public Access {
 public:
  Questions(Access& access, std::uint64_t process) : access_(access), process_(process << 48) {}

  Decision ask(const AccessRequest& request) override {
    AccessRequest numbered = request;
    numbered.request += process_;
    return access_.ask(numbered);
  }
  [[nodiscard]] bool supports(std::string_view method) const override {
    return access_.supports(method);
  }
  void gone(LinkId link) override { access_.gone(link); }
  /// What the broker calls it, if the question was of this process.
  [[nodiscard]] std::optional<RequestId> own(RequestId request) const {
    constexpr RequestId of_one = (RequestId{1} << 48) - 1;
    if ((request & ~of_one) != process_) return std::nullopt;
    return request & of_one;
  }

 private:
  Access& access_;
  const RequestId process_;
};

}  // namespace mqttlab::sim
