#include "sim/stream.h"

#include <ns3/packet.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace mqttlab::sim {

Time virtual_now() { return ns3::Simulator::Now().GetNanoSeconds(); }

Stream::Stream(ns3::Ptr<TcpSocket> socket, std::shared_ptr<Wire> wire, trace::End end,
               const FilterPlan& filters, StreamOwner& owner)
    : socket_(std::move(socket)),
      wire_(std::move(wire)),
      end_(end),
      owner_(&owner),
      filters_(
          filters, [this](const Introduction& who, Time) { return carry(who); }, virtual_now()),
      peer_(filters_.peer()),
      move_on_([this] { move_on(); }) {
  wire_->attach(end_, this);
  socket_->SetRecvCallback(ns3::MakeCallback(&Stream::on_readable, this));
  socket_->SetSendCallback(ns3::MakeCallback(&Stream::on_writable, this));
  socket_->SetCloseCallbacks(ns3::MakeCallback(&Stream::on_end, this),
                             ns3::MakeCallback(&Stream::on_end, this));
}

Stream::~Stream() {
  wire_->attach(end_, nullptr);
  if (socket_) socket_->vanish();  // only a world that is being destroyed comes here
}

Peer* Stream::carry(const Introduction& introduction) {
  carried_.emplace(owner_->carried(*this, introduction));
  if (carried_->is_tapped() && end_ == trace::End::client) wire_->carry_mqtt();
  gate_.emplace(*carried_, *wire_, end_, *this);
  return &*gate_;
}

Time Stream::deadline() const {
  return filters_.has_filters() && !is_still() ? peer_.deadline() : never;
}

// What is written may make room to read again, and what is read may be answered.
void Stream::pump() {
  if (gate_ && !is_still()) gate_->settle();
  if (filters_.has_filters() && !is_still()) peer_.advance(virtual_now());
  for (bool wrote = true; wrote && !is_still();) {
    read();
    wrote = !is_still() && write();
  }
  // A filter still has to say goodbye, and nobody looks after its timers.
  if (const Time due = left_ ? deadline() : never; due != never) move_on_.set(due);
}

void Stream::go_on(std::optional<CloseCause> end) {
  held_ = blocked_ = false;
  if (end) missed_ = end;
  if (gate_ && !is_still()) gate_->settle();  // what had arrived comes before the end
  if (is_still()) return;
  if (const auto cause = std::exchange(missed_, {})) {
    ended(*cause);
  } else {
    read();
  }
  pump();
}

void Stream::read() {
  while (const std::uint32_t available = deaf_ ? 0 : socket_->GetRxAvailable()) {
    const auto room = peer_.space();
    if (room.empty()) return;  // back-pressure: the receive window closes, then the sender's
    const auto most = static_cast<std::uint32_t>(std::min<std::size_t>(room.size(), available));
    const auto packet = socket_->Recv(most, 0);
    const std::uint32_t size = packet->CopyData(room.data(), most);
    peer_.received(size, virtual_now());
    if (is_still()) return;  // what the peer did may have ended its own process
  }
  // Gate and filters may hold bytes for a Peer that has no room: they come before the end.
  if (gate_ && !gate_->is_empty()) return;
  if (cause_ && !(filters_.has_filters() && peer_.space().empty())) finish(*cause_);
}

bool Stream::write() {
  bool wrote = false;
  bool is_drained = false;
  static std::vector<std::uint8_t> gathered;  // one simulator per process, so one buffer
  std::array<Bytes, 16> pieces;
  for (;;) {
    const std::size_t count = peer_.pending(pieces);
    if ((is_drained = count == 0)) break;
    about_to_write();
    const std::size_t room = socket_->GetTxAvailable();
    if (room == 0) {
      blocked_ = true;
      break;
    }
    gathered.clear();
    for (const Bytes& piece : std::span(pieces).first(count)) {
      const std::size_t part = std::min(piece.size(), room - gathered.size());
      gathered.insert(gathered.end(), piece.begin(), piece.begin() + static_cast<long>(part));
    }
    const auto size = static_cast<std::uint32_t>(gathered.size());
    if (socket_->Send(ns3::Create<ns3::Packet>(gathered.data(), size), 0) < 0) break;
    wrote = true;
    peer_.sent(size, virtual_now());
    if (is_still()) return wrote;
  }
  if (is_drained && peer_.finished()) {
    finish(CloseCause::local);
  } else if (gate_ && !left_ && gate_->is_deserted()) {
    leave();
  }
  return wrote;
}

