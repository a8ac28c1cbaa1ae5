#include "tests/core/cut_story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "protocol/broker/scram_access.h"

namespace mqttlab::testing {
namespace {

constexpr Time away = 5 * second;  // of a client that comes late
constexpr Time busy = 8 * second, settling = 12 * second;
constexpr auto v3 = ProtocolVersion::v3_1_1, v5 = ProtocolVersion::v5_0;

constexpr SessionKind kinds[] = {
    {"v3_clean", v3, true, {}, false},
    {"v3_kept", v3, false, {}, false},
    {"v5_clean_ends", v5, true, 0, false},
    {"v5_clean_finite", v5, true, 3, false},
    {"v5_clean_finite_late", v5, true, 3, true},
    {"v5_clean_endless", v5, true, 0xFFFFFFFF, false},
    {"v5_ends", v5, false, 0, false},
    {"v5_finite", v5, false, 3, false},
    {"v5_finite_late", v5, false, 3, true},
    {"v5_endless", v5, false, 0xFFFFFFFF, false},
};

// Asks for a password by SCRAM where a client names that method, and lets everybody else in.
class ScramOrNothing final : public Access {
 public:
  Decision ask(const AccessRequest& request) override {
    return scram_.knows(request) ? scram_.ask(request) : Decision(Verdict::granted);
  }
  bool supports(std::string_view method) const override { return scram_.supports(method); }
  void gone(LinkId link) override { scram_.gone(link); }

