#include "sim/guests.h"

#include <utility>

#include "sim/guest_stream.h"

namespace mqttlab::sim {

Guests::Guests(Network& network, trace::Log& log, trace::Actor site)
    : network_(network), log_(log), site_(site) {}

Guests::~Guests() = default;

StreamId Guests::dial(std::uint32_t device, trace::Actor actor, std::uint16_t port) {
  const StreamId id = ++last_;
  streams_[id] = std::make_unique<GuestStream>(
      network_, log_, GuestStream::Place{actor, device, port},
      [this, id](GuestNews news, CloseCause cause) { tell(id, news, cause); });
  return id;
}

bool Guests::listen(std::uint16_t port) {
  if (network_.serves(port)) return false;
  network_.serve(port, [this, port](const Arrival& arrival) { accepted(arrival, port); });
  return true;
}

void Guests::unlisten(std::uint16_t port) { network_.unserve(port); }

void Guests::accepted(const Arrival& arrival, std::uint16_t port) {
  const StreamId id = ++last_;
  streams_[id] = std::make_unique<GuestStream>(
      network_, log_, GuestStream::Place{site_, arrival.device, port},
      [this, id](GuestNews news, CloseCause cause) { tell(id, news, cause); }, arrival);
  tell(id, GuestNews::accepted, {});
}

// Nothing of the world happens between this event and the program's answer to it.
void Guests::tell(StreamId stream, GuestNews news, CloseCause cause) {
  events_.push_back({.stream = stream, .news = news, .cause = cause});
  ns3::Simulator::Stop();
}

GuestStream* Guests::find(StreamId stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

std::size_t Guests::write(StreamId stream, const Slice& bytes) {
  GuestStream* const one = find(stream);
  if (one == nullptr) return 0;
  one->write(bytes);
  return one->unwritten();
}

void Guests::await_drain(StreamId stream, std::size_t low_bytes) {
  if (GuestStream* const one = find(stream)) one->await_drain(low_bytes);
}

std::size_t Guests::unwritten(StreamId stream) const {
  const GuestStream* const one = find(stream);
  return one == nullptr ? 0 : one->unwritten();
}

void Guests::pause(StreamId stream, bool paused) {
  if (GuestStream* const one = find(stream)) one->pause(paused);
}

void Guests::close(StreamId stream) {
  if (GuestStream* const one = find(stream)) one->close();
}

void Guests::end(StreamId stream, trace::Death how) {
  if (GuestStream* const one = find(stream)) one->end(how);
}

std::vector<GuestEvent> Guests::take() {
  auto events = std::exchange(events_, {});
  for (GuestEvent& event : events) {
    GuestStream& stream = *streams_.at(event.stream);
    if (event.news == GuestNews::opened || event.news == GuestNews::accepted) {
      event.here = stream.ends()[0];
      event.there = stream.ends()[1];
    } else if (event.news == GuestNews::arrived) {
      event.bytes = stream.take();
    } else if (event.news == GuestNews::ended) {
      left_.push_back(event.stream);
    }
  }
  // Its kernel may not be done yet.
  std::erase_if(left_, [this](StreamId id) {
    const bool is_over = !streams_.at(id)->lingers();
    if (is_over) streams_.erase(id);
    return is_over;
  });
  return events;
}

}  // namespace mqttlab::sim