// A reset or a timeout may come after bytes that nobody has read: they arrived, so they are given
// to the peer before it learns of the end. A peer that takes no more of them is not waited for:
// what it has to write, which is what it waits to be rid of, can go nowhere.
void Stream::ended(CloseCause cause) {
  cause_ = cause;
  read();
  if (!is_still() && cause != CloseCause::fin) finish(cause);
}

// As close(2) returns at once, whatever the kernel has yet to send.
void Stream::leave() {
  left_ = true;
  end_cause_ = CloseCause::local;
  gate_->desert(virtual_now());
  move_on_later();
}

void Stream::drop() {
  if (is_left()) return;
  if (gate_ && !gate_->held().empty()) {
    leave();
  } else {
    finish(CloseCause::local);
  }
}

void Stream::finish(CloseCause cause) {
  const auto socket = std::exchange(socket_, nullptr);
  if (!left_) end_cause_ = cause;
  peer_.closed(cause, virtual_now());
  if (cause == CloseCause::fin || cause == CloseCause::local) {
    socket->close_and_forget();
  } else {
    socket->vanish();  // there is nobody left to say goodbye to
  }
}

void Stream::die(trace::Death how) {
  if (is_over()) return;
  const auto socket = std::exchange(socket_, nullptr);
  switch (how) {
    case trace::Death::fin:
      let_go_of_held(*socket);
      socket->close_and_forget();
      break;
    case trace::Death::reset:
      socket->reset_and_forget();
      break;
    case trace::Death::silent:
      socket->vanish();
      break;
  }
  if (carried_ && !left_) carried_->bury(virtual_now());
}

// What the peer has written and somebody waited for is the kernel's: it sends it even now.
void Stream::let_go_of_held(TcpSocket& socket) {
  if (!gate_ || filters_.has_filters() || wire_->is_cut()) return;
  const Bytes held = gate_->held();
  const auto size = std::min<std::size_t>(held.size(), socket.GetTxAvailable());
  if (size > 0)
    socket.Send(ns3::Create<ns3::Packet>(held.data(), static_cast<std::uint32_t>(size)), 0);
}

void Stream::break_off(CloseCause cause) {
  if (is_over() || frozen_) return;
  if (held_) {
    still_ = false;
    missed_ = cause;
    return;
  }
  if (!left_) end_cause_ = cause;
  std::exchange(socket_, nullptr)->vanish();
  peer_.closed(cause, virtual_now());
  tell_owner();
}

bool Stream::waits() {
  if (!is_still() && owner_ != nullptr && owner_->defers(*this)) held_ = true;
  return is_still();
}

void Stream::move_on() {
  if (is_still()) return;
  pump();
  tell_owner();
}

void Stream::on_readable(ns3::Ptr<ns3::Socket>) {
  if (waits()) return;
  if (filters_.has_filters()) {
    pump();  // filters answer by themselves
  } else {
    read();
  }
  tell_owner();
}

void Stream::on_writable(ns3::Ptr<ns3::Socket>, std::uint32_t) {
  if (is_still() || !std::exchange(blocked_, false)) return;
  pump();
  tell_owner();
}

void Stream::on_end(ns3::Ptr<ns3::Socket>) {
  const CloseCause cause = socket_->end_cause();
  if (waits()) {
    missed_ = cause;
    return;
  }
  ended(cause);
  tell_owner();
}

}  // namespace mqttlab::sim
