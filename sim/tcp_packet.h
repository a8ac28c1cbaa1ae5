// TcpPacket: an IP packet with a segment of TCP, as bytes that boxes on its way may change. No
// ns-3.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/wire/slice.h"

namespace mqttlab::sim {

class TcpPacket {
 public:
  enum Flag : std::uint8_t { fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10 };

  /// `ip`: a whole IPv4 or IPv6 packet whose first bytes Segment::read took for TCP.
  explicit TcpPacket(std::vector<std::uint8_t> ip);

  [[nodiscard]] std::uint16_t source_port() const { return big_endian16(tcp_); }
  [[nodiscard]] std::uint16_t destination_port() const { return big_endian16(tcp_ + 2); }
  [[nodiscard]] std::uint32_t sequence() const;
  [[nodiscard]] std::uint8_t flags() const { return bytes_[tcp_ + 13]; }
  [[nodiscard]] bool has(Flag flag) const { return (flags() & flag) != 0; }
  [[nodiscard]] Bytes payload() const { return Bytes(bytes_).subspan(payload_); }
  /// As on the wire: what its sender's checksum covers is what is there.
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

  void set_source_port(std::uint16_t port);
  void set_destination_port(std::uint16_t port);
  void drop_flag(Flag flag);
  /// A sender that does not compute checksums leaves them 0; those are filled in.
  void fill_checksums();
  /// Appends the payload of the segment that follows this one, and takes over what it says
  /// otherwise.
  void append(const TcpPacket& next);
  /// Of the payload, `count` bytes from `first`; a FIN or PSH stays with the last ones.
  [[nodiscard]] TcpPacket part(std::size_t first, std::size_t count) const;
  /// The reset with which its receiver's host would refuse it (RFC 9293, 3.10.7.1); its own port
  /// and address first.
  [[nodiscard]] TcpPacket refusal() const;
  /// Flips one bit of the payload or of the header's fixed fields, drawn by `draw`. Not of IP's
  /// header, TCP's header length or its options, which ns-3 reads before it checks the sum.
  void flip(std::uint64_t draw);
  /// Whether the sums are right; false for one that was never computed.
  [[nodiscard]] bool checksums_match() const;

 private:
  [[nodiscard]] bool is_v6() const { return bytes_[0] >> 4 == 6; }
  [[nodiscard]] std::uint16_t big_endian16(std::size_t at) const;
  void put16(std::size_t at, std::uint16_t value);
  void put32(std::size_t at, std::uint32_t value);
  [[nodiscard]] std::uint16_t ip_sum() const;
  [[nodiscard]] std::uint16_t tcp_sum() const;
  void compute_checksums();
  void seal();  // after a change

  std::vector<std::uint8_t> bytes_;
  std::size_t tcp_ = 0;      // where its header begins
  std::size_t payload_ = 0;  // and its payload
};

}  // namespace mqttlab::sim
