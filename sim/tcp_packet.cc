#include "sim/tcp_packet.h"

#include <algorithm>
#include <utility>

namespace mqttlab::sim {
namespace {

constexpr std::size_t v6_header = 40, bare_tcp_header = 20;
// Offsets in TCP's header, and in IPv4's and IPv6's.
constexpr std::size_t at_sequence = 4, at_acknowledgement = 8, at_data_offset = 12, at_flags = 13,
                      at_window = 14, at_checksum = 16;
constexpr std::size_t at_v4_length = 2, at_v4_checksum = 10, at_v6_length = 4;

/// RFC 1071's sum of 16-bit words, before it is complemented.
std::uint32_t add_words(std::uint32_t sum, Bytes bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back() << 8);
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

TcpPacket::TcpPacket(std::vector<std::uint8_t> ip) : bytes_(std::move(ip)) {
  tcp_ = is_v6() ? v6_header : std::size_t{4} * (bytes_[0] & 0x0F);
  payload_ = tcp_ + std::size_t{4} * (bytes_[tcp_ + at_data_offset] >> 4);
}

std::uint16_t TcpPacket::big_endian16(std::size_t at) const {
  return static_cast<std::uint16_t>(bytes_[at] << 8 | bytes_[at + 1]);
}

std::uint32_t TcpPacket::sequence() const {
  return static_cast<std::uint32_t>(big_endian16(tcp_ + at_sequence)) << 16 |
         big_endian16(tcp_ + at_sequence + 2);
}

void TcpPacket::put16(std::size_t at, std::uint16_t value) {
  bytes_[at] = static_cast<std::uint8_t>(value >> 8);
  bytes_[at + 1] = static_cast<std::uint8_t>(value);
}

void TcpPacket::put32(std::size_t at, std::uint32_t value) {
  put16(at, static_cast<std::uint16_t>(value >> 16));
  put16(at + 2, static_cast<std::uint16_t>(value));
}

// Both are 0 over a packet whose checksums are right.
std::uint16_t TcpPacket::ip_sum() const {
  return is_v6() ? 0 : folded(add_words(0, Bytes(bytes_).first(tcp_)));
}

std::uint16_t TcpPacket::tcp_sum() const {
  const Bytes all(bytes_);
  const Bytes addresses = is_v6() ? all.subspan(8, 32) : all.subspan(12, 8);
  constexpr std::uint32_t protocol_tcp = 6;
  const auto length = static_cast<std::uint32_t>(bytes_.size() - tcp_);
  return folded(add_words(add_words(protocol_tcp + length, addresses), all.subspan(tcp_)));
}

void TcpPacket::fill_checksums() {
  if (big_endian16(tcp_ + at_checksum) == 0) compute_checksums();
}

void TcpPacket::compute_checksums() {
  if (!is_v6()) {
    put16(at_v4_checksum, 0);
    put16(at_v4_checksum, ip_sum());
  }
  put16(tcp_ + at_checksum, 0);
  put16(tcp_ + at_checksum, tcp_sum());
}

bool TcpPacket::checksums_match() const { return ip_sum() == 0 && tcp_sum() == 0; }

void TcpPacket::seal() {
  const std::size_t length = bytes_.size();
  if (is_v6()) {
    put16(at_v6_length, static_cast<std::uint16_t>(length - v6_header));
  } else {
    put16(at_v4_length, static_cast<std::uint16_t>(length));
  }
  compute_checksums();
}

void TcpPacket::set_source_port(std::uint16_t port) {
  put16(tcp_, port);
  seal();
}

void TcpPacket::set_destination_port(std::uint16_t port) {
  put16(tcp_ + 2, port);
  seal();
}

void TcpPacket::drop_flag(Flag flag) {
  bytes_[tcp_ + at_flags] &= static_cast<std::uint8_t>(~flag);
  seal();
}

void TcpPacket::append(const TcpPacket& next) {
  const Bytes more = next.payload();
  bytes_.insert(bytes_.end(), more.begin(), more.end());
  bytes_[tcp_ + at_flags] |= next.flags();
  for (const std::size_t at : {at_acknowledgement, at_acknowledgement + 2, at_window})
    put16(tcp_ + at, next.big_endian16(next.tcp_ + at));
  seal();
}

TcpPacket TcpPacket::part(std::size_t first, std::size_t count) const {
  TcpPacket one = *this;
  const auto begin = one.bytes_.begin() + static_cast<std::ptrdiff_t>(payload_);
  const bool is_last = first + count == payload().size();
  one.bytes_.erase(begin + static_cast<std::ptrdiff_t>(first + count), one.bytes_.end());
  one.bytes_.erase(begin, begin + static_cast<std::ptrdiff_t>(first));
  one.put32(tcp_ + at_sequence, sequence() + static_cast<std::uint32_t>(first));
  if (!is_last) one.bytes_[tcp_ + at_flags] &= static_cast<std::uint8_t>(~(fin | psh));
  one.seal();
  return one;
}

TcpPacket TcpPacket::refusal() const {
  TcpPacket reset = *this;
  const std::size_t address = is_v6() ? 16 : 4, addresses = is_v6() ? 8 : 12;
  const auto at = [&](std::size_t place) {
    return reset.bytes_.begin() + static_cast<std::ptrdiff_t>(place);
  };
  std::swap_ranges(at(addresses), at(addresses + address), at(addresses + address));
  std::swap_ranges(at(tcp_), at(tcp_ + 2), at(tcp_ + 2));
  reset.bytes_.resize(tcp_ + bare_tcp_header);
  reset.payload_ = reset.bytes_.size();
  reset.bytes_[tcp_ + at_data_offset] = (bare_tcp_header / 4) << 4;
  const std::size_t length = payload().size() + (has(fin) ? 1 : 0) + (has(syn) ? 1 : 0);
  if (has(ack)) {  // the sequence number that it expects next
    for (const std::size_t half : {0, 2})
      reset.put16(tcp_ + at_sequence + half, big_endian16(tcp_ + at_acknowledgement + half));
    reset.put32(tcp_ + at_acknowledgement, 0);
    reset.bytes_[tcp_ + at_flags] = rst;
  } else {
    reset.put32(tcp_ + at_acknowledgement, sequence() + static_cast<std::uint32_t>(length));
    reset.put32(tcp_ + at_sequence, 0);
    reset.bytes_[tcp_ + at_flags] = rst | ack;
  }
  reset.put16(tcp_ + at_window, 0);
  reset.seal();
  return reset;
}

void TcpPacket::flip(std::uint64_t draw) {
  fill_checksums();
  const std::size_t fixed = bare_tcp_header - 1;  // less the byte with the header's length
  std::size_t at = draw % (fixed + payload().size());
  at = at >= fixed ? payload_ + at - fixed : tcp_ + at + (at >= at_data_offset ? 1 : 0);
  bytes_[at] ^= static_cast<std::uint8_t>(1U << (draw >> 61));
}

}  // namespace mqttlab::sim
