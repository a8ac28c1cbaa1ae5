// Delivery5: a publisher and a subscriber of MQTT 5.0, that scripts of delivery begin with.
#pragma once

#include <gtest/gtest.h>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {

struct Delivery5 : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub"), other = t.client("other");

  static ConnectOptions v5() {
    ConnectOptions options;
    options.version = ProtocolVersion::v5_0;
    options.says.session_expiry_s = endless_expiry_s;
    return options;
  }
  void begin(int qos) {
    for (Client* client : {&pub, &sub, &other}) client->connect(v5());
    if (qos >= 0) sub.subscribe("a/#", qos);
  }
  static Packet message(int qos = 1) { return publish("a/b", "m", qos, 1); }
  // Published with an interval, and sent to a subscriber who was away for so long.
  std::string sent_after(std::uint32_t published_s, double away_s, const Packet& sent) {
    begin(1);
    sub.cut();
    pub.publishes(message().expires(published_s));
    t.wait(away_s);
    sub.connect(v5());
    sub.receives(sent);
    t.settle();
    return t.broken();
  }
};

}  // namespace mqttlab::oracle_test
