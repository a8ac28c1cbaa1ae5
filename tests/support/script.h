// Script: a test plays the other end of one Peer, packet by packet.
//
//   Script server(client_link, Sender::server, now);
//   server.expect<Connect>();
//   server.send(Connack{});
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <variant>
#include <vector>

#include "protocol/peer.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"

namespace mqttlab::testing {

[[nodiscard]] inline Slice text(std::string_view characters) { return Slice::copy_of(characters); }

/// The bytes of a packet.
[[nodiscard]] inline std::vector<std::uint8_t> bytes_of(
    const Packet& packet, ProtocolVersion version = ProtocolVersion::v3_1_1) {
  Outbox out;
  encode(packet, version, out);
  std::vector<std::uint8_t> bytes;
  std::array<Bytes, 8> pieces;
  const std::size_t n = out.pending(pieces);
  for (std::size_t i = 0; i < n; ++i) bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
  return bytes;
}

/// Takes everything that the peer wants to write.
[[nodiscard]] inline std::vector<std::uint8_t> drain(Peer& peer, Time now) {
  std::vector<std::uint8_t> bytes;
  std::array<Bytes, 8> pieces;
  while (const std::size_t n = peer.pending(pieces)) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < n; ++i) {
      bytes.insert(bytes.end(), pieces[i].begin(), pieces[i].end());
      taken += pieces[i].size();
    }
    peer.sent(taken, now);
  }
  return bytes;
}

class Script {
 public:
  /// `plays`: which end the test is. `now` is the test's clock; it and the peer must outlive this.
  Script(Peer& peer, Sender plays, const Time& now,
         ProtocolVersion version = ProtocolVersion::v3_1_1)
      : peer_(&peer), plays_(plays), now_(&now), version_(version) {}

  /// The next packet, which must be a P.
  template <typename P>
  P expect() {
    const auto packet = next();
    if (!packet) {
      ADD_FAILURE() << "expected " << name(type_of(P{})) << ", got nothing";
    } else if (const P* expected = std::get_if<P>(&*packet)) {
      return *expected;
    } else {
      ADD_FAILURE() << "expected " << name(type_of(P{})) << ", got " << describe(*packet);
    }
    return P{};
  }
  void expect_nothing() {
    if (const auto packet = next()) ADD_FAILURE() << "expected nothing, got " << describe(*packet);
  }
  /// Every packet that is waiting, as lines of describe().
  std::vector<std::string> rest() {
    std::vector<std::string> lines;
    while (const auto packet = next()) lines.push_back(describe(*packet));
    return lines;
  }

  void send(const Packet& packet) { send(Bytes(bytes_of(packet, version_))); }
  /// Bytes as they are, at most `segment` at a time. What the peer has no room for fails the test.
  void send(Bytes bytes, std::size_t segment = 65'536) {
    while (!bytes.empty()) {
      const auto room = peer_->space();
      if (room.empty()) {
        ADD_FAILURE() << "the peer reads no more; " << bytes.size() << " bytes left";
        return;
      }
      const std::size_t n = std::min({room.size(), bytes.size(), segment});
      std::copy_n(bytes.begin(), n, room.begin());
      peer_->received(n, *now_);
      bytes = bytes.subspan(n);
    }
  }
  [[nodiscard]] bool wants_close() {
    take();
    return peer_->finished();
  }
  void close(CloseCause cause = CloseCause::fin) { peer_->closed(cause, *now_); }
  [[nodiscard]] Peer& peer() { return *peer_; }

 private:
  void take() { framer_.append(drain(*peer_, *now_)); }
  std::optional<Packet> next() {
    take();
    auto frame = framer_.next();
    if (!frame) {
      ADD_FAILURE() << "the peer wrote bytes that are no packet: " << frame.violation().statement;
      return std::nullopt;
    }
    if (!*frame) return std::nullopt;
    const Sender sender = plays_ == Sender::client ? Sender::server : Sender::client;
    auto packet = decode(**frame, sender, version_);
    if (!packet) {
      ADD_FAILURE() << "the peer wrote a packet that breaks " << packet.violation().statement;
      return std::nullopt;
    }
    return std::move(*packet);
  }

  Peer* peer_;
  Sender plays_;
  const Time* now_;
  ProtocolVersion version_;
  Framer framer_{1 << 28};
};

}  // namespace mqttlab::testing
