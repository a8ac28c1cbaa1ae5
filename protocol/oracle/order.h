// Order: first deliveries of one publisher's messages of one topic and QoS come in the order in
// which the broker accepted them (ORD-TOPIC, MQTT-4.6.0-6). Repeats, retained messages sent for a
// subscription, wills, and messages of different topics or levels are free.
#pragma once

#include "protocol/oracle/model.h"

namespace mqttlab::oracle {

class Order {
 public:
  explicit Order(Model& model) : model_(model) {}
  /// An application got the message of this record for the first time. `arrived`: the event of its
  /// first copy that waited.
  void first_delivery(Client& client, const Session& session, const Record& record, QoS delivered,
                      std::uint64_t arrived);

 private:
  Model& model_;
};

}  // namespace mqttlab::oracle
