// Who may connect, and what they may do: the questions that a broker asks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/peer.h"
#include "protocol/wire/packet_type.h"
#include "protocol/wire/reason_code.h"
#include "protocol/wire/slice.h"

namespace mqttlab {

class AclFile;

enum class Verdict : std::uint8_t {
  granted,
  denied,
  later,  ///< comes through Broker::decide(); the asking link's input waits, nobody else's
  more,   ///< enhanced authentication only: the client is sent `data` and asked to go on
};

/// The answer to one question. A Verdict alone is an answer.
struct Decision {
  Decision(Verdict given = Verdict::denied, ReasonCode why = {})  // NOLINT(google-explicit-*)
      : verdict(given), reason(why) {}
  Verdict verdict;
  ReasonCode reason;         ///< of a denial, for clients of 5.0; 0: the fitting one
  Time valid_until = never;  ///< of a grant to connect; then DISCONNECT 0x87, unless renewed
  std::string user_name;     ///< identity that later questions carry; empty: CONNECT's user name
  /// What the client may do, whatever else says so; null: nothing is said about it.
  std::shared_ptr<const AclFile> rights = {};
  std::string data;  ///< Authentication Data to send, up to 65,535 bytes
};

/// A denial's reason as a server's packet of `type` carries it: `otherwise` if it names none that
/// such a packet may have.
[[nodiscard]] ReasonCode reason_for(const Decision& decision, PacketType type,
                                    ReasonCode otherwise);

/// One question. Views are valid during ask() only.
struct AccessRequest {
  enum class Kind : std::uint8_t { authenticate, publish, subscribe };
  Kind kind = Kind::authenticate;
  RequestId request = 0;  ///< what decide() is to name
  LinkId link = 0;
  Time now = 0;
  std::string_view client_id;
  bool has_user_name = false;
  std::string_view user_name;  ///< CONNECT's, or the identity that a Decision gave
  bool has_password = false;
  Bytes password;
  std::string_view certificate;     ///< X.509 identity that the transport established; empty: none
  const AclFile* rights = nullptr;  ///< that a Decision gave; null: none
  std::string_view topic;           ///< topic name to publish to, or topic filter to subscribe to
  QoS qos = QoS::at_most_once;      ///< published, or asked for
  bool retain = false;              ///< publish: RETAIN 1

  // Enhanced authentication (MQTT 5.0, 4.12).
  std::string_view method;  ///< Authentication Method; empty: none, user name and password count
  Bytes data;               ///< Authentication Data
  unsigned step = 0;        ///< 0: CONNECT or AUTH 0x19; then 1, 2, ... per AUTH 0x18
  bool again = false;       ///< re-authentication of a connected client
};

/// Answers a broker's questions. Each kind may be answered `later`; a verdict that does not come
/// within BrokerConfig::connect_timeout is a denial.
class Access {
 public:
  virtual ~Access() = default;
  virtual Decision ask(const AccessRequest& request) = 0;
  /// Whether clients may name this Authentication Method.
  [[nodiscard]] virtual bool supports(std::string_view /*method*/) const { return false; }
  /// The link has ended: its conversation is over. A question about its will may still come.
  virtual void gone(LinkId) {}
};

}  // namespace mqttlab
