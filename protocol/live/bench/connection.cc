#include "protocol/live/bench/connection.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"

namespace mqttlab::bench {
namespace {

constexpr std::uint16_t subscribe_id = 1;  // of a subscriber, which publishes nothing

Slice copy_of(const std::string& text) { return Slice::copy_of(std::string_view(text)); }

}  // namespace

Connection::Connection(const Plan& plan, Role role, std::uint32_t number, Listener& listener)
    : plan_(plan), role_(role), number_(number), listener_(listener) {
  if (role != Role::publisher) return;
  Outbox packet;
  const std::vector<std::uint8_t> payload(plan.payload_bytes);
  encode(Publish{.topic = copy_of(topic()),
                 .payload = Slice::copy_of(Bytes(payload)),
                 .qos = plan.qos,
                 .packet_id = static_cast<std::uint16_t>(plan.qos == QoS::at_most_once ? 0 : 1)},
         plan.version, packet);
  std::array<Bytes, 4> pieces;
  const std::size_t count = packet.pending(pieces);
  for (const Bytes piece : std::span(pieces).first(count))
    message_.insert(message_.end(), piece.begin(), piece.end());
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

std::string Connection::topic() const { return fmt::format("{}/{}", plan_.prefix, number_); }

void Connection::dial(const sockaddr& address, std::uint32_t address_bytes) {
  socket_ = ::socket(address.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) throw std::runtime_error(fmt::format("socket: {}", std::strerror(errno)));
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_, &address, address_bytes) != 0 && errno != EINPROGRESS)
    throw std::runtime_error(
        fmt::format("connect to {}:{}: {}", plan_.host, plan_.port, std::strerror(errno)));
  if (plan_.tls) {
    ssl_ = plan_.tls->connection();
    SSL_set_fd(ssl_.get(), socket_);
  }
  constexpr std::array names{"pub", "sub", "idle"};
  const auto role = names[static_cast<std::size_t>(role_)];
  answer(Connect{.version = plan_.version,
                 .client_id = copy_of(fmt::format("bench-{}-{}-{}", getpid(), role, number_))});
}

