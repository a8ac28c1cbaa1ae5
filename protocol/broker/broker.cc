#include "protocol/broker/broker.h"

#include <utility>

#include "protocol/broker/broker_core.h"

namespace mqttlab {

struct Broker::State {
  BrokerCore core;
};

Broker::Broker(BrokerConfig config, std::uint64_t seed, Access* access, trace::Log* log,
               trace::Actor actor, Journal* journal, std::function<Time()> unix_offset)
    : state_(new State{
          BrokerCore(config, seed, access, log, actor, journal, std::move(unix_offset))}) {}
Broker::~Broker() = default;

// The end of a call is the end of a step, as it is of a link's calls.
void Broker::restore(const journal::Image& image, Time now) {
  state_->core.restore(image, now);
  state_->core.step();
}
void Broker::committed(JournalPosition position) { state_->core.committed(position); }
Peer& Broker::accept(LinkId link, Time now, std::string_view certificate) {
  return state_->core.accept(link, now, certificate);
}
void Broker::release(LinkId link) { state_->core.release(link); }
LinkReport Broker::report(LinkId link) const { return state_->core.report(link); }
std::span<const LinkId> Broker::touched() { return state_->core.touched(); }
void Broker::decide(RequestId request, Decision decision, Time now) {
  state_->core.decide(request, decision, now);
  state_->core.step();
}
bool Broker::disconnect(std::string_view client_id, ReasonCode reason, Time now) {
  const bool had_link = state_->core.disconnect(client_id, reason, now);
  state_->core.step();
  return had_link;
}
void Broker::shut_down(Time now) {
  state_->core.shut_down(now);
  state_->core.step();
}
void Broker::advance(Time now) {
  state_->core.advance(now);
  state_->core.step();
}
Time Broker::deadline() const { return state_->core.deadline(); }
BrokerGauges Broker::gauges() const { return state_->core.gauges(); }

}  // namespace mqttlab
