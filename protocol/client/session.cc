#include "protocol/client/session.h"

#include <utility>

namespace mqttlab::client {

namespace {
std::size_t bytes_of(const OutMessage& message) {
  return message.encoded.topic().size() + message.encoded.payload().size();
}
}  // namespace

Session::Session(const ClientConfig& config)
    : clean_(config.clean_session),
      queue_messages_(config.queue_messages),
      queue_bytes_(config.queue_bytes),
      outbox_bytes_(config.outbox_bytes),
      outbound_(config.window, ids_),
      inbound_(65'535),  // 3.1.1 gives a client no means to announce a limit
      subscriptions_(config.version, ids_) {}

bool Session::has_room(std::size_t bytes) const {
  return queue_.size() < queue_messages_ && bytes <= queue_bytes_ &&
         queued_bytes_ <= queue_bytes_ - bytes;
}

bool Session::can_send(const LinkOutput& out) const {
  return queue_.empty() && outbound_.can_send() && out.outbox.size() < outbox_bytes_;
}

void Session::push(OutMessage message, Queue::const_iterator place) {
  queued_bytes_ += bytes_of(message);
  queue_.insert(place, std::move(message));
}

void Session::write(LinkOutput& out, Time now) {
  subscriptions_.write(out.outbox);
  outbound_.resend(out, outbox_bytes_, now);
  while (!queue_.empty() && outbound_.can_send() && out.outbox.size() < outbox_bytes_) {
    OutMessage message = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= bytes_of(message);
    outbound_.send(std::move(message), out, now);
  }
}

Session::Failed Session::link_ended() {
  if (!clean_) return {};
  inbound_.clear();
  return outbound_.clear();
}

Session::Failed Session::link_accepted(bool session_present, const Terms& terms) {
  if (session_present) {
    outbound_.new_link(terms.receive_maximum);
    inbound_.new_link();
    subscriptions_.new_link();
    return {};
  }
  Failed failed;
  inbound_.clear();
  subscriptions_.session_lost();
  auto open = outbound_.take_all();
  outbound_.new_link(terms.receive_maximum);
  for (auto exchange = open.rbegin(); exchange != open.rend(); ++exchange) {
    if (exchange->stage == Stage::await_pubcomp) {
      failed.insert(failed.begin(), exchange->message.token);
    } else {
      push(std::move(exchange->message), queue_.begin());
    }
  }
  return failed;
}

}  // namespace mqttlab::client
