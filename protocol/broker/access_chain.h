// AccessChain: several providers as one Access.
#pragma once

#include <memory>
#include <vector>

#include "protocol/broker/access_provider.h"

namespace mqttlab {

/// The first provider that knows a request decides it, `last` what none of them knows: passwords,
/// rights and the anonymous. What nobody knows is denied.
class AccessChain final : public Access {
 public:
  /// `last` may be null.
  AccessChain(std::vector<std::shared_ptr<AccessProvider>> providers, std::unique_ptr<Access> last)
      : providers_(std::move(providers)), last_(std::move(last)) {}

  Decision ask(const AccessRequest& request) override;
  [[nodiscard]] bool supports(std::string_view method) const override;
  void gone(LinkId link) override;

 private:
  std::vector<std::shared_ptr<AccessProvider>> providers_;
  std::unique_ptr<Access> last_;
};

}  // namespace mqttlab