void Connection::readable(std::span<std::uint8_t> scratch) {
  while (socket_ >= 0) {
    std::copy(cut_.begin(), cut_.end(), scratch.begin());
    const auto room = scratch.subspan(cut_.size());
    const ssize_t n = receive(room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return fail(std::strerror(errno));
    if (n == 0) return fail("the broker closed the connection");
    const Bytes arrived(scratch.data(), cut_.size() + static_cast<std::size_t>(n));
    const Bytes rest = arrived.subspan(handle(arrived));
    if (rest.size() > scratch.size() / 2) return fail("the broker sent a packet over 1 MiB");
    cut_.assign(rest.begin(), rest.end());
    if (!ssl_ && static_cast<std::size_t>(n) < room.size()) return;
  }
}

// The whole packets at the front; returns how many bytes they have.
std::size_t Connection::handle(Bytes arrived) {
  Bytes rest = arrived;
  while (socket_ >= 0) {
    const auto header = read_fixed_header(rest, plan_.version);
    if (header && (!*header || (*header)->frame_size() > rest.size())) break;
    const std::size_t size = header ? (*header)->frame_size() : 0;
    const auto packet =
        header ? decode(Slice(nullptr, rest.data(), size), Sender::server, plan_.version)
               : Result<Packet>(header.violation());
    if (!packet) {
      fail(fmt::format("the broker broke {}", packet.violation().statement));
      break;
    }
    handle(*packet);
    rest = rest.subspan(size);
  }
  return socket_ >= 0 ? arrived.size() - rest.size() : arrived.size();
}

void Connection::handle(const Packet& packet) {
  if (const auto* publish = std::get_if<Publish>(&packet)) return on(*publish);
  const auto ends = [this](std::uint16_t id, ReasonCode reason) {
    if (!ids_.in_use(id)) return;
    ids_.release(id);
    listener_.acknowledged(*this, is_error(reason));
  };
  if (const auto* puback = std::get_if<Puback>(&packet)) {
    ends(puback->packet_id, puback->reason);
  } else if (const auto* pubrec = std::get_if<Pubrec>(&packet)) {
    if (is_error(pubrec->reason)) return ends(pubrec->packet_id, pubrec->reason);
    answer(Pubrel{pubrec->packet_id});
  } else if (const auto* pubcomp = std::get_if<Pubcomp>(&packet)) {
    ends(pubcomp->packet_id, ReasonCode::success);
  } else if (const auto* pubrel = std::get_if<Pubrel>(&packet)) {
    taken_.erase(pubrel->packet_id);
    answer(Pubcomp{pubrel->packet_id});
  } else if (const auto* connack = std::get_if<Connack>(&packet)) {
    on(*connack);
  } else if (const auto* suback = std::get_if<Suback>(&packet)) {
    if (suback->codes.front() != static_cast<std::uint8_t>(plan_.qos))
      return fail(fmt::format("the subscription got code {:#04x}", suback->codes.front()));
    listener_.ready(*this);
  } else if (const auto* disconnect = std::get_if<Disconnect>(&packet)) {
    fail(fmt::format("the broker disconnected: {}",
                     name(disconnect->reason, PacketType::disconnect)));
  }
}

void Connection::on(const Connack& connack) {
  const unsigned code = plan_.version == ProtocolVersion::v5_0
                            ? static_cast<unsigned>(connack.reason)
                            : static_cast<unsigned>(connack.code);
  if (code != 0) return fail(fmt::format("CONNACK refused the connection: {:#04x}", code));
  if (role_ != Role::subscriber) return listener_.ready(*this);
  const std::string filter =
      plan_.pattern == Pattern::point_to_point ? topic() : plan_.prefix + "/+";
  answer(Subscribe{subscribe_id, {{copy_of(filter), plan_.qos}}});
}

void Connection::on(const Publish& publish) {
  if (publish.qos == QoS::at_least_once) {
    answer(Puback{publish.packet_id});
  } else if (publish.qos == QoS::exactly_once) {
    answer(Pubrec{publish.packet_id});
    if (!taken_.insert(publish.packet_id)) return listener_.repeated(*this);
  }
  if (const auto stamp = Stamp::read(publish.payload.bytes())) listener_.received(*this, *stamp);
}

void Connection::answer(const Packet& packet) { encode(packet, plan_.version, out_); }

void Connection::publish(const Stamp& stamp) {
  const std::size_t payload = message_.size() - plan_.payload_bytes;
  stamp.write(message_.data() + payload);
  if (plan_.qos != QoS::at_most_once) {
    // Before the payload, but for the empty property set of 5.0.
    const std::size_t at = payload - (plan_.version == ProtocolVersion::v5_0 ? 3 : 2);
    const std::uint16_t id = ids_.take();
    message_[at] = static_cast<std::uint8_t>(id >> 8);
    message_[at + 1] = static_cast<std::uint8_t>(id);
  }
  out_.append(Bytes(message_));
}

ssize_t Connection::receive(std::span<std::uint8_t> room) {
  if (!ssl_) return ::recv(socket_, room.data(), room.size(), 0);
  ERR_clear_error();
  const int n = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  return n > 0 ? n : failed(n);
}

// Until the handshake is done, writing is what goes on with it.
ssize_t Connection::write() {
  std::array<Bytes, 64> pieces;
  const std::size_t count = out_.pending(pieces);
  if (ssl_) {
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), pieces[0].data(), static_cast<int>(pieces[0].size()));
    return n > 0 ? n : failed(n);
  }
  std::array<iovec, 64> vectors;
  for (std::size_t i = 0; i < count; ++i)
    vectors[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return ::sendmsg(socket_, &message, MSG_NOSIGNAL);
}

ssize_t Connection::failed(int outcome) {
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_SYSCALL:
      if (errno != 0) return -1;
      [[fallthrough]];
    default:
      errno = EPROTO;
      return -1;
  }
}

void Connection::flush() {
  while (socket_ >= 0 && !out_.empty()) {
    const ssize_t n = write();
    if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return;
    if (n < 0) return fail(std::strerror(errno));
    out_.sent(static_cast<std::size_t>(n));
  }
}

void Connection::close() {
  if (socket_ < 0) return;
  answer(Disconnect{});
  flush();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void Connection::fail(const std::string& why) {
  ::close(socket_);
  socket_ = -1;
  out_.clear();
  listener_.ended(*this, why);
}

}  // namespace mqttlab::bench
