#include "sim/security.h"

#include <utility>

#include "protocol/session/random.h"
#include "protocol/transport/web_socket_client_filter.h"
#include "protocol/transport/web_socket_server_filter.h"

namespace mqttlab::sim {
namespace {

// A clock may leap back as well.
constexpr std::int64_t valid_from_s = Security::epoch_s - 365 * 86'400;
// As long as a world's time can run.
constexpr Validity validity{valid_from_s, Security::epoch_s + never / second};
// A client ends an attempt itself, after its connect_timeout.
constexpr Time client_patience = never / 4;

}  // namespace

struct Security::Identities {
  explicit Identities(std::uint64_t seed)
      : crypto(std::make_shared<SeededCrypto>(seed)),
        authority("mqttlab authority", validity, KeyKind::ed25519, crypto),
        broker(authority.issue(broker_name, validity, {std::string("DNS:") + broker_name})) {}
  Crypto crypto;
  CertificateAuthority authority;
  Credentials broker;
};

Security::Security(std::uint64_t seed, Time patience, std::string key_log_path, bool certificates,
                   std::function<Time()> unix_offset)
    : seed_(seed),
      patience_(patience),
      certificates_(certificates),
      key_log_path_(std::move(key_log_path)),
      unix_offset_(std::move(unix_offset)) {
  web_socket_.open_timeout = patience_;
}

Security::~Security() = default;

void Security::prepare(Transport transport) {
  Kind& kind = kinds_[index_of(transport)];
  if (transport.web_socket) {
    kind.web_socket.host = std::string(broker_name) + ":" + std::to_string(port_of(transport));
    kind.web_socket.open_timeout = client_patience;
  }
  if (!transport.tls || kind.server) return;
  if (!identities_) identities_ = std::make_unique<Identities>(seed_);
  if (!key_log_ && !key_log_path_.empty())
    key_log_ = std::make_unique<OutputFile>("key log", key_log_path_);
  kind.server = std::make_shared<TlsContext>(settings(transport, TlsSettings::Role::server));
  kind.client = std::make_shared<TlsContext>(settings(transport, TlsSettings::Role::client));
}

TlsSettings Security::settings(Transport transport, TlsSettings::Role role) {
  TlsSettings made;
  made.role = role;
  made.alpn = {transport.web_socket ? "http/1.1" : "mqtt"};
  made.crypto = identities_->crypto;
  made.unix_offset = unix_offset_;
  if (role == TlsSettings::Role::client) {
    made.ca_pem = identities_->authority.certificate_pem();
    made.server_name = broker_name;
    made.handshake_timeout = client_patience;
    return made;
  }
  made.certificate_pem = identities_->broker.certificate_pem;
  made.key_pem = identities_->broker.key_pem;
  made.handshake_timeout = patience_;
  if (certificates_) {
    made.ca_pem = identities_->authority.certificate_pem();
    made.client_certificate = ClientCertificate::required;
  }
  if (key_log_)
    made.key_log = [this](std::string_view line) {
      key_log_->write(line);
      key_log_->write("\n");
    };
  return made;
}

std::shared_ptr<const TlsContext> Security::own_tls(Transport transport,
                                                    const std::string& client_id) {
  if (!transport.tls || transport.certificate_until == 0) return nullptr;
  const Validity until{valid_from_s, epoch_s + transport.certificate_until / second};
  const Credentials own = identities_->authority.issue(client_id, until);
  TlsSettings made = settings(transport, TlsSettings::Role::client);
  made.certificate_pem = own.certificate_pem;
  made.key_pem = own.key_pem;
  return std::make_shared<TlsContext>(std::move(made));
}

FilterPlan Security::server(Transport transport) const {
  FilterPlan plan{.tls = kinds_[index_of(transport)].server};
  if (transport.web_socket)
    plan.web_socket = [this](Establish establish, Time now) {
      return std::make_unique<WebSocketServerFilter>(web_socket_, std::move(establish), now);
    };
  return plan;
}

FilterPlan Security::client(Transport transport, std::uint32_t connection) const {
  const Kind& kind = kinds_[index_of(transport)];
  FilterPlan plan{.tls = kind.client};
  if (transport.web_socket)
    plan.web_socket = [this, &kind, connection](Establish establish, Time now) {
      const Random random(seed_, "web socket/" + std::to_string(connection));
      return std::make_unique<WebSocketClientFilter>(kind.web_socket, random, std::move(establish),
                                                     now);
    };
  return plan;
}

void Security::flush() {
  if (key_log_) key_log_->flush();
}

}  // namespace mqttlab::sim
