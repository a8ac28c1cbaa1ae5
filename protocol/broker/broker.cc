#include "protocol/broker/broker.h"

#include "protocol/broker/broker_core.h"

namespace mqttlab {

struct Broker::State {
  BrokerCore core;
};

Broker::Broker(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
               trace::Actor actor)
    : state_(new State{BrokerCore(config, seed, access, log, actor)}) {}
Broker::~Broker() = default;

Peer& Broker::accept(LinkId link, Time now, std::string_view certificate) {
  return state_->core.accept(link, now, certificate);
}
void Broker::release(LinkId link) { state_->core.release(link); }
LinkReport Broker::report(LinkId link) const { return state_->core.report(link); }
std::span<const LinkId> Broker::touched() { return state_->core.touched(); }
void Broker::decide(RequestId request, Decision decision, Time now) {
  state_->core.decide(request, decision, now);
}
bool Broker::disconnect(std::string_view client_id, ReasonCode reason, Time now) {
  return state_->core.disconnect(client_id, reason, now);
}
void Broker::shut_down(Time now) { state_->core.shut_down(now); }
void Broker::advance(Time now) { state_->core.advance(now); }
Time Broker::deadline() const { return state_->core.deadline(); }
BrokerGauges Broker::gauges() const { return state_->core.gauges(); }

}  // namespace mqttlab
