// Expiry: a message whose Message Expiry Interval is over is not sent any more, and one that is
// sent in time carries what is left of its interval (EXPIRY). Judged by what the wire proves: a
// PUBLISH may be encoded long before the transport takes it.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Expiry {
 public:
  /// A message as it came to the broker.
  struct Source {
    std::uint64_t event = 0;
    Time arrived_at = 0;  ///< the earliest instant from which the interval may count
    Time handled_at = 0;  ///< and the latest
    std::uint32_t expiry_s = endless_expiry_s;
  };

  explicit Expiry(Model& model) : model_(model) {}

  /// The broker began to send it, and not before `since`.
  void sent(const Connection& connection, const Event& event, const Source& source, Time since);
  /// Not begun as often as it is due, and over: a legal reason for its absence. Of equal messages
  /// with different intervals it cannot be told which one is missing.
  [[nodiscard]] static bool excuses(const Record& record, Time now);

 private:
  [[nodiscard]] Time encoded_since(const Connection& connection, const Event& event,
                                   Time since) const;
  void broken(const Connection& connection, const Event& event, const Source& source,
              const std::string& how);

  Model& model_;
};

}  // namespace mqttlab::oracle
