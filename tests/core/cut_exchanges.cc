// The table of exchanges. Each is told once, and cut at every byte.
#include "protocol/session/scram_client.h"
#include "tests/core/cut_story.h"

namespace mqttlab::testing {
namespace {

constexpr QoS qos0 = QoS::at_most_once, qos1 = QoS::at_least_once, qos2 = QoS::exactly_once;

// Goes on when the client is connected; or when it has been cut, and then it is offline.
void begin(CutStory& story, Time wait = 5 * millisecond) {
  story.start();
  story.run(wait);
}

void connect(CutStory& story) { begin(story, 10 * millisecond); }

template <QoS qos>
void publish(CutStory& story) {
  begin(story);
  story.publish(story.cut, "t", qos);
}

void burst(CutStory& story) {
  begin(story);
  for (int i = 0; i < 25; ++i) story.publish(story.cut, "t", i % 2 == 0 ? qos1 : qos2);
}

// The client subscribes, and desk's messages are owed to it.
void begin_to_receive(CutStory& story) {
  story.start();
  story.subscribe("t");
  story.owes("t");
}

template <QoS qos>
void receive(CutStory& story) {
  begin_to_receive(story);
  story.publish(story.desk, "t", qos);
}

void receive_burst(CutStory& story) {
  begin_to_receive(story);
  for (int i = 0; i < 25; ++i) story.publish(story.desk, "t", i % 2 == 0 ? qos1 : qos2);
}

void publish_retained(CutStory& story) {
  begin(story);
  story.publish(story.cut, "r/1", qos1, true);
  story.publish(story.cut, "r/1", qos2, true);
}

void subscribe_to_retained(CutStory& story) {
  story.publish(story.desk, "r/1", qos1, true);
  story.publish(story.desk, "r/2", qos2, true);
  story.run(10 * millisecond);
  story.start();
  story.subscribe("r/#");
}

void unsubscribe(CutStory& story) {
  story.start();
  story.subscribe("t");
  story.publish(story.desk, "t", qos2);
  story.unsubscribe("t");
  story.run(1 * second);
  story.publish(story.desk, "t", qos2);
}

// Its link ends without DISCONNECT, soon enough for every kind of session and before the next
// PINGREQ, whatever has been cut before.
void lose_link(CutStory& story) {
  begin(story, 300 * millisecond);
  story.publish(story.cut, "t", qos1);
  story.run(5 * millisecond);
  story.world().cut(story.cut);
}

void disconnect(CutStory& story) {
  begin(story);
  story.publish(story.cut, "t", qos2);
  story.run(3 * millisecond);
  story.world().stop(story.cut);
  story.run(500 * millisecond);
  story.start();
}

void disconnect_for_good(CutStory& story) {
  begin(story);
  story.publish(story.cut, "t", qos2);
  story.run(1 * millisecond);
  Disconnect how{ReasonCode::disconnect_with_will_message};
  how.properties.add(PropertyId::session_expiry_interval, 0);
  story.world().stop(story.cut, how);
  story.run(500 * millisecond);
  story.start();
}

// The rival begins a session of its own: nothing is left of the older one.
void take_over(CutStory& story) {
  begin(story);
  story.publish(story.cut, "t", qos2);
  story.run(2 * millisecond);
  story.world().start(story.rival);
  story.run(50 * millisecond);
  if (story.world().client(story.rival).connected())
    story.world().stop(story.rival);
  else  // the broker has died under it, and it does not come again
    story.world().die(story.rival, trace::Death::silent);
}

void reauthenticate(CutStory& story) {
  begin(story, 10 * millisecond);
  story.world().call(story.cut,
                     [](Client& client, Time now) { return client.reauthenticate(now); });
  story.publish(story.cut, "t", qos1);
}

void aliases(CutStory& story) {
  begin_to_receive(story);
  for (const QoS qos : {qos1, qos0, qos2}) {
    story.publish(story.desk, "t", qos);
    story.publish(story.cut, "u", qos);
    story.run(1 * millisecond);
  }
}

void receive_maximum(CutStory& story) {
  begin_to_receive(story);
  for (const QoS qos : {qos2, qos1, qos2}) {
    story.publish(story.desk, "t", qos);
    story.publish(story.cut, "u", qos);
  }
}

void expiry(CutStory& story) {
  begin_to_receive(story);
  Properties soon, later;
  soon.add(PropertyId::message_expiry_interval, 1);
  later.add(PropertyId::message_expiry_interval, 100);
  for (const Properties& properties : {soon, later}) {
    story.publish(story.desk, "t", qos1, false, properties);
    story.publish(story.cut, "u", qos2, false, properties);
  }
}

void share(CutStory& story) {
  story.world().start(story.mate);
  story.world().subscribe(story.mate, "$share/g/s", qos2);
  story.run(10 * millisecond);
  story.start();
  story.subscribe("$share/g/s");
  for (const QoS qos : {qos1, qos2, qos1, qos2}) story.publish(story.desk, "s", qos);
}

void with_will(ClientConfig& client, BrokerConfig&) {
  client.will = Will{Slice::copy_of(std::string_view("w")),
                     Slice::copy_of(std::string_view("will")), qos2, false};
}
void with_delayed_will(ClientConfig& client, BrokerConfig& broker) {
  with_will(client, broker);
  client.will->properties.add(PropertyId::will_delay_interval, 1);
}
void with_password(ClientConfig& client, BrokerConfig&) {
  // One for all stories: it remembers the slow part.
  static const auto authenticator =
      std::make_shared<ScramClient>("user", "pencil", scram_nonces(Random(1, "client")));
  client.authenticator = authenticator;
}
void with_aliases(ClientConfig& client, BrokerConfig&) {
  client.topic_alias_maximum = client.send_topic_alias_maximum = 1;
}
void one_at_a_time(ClientConfig& client, BrokerConfig& broker) {
  client.receive_maximum = 1;
  broker.receive_window = 1;
}

constexpr Exchange table[] = {
    {.name = "Connect", .act = connect},
    {.name = "ConnectByScram", .act = connect, .v5_only = true, .configure = with_password},
    {.name = "Reauthenticate", .act = reauthenticate, .v5_only = true, .configure = with_password},
    {.name = "Qos0ToBroker", .act = publish<qos0>},
    {.name = "Qos1ToBroker", .act = publish<qos1>, .cut_twice = true},
    {.name = "Qos2ToBroker", .act = publish<qos2>, .cut_twice = true},
    {.name = "Qos0ToClient", .act = receive<qos0>},
    {.name = "Qos1ToClient", .act = receive<qos1>, .cut_twice = true},
    {.name = "Qos2ToClient", .act = receive<qos2>, .cut_twice = true},
    {.name = "BurstToBroker", .act = burst},
    {.name = "BurstToClient", .act = receive_burst},
    {.name = "PublishRetained", .act = publish_retained},
    {.name = "SubscribeToRetained", .act = subscribe_to_retained},
    {.name = "Unsubscribe", .act = unsubscribe},
    {.name = "Will", .act = lose_link, .configure = with_will},
    {.name = "DelayedWill", .act = lose_link, .v5_only = true, .configure = with_delayed_will},
    {.name = "Disconnect", .act = disconnect, .starts_again = true, .configure = with_will},
    {.name = "DisconnectForGood",
     .act = disconnect_for_good,
     .v5_only = true,
     .ends_session = true,
     .configure = with_will},
    {.name = "TakeOver", .act = take_over, .ends_session = true, .configure = with_will},
    {.name = "TopicAliases", .act = aliases, .v5_only = true, .configure = with_aliases},
    {.name = "ReceiveMaximum", .act = receive_maximum, .v5_only = true, .configure = one_at_a_time},
    {.name = "MessageExpiry", .act = expiry, .v5_only = true},
    {.name = "SharedSubscription", .act = share, .v5_only = true},
};

}  // namespace

std::span<const Exchange> exchanges() { return table; }

std::vector<CutCase> cut_cases() {
  std::vector<CutCase> all;
  for (const Exchange& exchange : exchanges())
    for (const SessionKind& kind : session_kinds())
      if (!exchange.v5_only || kind.version == ProtocolVersion::v5_0)
        all.push_back({&exchange, &kind});
  return all;
}

}  // namespace mqttlab::testing
