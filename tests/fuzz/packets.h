// Packets that are valid for their sender, drawn from few names and numbers, so that they meet:
// the same topics, filters, client ids, packet ids and aliases come again and again.
#pragma once

#include <vector>

#include "protocol/wire/codec.h"
#include "tests/fuzz/choices.h"

namespace mqttlab::fuzz {

/// What broker and client speak.
inline constexpr ProtocolVersion newest = ProtocolVersion::v5_0;
/// Of a game: bytes of a peer that the other end does not read, and of bookkeeping for one of
/// anything.
inline constexpr std::size_t most_backlog = 10'000, small = 1'024;

/// A valid packet of `type`, which `sender` may send under `version`.
[[nodiscard]] Packet draw_packet(Choices& choices, PacketType type, Sender sender,
                                 ProtocolVersion version);
/// The same of any type that `sender` may send.
[[nodiscard]] Packet draw_packet(Choices& choices, Sender sender, ProtocolVersion version);

[[nodiscard]] std::string_view draw_topic(Choices& choices);
[[nodiscard]] std::string_view draw_filter(Choices& choices);
[[nodiscard]] std::string_view draw_client_id(Choices& choices);  ///< never empty
[[nodiscard]] Slice draw_payload(Choices& choices);
[[nodiscard]] QoS draw_qos(Choices& choices);
/// What may stand in this place, each at most once but user properties.
[[nodiscard]] Properties draw_properties(Choices& choices, PropertyPlace place, Sender sender);

[[nodiscard]] std::vector<std::uint8_t> bytes_of(const Packet& packet, ProtocolVersion version);
/// Changes, drops, adds or doubles a few bytes; now and then none.
void mangle(Choices& choices, std::vector<std::uint8_t>& bytes);

}  // namespace mqttlab::fuzz
