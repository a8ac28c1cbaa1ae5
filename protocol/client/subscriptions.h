// Subscriptions: what the application wants to receive, and the SUBSCRIBE and UNSUBSCRIBE requests
// that have no answer yet.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/client/client.h"
#include "protocol/session/link_output.h"
#include "protocol/session/packet_ids.h"
#include "protocol/wire/result.h"

namespace mqttlab::client {

struct Image;

/// A filter is wanted from the call of subscribe() to the call of unsubscribe(), or until the
/// server refuses it. Requests are written in the order of the calls; those without an answer are
/// written again on the next link. If the server has lost the session, whatever is wanted and in no
/// unanswered SUBSCRIBE is subscribed anew, with its options and its identifier.
class Subscriptions {
 public:
  /// `ids` is shared with the session's PUBLISHes and must outlive this.
  Subscriptions(ProtocolVersion version, PacketIds& ids) : version_(version), ids_(ids) {}

  void subscribe(Token token, Subscribe packet);
  void unsubscribe(Token token, Unsubscribe packet);
  using Events = std::vector<ClientEvent>;
  /// Writes what has not been written on this link, as far as there are packet ids. What the server
  /// does not take is not written, and what became of it is given.
  Events write(LinkOutput& out);
  /// What the server's terms do not let this end ask for, if anything.
  [[nodiscard]] static std::optional<ReasonCode> refusal(const Subscribe& packet,
                                                         const Terms& terms);
  [[nodiscard]] static std::optional<ReasonCode> refusal(const Unsubscribe& packet,
                                                         const Terms& terms);

  /// The answered call's completion; none for an id that nobody waits for. Of requests of this
  /// class's own, the filters that were refused.
  Result<Events> suback(const Suback& packet);
  Result<Events> unsuback(const Unsuback& packet);

  /// Into an image, and from it: what was asked for and not answered is asked for again, on
  /// nobody's behalf.
  void save(Image& image) const;
  void restore(const Image& image);

  void new_link();      ///< unanswered requests are to be written again, under their ids
  void session_lost();  ///< ids are free again; the server knows no filter

  [[nodiscard]] std::size_t unanswered() const { return requests_.size(); }

 private:
  using Packet = std::variant<Subscribe, Unsubscribe>;  // packet_id 0: none taken yet
  struct Request {
    Packet packet;
    Token token = 0;  // 0: a resubscription of our own
    bool written = false;
  };
  using Requests = std::deque<Request>;
  [[nodiscard]] static std::uint16_t& id_of(Request& request);
  template <typename Kind>
  [[nodiscard]] Requests::iterator find(std::uint16_t id);
  /// The filters of unanswered SUBSCRIBE requests.
  [[nodiscard]] std::set<std::string_view> asked_for() const;
  void unwant(std::string_view filter);
  void resubscribe();
  bool halve(Requests::iterator request);
  void not_granted(const Subscribe& packet, Token token, const std::vector<std::uint8_t>& codes,
                   Events& events);
  void refuse(Requests::iterator request, ReasonCode reason, Events& events);

  ProtocolVersion version_;
  PacketIds& ids_;
  Requests requests_;
  struct Wanted {
    Subscription subscription;
    std::uint32_t identifier;  // 0: none
  };
  std::map<std::string, Wanted, std::less<>> wanted_;
};

}  // namespace mqttlab::client
