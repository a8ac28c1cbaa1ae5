// ClientJudge: reads along on one link of a client, both ways, and says what the client may not do.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "protocol/client/client.h"
#include "protocol/wire/framer.h"
#include "tests/fuzz/packets.h"

namespace mqttlab::fuzz {

class ClientJudge {
 public:
  explicit ClientJudge(const ClientConfig& config);
  void heard(Bytes bytes);  ///< the client reads these next
  void said(Bytes bytes);   ///< the client wrote these; throws Broken
  /// Everything that has been heard is read, and everything that was written is known.
  void caught_up() { early_.clear(); }
  /// The client told its application that the server broke a rule.
  void complained(const Violation& violation) const;
  /// The client ended the link by itself, and all that it said is known.
  void ended() const;

  /// The client has heard what must end the link once it is read.
  [[nodiscard]] bool must_end() const { return fault_ || refused_; }
  /// Something that the client may wait for: the answer to what it sent.
  [[nodiscard]] Packet answer(Choices& choices) const;

 private:
  enum class Stage : std::uint8_t { puback, pubrec, pubcomp, suback, unsuback };
  struct Open {
    Stage stage;
    std::size_t codes = 0;
  };
  void hear(const Packet& packet);
  void hear(const Connack& packet);
  void judge(const Packet& packet, std::size_t size);
  void judge(const Publish& packet);
  void answered(std::uint16_t packet_id, Stage stage, bool ends = true);
  void opened(std::uint16_t packet_id, Open open);
  void acknowledged(std::deque<Packet>& owed, const Packet& packet);
  [[nodiscard]] bool v5() const { return config_.version == ProtocolVersion::v5_0; }

  const ClientConfig& config_;
  Framer to_client_, from_client_{max_remaining_length + 5};
  std::optional<std::uint8_t> fault_;  // reason code of the first rule that the server broke
  bool clean_start_ = false;           // CONNECT said so
  bool accepted_ = false, refused_ = false, connected_ = false, ended_ = false;
  std::optional<ReasonCode> last_word_;  // of DISCONNECT

  // What CONNACK announced.
  std::uint32_t max_packet_size_ = max_remaining_length + 5;
  std::size_t receive_maximum_ = 65'535;
  std::uint32_t alias_maximum_ = 0, maximum_qos_ = 2;
  bool retain_available_ = true;

  std::map<std::uint16_t, Open> open_;  // what the client sent on this link and waits for
  std::set<std::uint16_t> early_;       // answered, though nobody saw them written so far
  std::uint16_t released_ = 1;
  std::deque<Packet> owed_acks_, owed_pubcomps_;  // what the client is to send, each in order
  std::set<std::uint32_t> aliases_;
};

}  // namespace mqttlab::fuzz