 private:
  static const PasswordFile& users() {
    static const std::uint8_t salt[] = {1, 2, 3, 4};
    static const PasswordFile file = PasswordFile::parse(
        scram_line("user", ScramCredentials::derive("pencil", salt, least_scram_iterations)),
        "users");
    return file;
  }
  ScramAccess scram_{users(), Random(1, "broker/scram")};
};

BrokerConfig broker(const Exchange& exchange) {
  BrokerConfig config;
  ClientConfig client;
  if (exchange.configure) exchange.configure(client, config);
  return config;
}

Wire wire(const Fault& fault) {
  Wire wire;
  if (fault.stall) {
    (fault.up ? wire.stall_up : wire.stall_down) = fault.at;
  } else {
    (fault.up ? wire.cut_up : wire.cut_down) = fault.at;
  }
  return wire;
}

}  // namespace

std::span<const SessionKind> session_kinds() { return kinds; }

std::string words(const Fault& fault) {
  return std::string(fault.stall ? "stall" : "cut") + (fault.up ? " up at " : " down at ") +
         std::to_string(fault.at);
}

CutStory::CutStory(const Exchange& exchange, const SessionKind& kind, const Fault& fault,
                   const Fault& next_fault, WorldStore* store)
    : exchange_(exchange),
      kind_(kind),
      access_(std::make_unique<ScramOrNothing>()),
      world_(broker(exchange), 1,
             {.ping_timeout = 1 * second, .converge_within = settling - 2 * second}, access_.get(),
             store) {
  ClientConfig config = client("desk");
  config.clean_session = false;
  if (v5()) config.session_expiry_s = 0xFFFFFFFF;
  desk = world_.add(config);
  config.client_id = "mate";
  mate = world_.add(config);
  world_.start(desk);
  world_.subscribe(desk, "#", QoS::exactly_once);
  world_.run(20 * millisecond);

  config = client("cut");
  config.clean_session = kind.clean;
  config.session_expiry_s = kind.expiry_s;
  BrokerConfig unused;
  if (exchange.configure) exchange.configure(config, unused);
  if (kind.late) config.backoff = {.initial = away, .maximum = away, .jitter = 0};
  cut = world_.add(config, [fault, next_fault](int connection) {
    return connection == 1 ? wire(fault) : connection == 2 ? wire(next_fault) : Wire{};
  });
  config = client("cut");
  config.reconnect = false;
  rival = world_.add(config);
}

CutStory::~CutStory() = default;

ClientConfig CutStory::client(std::string id) const {
  ClientConfig config;
  config.client_id = std::move(id);
  config.version = kind_.version;
  config.keep_alive_s = 2;
  config.ping_timeout = 1 * second;
  config.connect_timeout = 3 * second;
  config.backoff = {.initial = 100 * millisecond, .maximum = 500 * millisecond};
  return config;
}

void CutStory::publish(Index from, std::string_view topic, QoS qos, bool retain,
                       const Properties& properties) {
  const std::string payload = std::to_string(published_.size());
  const Token token = world_.publish(from, topic, payload, qos, retain, properties);
  EXPECT_NE(token, 0U);
  const bool owed = std::find(owed_.begin(), owed_.end(), topic) != owed_.end();
  published_.push_back(
      {from, token, payload, qos, owed, properties.has(PropertyId::message_expiry_interval)});
}

void CutStory::subscribe(std::string_view filter, QoS qos) {
  const auto done = world_.completions(cut).size();
  requests_.push_back(world_.subscribe(cut, filter, qos));
  for (int step = 0; world_.completions(cut).size() == done && step < 1'000; ++step)
    world_.run(10 * millisecond);
}

Token CutStory::unsubscribe(std::string_view filter) {
  requests_.push_back(world_.unsubscribe(cut, filter));
  return requests_.back();
}

void CutStory::play() {
  exchange_.act(*this);
  world_.run(busy);
  world_.phase("settle");
  ClientConfig config = client("audit");  // asks what is retained
  const Index audit = world_.add(config);
  world_.start(audit);
  world_.subscribe(audit, "#", QoS::exactly_once);
  world_.run(settling);
  for (const Index who : {cut, desk}) {
    std::vector<Token> tokens;
    if (who == cut) tokens = requests_;
    for (const Published& message : published_)
      if (message.from == who) tokens.push_back(message.token);
    complete(who, tokens);
    EXPECT_EQ(world_.client(who).in_flight() + world_.client(who).queued(), 0U);
  }
  for (const Published& message : published_) judge(message);
  EXPECT_EQ(world_.findings(broker_forgets), "");
}

void CutStory::complete(Index who, const std::vector<Token>& tokens) const {
  const auto completions = world_.completions(who);
  for (const Token token : tokens) {
    const auto is_token = [&](const Completed& c) { return c.token == token; };
    EXPECT_EQ(std::count_if(completions.begin(), completions.end(), is_token), 1)
        << "completions of call " << token;
  }
}

void CutStory::judge(const Published& message) const {
  const auto completions = world_.completions(message.from);
  const auto at = std::find_if(completions.begin(), completions.end(),
                               [&](const Completed& c) { return c.token == message.token; });
  if (at == completions.end()) return;
  const bool done = at->outcome == Outcome::done;
  const bool kept =
      kind_.kept() && !exchange_.ends_session && !(kind_.clean && exchange_.starts_again);
  if (message.qos != QoS::at_most_once && (message.from != cut || kept)) {
    EXPECT_TRUE(done || message.expires) << "message " << message.payload << " failed";
  }
  const auto copies = [&](Index who) {
    const auto received = world_.received(who);
    return std::count(received.begin(), received.end(), message.payload);
  };
  const bool counts = message.qos != QoS::at_most_once;
  if (done && counts) {
    EXPECT_GE(copies(desk), 1) << message.payload << " is lost";
  }
  if (done && counts && message.owed && kept && !message.expires) {
    EXPECT_GE(copies(cut), 1) << message.payload << " is lost";
  }
  // What a lost session has not confirmed is published anew, and may have been passed on before.
  if (message.qos == QoS::at_most_once ||
      (message.qos == QoS::exactly_once && (message.from != cut || kept))) {
    EXPECT_LE(copies(desk), 1) << message.payload << " was repeated";
  }
}

Lengths CutStory::lengths(int connection) const {
  const auto [up, down] = world_.arrived(cut, connection);
  return {up, down};
}

void PrintTo(const CutCase& one, std::ostream* out) { *out << one.name(); }
void PrintTo(const SessionKind& kind, std::ostream* out) { *out << kind.name; }
void PrintTo(const Exchange& exchange, std::ostream* out) { *out << exchange.name; }

}  // namespace mqttlab::testing
