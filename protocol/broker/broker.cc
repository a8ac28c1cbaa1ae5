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

Peer& Broker::accept(LinkId link, Time now) { return state_->core.accept(link, now); }
void Broker::release(LinkId link) { state_->core.release(link); }
std::span<const LinkId> Broker::touched() { return state_->core.touched(); }
void Broker::decide(RequestId request, Verdict verdict, Time now) {
  state_->core.decide(request, verdict, now);
}
void Broker::advance(Time now) { state_->core.advance(now); }
Time Broker::deadline() const { return state_->core.deadline(); }
BrokerGauges Broker::gauges() const { return state_->core.gauges(); }

}  // namespace mqttlab
