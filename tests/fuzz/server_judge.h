// ServerJudge: reads along on one link of a broker, both ways, and says what the broker may not do.
// What it expects follows from the bytes alone: it has a framer and a decoder, and no session.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/broker/broker.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/framer.h"
#include "tests/fuzz/packets.h"

namespace mqttlab::fuzz {

class ServerJudge {
 public:
  explicit ServerJudge(const BrokerConfig& config);
  void heard(Bytes bytes);  ///< the broker reads these next
  void said(Bytes bytes);   ///< the broker wrote these; throws Broken
  /// Everything that has been heard is read, and everything that was written is known.
  void caught_up() { early_.clear(); }
  /// The broker ended the link because of what it has heard, and all that it said is known.
  void ended_by_input() const;

  [[nodiscard]] ProtocolVersion version() const { return version_; }
  [[nodiscard]] bool accepted() const { return accepted_; }
  /// The broker has heard what must end the link once it is read.
  [[nodiscard]] bool must_end() const { return fault_ || said_goodbye_; }
  /// Something that the broker may wait for: an acknowledgement of what it sent.
  [[nodiscard]] Packet answer(Choices& choices) const;

 private:
  enum class Stage : std::uint8_t { puback, pubrec, pubcomp };
  struct Question {
    PacketType answer;
    std::uint16_t packet_id;
    std::size_t codes;
    friend bool operator==(const Question&, const Question&) = default;
  };
  void unreadable(const Violation& violation, Bytes frame);
  void ask(const Packet& packet);
  void connect(const Connect& packet);
  void subscribed(const Subscribe& packet);
  void judge(const Packet& packet);
  void answered(const Question& answer);
  void judge(const Connack& packet);
  void judge(const Publish& packet);
  void acknowledged(std::uint16_t packet_id, Stage stage, bool ends);
  [[nodiscard]] bool v5() const { return version_ == ProtocolVersion::v5_0; }

  const BrokerConfig& config_;
  Framer to_broker_, from_broker_{max_remaining_length + 5};
  ProtocolVersion version_ = newest;   // until CONNECT has come
  bool connected_ = false;             // CONNECT has been heard
  bool said_goodbye_ = false;          // DISCONNECT has been heard
  std::optional<std::uint8_t> fault_;  // reason code of the first rule that the client broke
  std::deque<Question> questions_;     // not yet answered; answers come in this order

  // What CONNECT announced.
  std::uint32_t max_packet_size_ = max_remaining_length + 5;
  std::size_t receive_maximum_ = 65'535;
  std::uint32_t alias_maximum_ = 0;
  std::optional<std::string> method_;
  bool problem_information_ = true, response_information_ = false;

  bool accepted_ = false, ended_ = false;  // CONNACK, and DISCONNECT or a refusal, were said
  std::optional<ReasonCode> last_word_;    // of the DISCONNECT or CONNACK that ended it
  bool asked_to_go_on_ = false;            // by AUTH 0x18, and has not answered
  std::map<std::uint16_t, Stage> open_;    // what the broker sent on this link and waits for
  std::set<std::uint16_t> early_;          // acknowledged, though nobody saw them written so far
  std::uint16_t released_ = 1;             // a PUBREL for an exchange of an older link, or of none
  std::map<std::uint32_t, bool> aliases_;
};

}  // namespace mqttlab::fuzz
