// BrokerCore's part that goes into the journal, and comes back from it. What a session does by
// itself (deliveries, exchanges) it records itself.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "protocol/broker/broker_core.h"

namespace mqttlab {
namespace {

constexpr auto no_number = journal::Number{0};

// A journal that does not gate may have lost which packet ids were used last, and the client of a
// QoS 2 message would take another one under its id for a repeat. Half of them are skipped.
constexpr unsigned skipped_ids(const BrokerConfig& config) {
  return config.test_packet_id_max / 2U + 1;
}

journal::SessionKept kept(const Session& session, std::uint32_t expiry_s, bool connected,
                          journal::UnixTime ends_at) {
  return {session.recorded.number, view_of(session.client_id()), expiry_s, connected, ends_at,
          session.last_packet_id()};
}

}  // namespace

// A session that ends with its link is in the journal for its will only. A will in the name of a
// client with rights of its own is not: they would be gone when it is published, and nobody else
// knows whether it may be.
void BrokerCore::record_arrival(Session& session, const BrokerLink& link) {
  Recorded& recorded = session.recorded;
  const Identity& who = link.identity();
  const auto& will = link.connect().will;
  const bool owes = will && !who.rights;
  const bool outlives = link.session_expiry_s() > 0;
  if (recorded.number != 0 && !outlives) {
    recorder_(journal::SessionEnded{recorded.number});
    recorded = {};
  }
  recorded.state = outlives;
  if (!outlives && !owes) return;
  if (recorded.number == 0) recorded.number = recorder_.number();
  recorder_(kept(session, link.session_expiry_s(), true, never));
  const bool owed = std::exchange(recorded.will, owes);
  if (owes) {
    recorder_(journal::WillOwed{recorded.number, who.user_name, who.certificate, *will, never});
  } else if (owed) {
    recorder_(journal::WillWithdrawn{recorded.number});
  }
}

// Of a session that lives on.
void BrokerCore::record_absence(Session& session, std::uint32_t expiry_s) {
  const Absence& absence = session.absence;
  Recorded& recorded = session.recorded;
  recorder_(kept(session, expiry_s, false, recorder_.unix_time(absence.ends_at)));
  if (absence.will && !absence.will->who.rights) {
    const OwedWill& owed = *absence.will;
    recorder_(journal::WillOwed{recorded.number, owed.who.user_name, owed.who.certificate,
                                owed.will, recorder_.unix_time(absence.will_at)});
  } else if (std::exchange(recorded.will, false)) {
    recorder_(journal::WillWithdrawn{recorded.number});
  }
}

// Subscriptions of all sessions come first: a delivery may belong to a share, and a will that is
// due is published to all.
void BrokerCore::restore(const journal::Image& image, Time now) {
  begin(now);
  recorder_.begin_after(image.last());
  for (const auto& [topic, retained] : image.retained()) router_.restore(retained);
  std::vector<std::pair<Session*, const journal::Image::Session*>> restored;
  for (const auto& [number, known] : image.sessions()) {
    Session& session = sessions_.add(std::string(known.kept.client_id.text()));
    session.recorded = {number, known.kept.expiry_s > 0, known.will.has_value()};
    for (const auto& [filter, subscribed] : known.subscriptions)
      router_.restore(session, subscribed);
    restored.emplace_back(&session, &known);
  }
  std::map<journal::Number, EncodedPublish> messages;
  for (const auto& [session, known] : restored) {
    const unsigned skipped = recorder_.gates() ? 0 : skipped_ids(config_);
    session->restore(static_cast<std::uint16_t>((known->kept.packet_id + skipped) %
                                                (config_.test_packet_id_max + 1U)));
    for (const std::uint16_t id : known->taken) session->inbound().restore(id);
    for (const auto& [number, held] : known->deliveries) {
      OutMessage message{.encoded = {},
                         .qos = held.qos,
                         .retain = held.retain,
                         .origin = router_.origin_of(held),
                         .identifiers = held.identifiers.bytes(),
                         .record = number};
      if (held.message != no_number) {
        const journal::MessageStored& stored = image.message(held.message);
        const journal::Message& content = stored.content;
        EncodedPublish& encoded = messages[held.message];
        if (encoded.size() == 0)
          encoded = EncodedPublish(content.topic, content.payload, content.properties);
        message.encoded = encoded;
        message.published_qos = stored.qos;
        message.published_retain = stored.retain;
        message.expires_at = recorder_.time(content.expires_at);
        if (ledger_.tracing())
          message.token = trace::Log::identity(content.topic.text(), content.payload.bytes());
      }
      session->restore(held, std::move(message));
    }
  }
  for (const auto& [session, known] : restored) restore_absence(*session, *known, now);
}

void BrokerCore::restore_absence(Session& session, const journal::Image::Session& known, Time now) {
  const journal::SessionKept& kept = known.kept;
  Absence& absence = session.absence;
  absence.ends_at = recorder_.time(kept.ends_at);
  if (kept.connected && kept.expiry_s != endless_expiry_s)
    absence.ends_at = now + kept.expiry_s * second;
  if (known.will) {
    const Will& will = known.will->will;
    const auto delay_s = will.properties.get<PropertyId::will_delay_interval>().value_or(0);
    const Time due = kept.connected ? now + delay_s * second : recorder_.time(known.will->due_at);
    absence.will_at = std::min(due, absence.ends_at);
    absence.will = std::make_unique<OwedWill>(
        OwedWill{{0, kept.client_id, known.will->user_name, known.will->certificate}, will});
  }
  if (kept.connected && absence.ends_at > now) record_absence(session, kept.expiry_s);
  if (kept.connected && kept.expiry_s == 0) return attend(session, now);  // ends with its link
  overdue(session, now);
}

}  // namespace mqttlab
