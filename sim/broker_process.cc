// BrokerHost's part that starts, ends and halts the broker's process, and the order of what happens
// at one instant.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "sim/broker_host.h"

namespace mqttlab::sim {

// Each process has a seed of its own: what it makes up (client ids, say) is not what the one before
// has made up.
void BrokerHost::begin() {
  const std::uint32_t start = starts_++;
  const std::uint64_t seed =
      start == 0 ? program_.seed : Random(program_.seed, "start/" + std::to_string(start)).next();
  if (program_.access) questions_ = std::make_unique<Questions>(*program_.access, start);
  broker_ =
      std::make_unique<Broker>(program_.config, seed, questions_.get(), program_.log,
                               program_.actor, store_ ? &*store_ : nullptr, program_.unix_offset);
  state_ = State::runs;
  committed_ = 0;
  if (store_ && start > 0) broker_->restore(store_->load(), virtual_now());
  for (const auto& [port, transport] : program_.listeners)
    network_.serve(
        port, [this, carrier = transport](const Arrival& arrival) { arrived(arrival, carrier); });
}

void BrokerHost::decide(RequestId request, Decision decision) {
  if (state_ == State::paused) decisions_.emplace_back(request, std::move(decision));
  if (state_ != State::runs) return;
  if (const auto own = questions_->own(request))
    broker_->decide(*own, std::move(decision), virtual_now());
  settle();
}

void BrokerHost::record(trace::Kind kind, std::uint8_t code) const {
  if (!program_.log) return;
  trace::Event event;
  event.at = virtual_now();
  event.kind = kind;
  event.end = trace::End::broker;
  event.actor = program_.actor;
  event.code = code;
  program_.log->append(event);
}

const char* BrokerHost::state() const {
  constexpr const char* states[] = {"running", "paused", "down", "down"};
  return states[static_cast<std::size_t>(state_)];
}

void BrokerHost::check(bool possible, const char* what) const {
  if (!possible)
    throw std::logic_error(std::string("the broker cannot ") + what + ": it is " + state());
}

void BrokerHost::crash(trace::StoreFate fate, trace::Death how) {
  check(state_ == State::runs || state_ == State::paused, "crash");
  if (!store_ && fate != trace::StoreFate::lost)
    throw std::logic_error("the broker has no store: all that a crash can do with it is lose it");
  record(trace::Kind::crashed, static_cast<std::uint8_t>(fate));
  state_ = State::crashed;
  death_ = how;
  if (store_) {
    Random random(program_.seed, "crash/" + std::to_string(starts_));
    store_->crash(fate, random);
  }
  for (const Connection& connection : connections_)
    if (connection.stream) connection.stream->freeze();
  for (const auto& [port, transport] : program_.listeners)
    network_.unserve(port, how == trace::Death::silent);
  burial_.set(virtual_now());
}

// The call in whose middle the process has ended is over.
void BrokerHost::bury() {
  for (std::uint32_t number = 0; number < connections_.size(); ++number) {
    if (!connections_[number].stream) continue;
    connections_[number].stream->die(death_);
    tidy(number);
    if (questions_) questions_->gone(number);
  }
  for (Lingering& each : lingering_) each.die(death_);
  for (const Waiting& one : std::exchange(waiting_, {})) {
    if (death_ == trace::Death::silent) {
      one.arrival.socket->vanish();
    } else {
      one.arrival.socket->reset_and_forget();
    }
  }
  for (Alarm* alarm : {&alarm_, &wakening_, &turns_}) alarm->cancel();
  timers_ = {};
  due_.clear();
  decisions_.clear();
  broker_.reset();
  questions_.reset();
  state_ = State::down;
}

void BrokerHost::restart() {
  check(state_ == State::crashed || state_ == State::down, "restart");
  birth_.set(virtual_now());
}

void BrokerHost::pause() {
  check(state_ == State::runs, "pause");
  record(trace::Kind::paused);
  state_ = State::paused;
  for (const Connection& connection : connections_)
    if (connection.stream) connection.stream->hold();
}

void BrokerHost::go_on() {
  check(state_ == State::paused, "go on");
  wakening_.set(virtual_now());
}

// What has arrived is read before timers look at the clock (peer.h asks every host for that).
void BrokerHost::catch_up() {
  if (state_ != State::paused) return;
  record(trace::Kind::went_on);
  state_ = State::runs;
  due_.clear();
  const auto links = static_cast<std::uint32_t>(connections_.size());
  for (std::uint32_t number = 0; number < links && state_ == State::runs; ++number) {
    if (!connections_[number].stream) continue;
    connections_[number].stream->go_on();
    tidy(number);
  }
  for (; !waiting_.empty() && state_ == State::runs; waiting_.pop_front()) {
    const Waiting next = waiting_.front();
    accept(next);
  }
  for (auto& [request, decision] : std::exchange(decisions_, {}))
    decide(request, std::move(decision));
  if (state_ != State::runs) return;
  broker_->advance(virtual_now());
  settle();
}

void BrokerHost::shuffle_ties(std::uint64_t seed) { ties_.emplace(seed, "ties"); }

bool BrokerHost::defers(Stream& stream) {
  if (!ties_ || state_ != State::runs) return false;
  due_.push_back(stream.connection());
  turns_.set(virtual_now());
  return true;
}

// Everything that the network had for this instant has come: ns-3 goes through an instant's events
// in the order in which they were planned, and this one was planned last.
void BrokerHost::take_turns() {
  if (state_ != State::runs) return;
  std::vector<std::uint32_t> order = std::exchange(due_, {});
  for (const Waiting& one : waiting_) order.push_back(one.arrival.wire->connection());
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[ties_->below(left)]);
  for (const std::uint32_t number : order) {
    if (state_ != State::runs) return;
    const auto is_it = [&](const Waiting& one) { return one.arrival.wire->connection() == number; };
    if (const auto found = std::find_if(waiting_.begin(), waiting_.end(), is_it);
        found != waiting_.end()) {
      const Waiting one = *found;
      waiting_.erase(found);
      accept(one);
    } else if (connections_[number].stream) {
      connections_[number].stream->go_on();
      tidy(number);
      settle();
    }
  }
}

}  // namespace mqttlab::sim
