// The broker about itself, as retained messages under $SYS/broker/.
#pragma once

#include "protocol/broker/router.h"

namespace mqttlab {

/// Publishes every gauge under the name that mosquitto made usual, at QoS 0, as decimal text.
void publish_sys_topics(Router& router, const BrokerGauges& gauges, Time uptime, Time now);

}  // namespace mqttlab
