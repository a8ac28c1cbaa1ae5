// PubSub: the publisher and the subscriber that many scripts begin with.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/oracle/trace_builder.h"

namespace mqttlab::oracle_test {

struct PubSub : testing::Test {
  TraceBuilder t;
  Client pub = t.client("pub"), sub = t.client("sub");

  void begin(int qos, const std::string& filter = "a/#") {
    pub.connect();
    sub.connect();
    sub.subscribe(filter, qos);
  }
};

}  // namespace mqttlab::oracle_test
