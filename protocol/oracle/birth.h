// Births: a client that retains its status on the topic of its retained will, and is connected, is
// seen as connected in the end (BIRTH-WINS). With one client id WILL-ORDER sees to it; with a new
// one for each connection nothing in the standard does.
#pragma once

#include "protocol/oracle/retained.h"

namespace mqttlab::oracle {

class Births {
 public:
  Births(Model& model, Retained& retained) : model_(model), retained_(retained) {}
  void finish(const Deadline& deadline);

 private:
  Model& model_;
  Retained& retained_;
};

}  // namespace mqttlab::oracle
