// mqttlab-broker: the broker on real sockets.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <limits>
#include <map>
#include <random>

#include "protocol/broker/access_policy.h"
#include "protocol/live/broker_server.h"
#include "protocol/live/files.h"
#include "protocol/live/http_access.h"
#include "protocol/live/http_site.h"
#include "protocol/live/metrics.h"
#include "protocol/live/open_files.h"
#include "protocol/live/page.h"
#include "protocol/live/programs/broker_files.h"
#include "protocol/live/programs/options.h"
#include "protocol/live/programs/toml_config.h"
#include "protocol/live/reloadable_access.h"
#include "protocol/live/store/sqlite_store.h"

namespace {

using namespace mqttlab;
using namespace mqttlab::live;

constexpr std::size_t most_connections = 100'000;

struct Options {
  std::vector<std::string> listen = {"tcp://127.0.0.1:1883"};
  bool allow_anonymous = false, scram = false;
  std::string passwords, acl;
  std::string store, durability;
  std::string ca, certificate, key, revoked;
  bool require_certificate = false, certificate_login = false;
  std::string certificate_identity = "cn", identity_ca;
  HttpAccess::Config identity;
  std::string web_socket_path = "/mqtt", page;
  bool metrics = false;
  std::vector<std::string> origins;
  Time handshake_timeout = 10 * second;
  std::size_t max_connections = 0;
  std::size_t max_connections_per_listener = most_connections;
  int max_qos = 2;
  std::string log_level = "notice";
  BrokerConfig broker;
  ServerConfig server;
};

void add_access(CLI::App& app, Options& options) {
  app.add_flag("--allow-anonymous", options.allow_anonymous,
               "Clients without a user name may connect; without any of the ways below, everybody")
      ->group("Who may connect");
  app.add_option("--passwords", options.passwords, "Users and password hashes; see mqttlab-passwd")
      ->type_name("FILE")
      ->group("Who may connect");
  app.add_flag("--scram", options.scram, "SCRAM-SHA-256 for users with such a line in --passwords")
      ->group("Who may connect");
  app.add_option("--acl", options.acl, "Who may publish and subscribe to what; mosquitto's form")
      ->type_name("FILE")
      ->group("Who may connect");
}

void add_identity_system(CLI::App& app, Options& options) {
  const char* const group = "Identity system: who may connect, asked over HTTP";
  HttpAccess::Config& identity = options.identity;
  app.add_option("--identity-url", identity.url,
                 "POSTs user name, password, client id, certificate and address as JSON; 200 lets "
                 "in, 401 and 403 do not, all else lets nobody in")
      ->type_name("URL")
      ->group(group);
  app.add_option("--identity-cafile", options.identity_ca,
                 "Authorities to trust for https://, PEM; default: this machine's")
      ->type_name("FILE")
      ->group(group);
  add_seconds(app, "--identity-timeout", identity.timeout, "Of one question")->group(group);
  app.add_option("--identity-at-once", identity.at_once, "Questions under way at once")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str()
      ->group(group);
  add_seconds(app, "--identity-cache", identity.cache.granted, "How long a grant counts; 0: once")
      ->group(group);
  add_seconds(app, "--identity-cache-denied", identity.cache.denied, "The same of a denial")
      ->group(group);
}

void add_store(CLI::App& app, Options& options) {
  app.add_option("--store", options.store,
                 "Sessions with their messages, retained messages and wills, in SQLite; without it "
                 "they end with the broker")
      ->type_name("FILE")
      ->group("What outlives the broker");
  app.add_option(
         "--durability", options.durability,
         fmt::format("sync: acknowledged means on disk. batch: a crash may take the last {} "
                     "ms. none: of the machine, also what its system had not written yet. "
                     "Default: batch",
                     batch_window / millisecond))
      ->check(CLI::IsMember({"none", "batch", "sync"}))
      ->group("What outlives the broker");
}

void add_tls(CLI::App& app, Options& options) {
  const auto file = [&](const char* name, std::string& value, const char* help) {
    app.add_option(name, value, help)->type_name("FILE")->group("TLS (tls:// and wss://), PEM");
  };
  file("--cert", options.certificate, "The broker's certificate, then those up to its authority");
  file("--key", options.key, "Its private key");
  file("--cafile", options.ca, "Authorities that are trusted for clients' certificates");
  file("--crl", options.revoked, "Revocation lists; then each authority must have one");
  app.add_flag("--require-client-cert", options.require_certificate,
               "Only clients with a certificate of --cafile may connect")
      ->group("TLS (tls:// and wss://), PEM");
  app.add_flag("--certificate-login", options.certificate_login,
               "A client's certificate is enough; --certificate-identity is the user's name")
      ->group("TLS (tls:// and wss://), PEM");
  app.add_option("--certificate-identity", options.certificate_identity,
                 "Who a certificate says its owner is: cn, subject (RFC 2253), email, dns or uri")
      ->check(CLI::IsMember({"cn", "subject", "email", "dns", "uri"}))
      ->capture_default_str()
      ->group("TLS (tls:// and wss://), PEM");
}

void add_limits(CLI::App& app, Options& options) {
  BrokerConfig& broker = options.broker;
  const auto limit = [&](const char* name, auto& value, const char* unit, const char* help) {
    return app.add_option(name, value, help)
        ->type_name(unit)
        ->capture_default_str()
        ->group("Limits");
  };
  limit("--max-connections", options.max_connections, "N",
        "In all; 0: as many as open files allow, up to 100000");
  limit("--max-connections-per-listener", options.max_connections_per_listener, "N",
        "The same of each --listen");
  limit("--accept-rate", options.server.accepts_per_s, "PER-SECOND",
        "New connections; more wait. 0: no limit");
  add_seconds(app, "--handshake-timeout", options.handshake_timeout,
              "For TLS, and for the upgrade to WebSocket")
      ->group("Limits");
  add_seconds(app, "--connect-timeout", broker.connect_timeout, "From then to CONNECT")
      ->group("Limits");
  add_seconds(app, "--stop-timeout", options.server.stop_timeout,
              "For the last bytes, after SIGTERM or SIGINT")
      ->group("Limits");
  limit("--server-keep-alive", broker.server_keep_alive_s, "SECONDS",
        "Instead of their own, of clients of 5.0; they are told");
  limit("--max-packet-size", broker.max_packet_size, "BYTES", "Longest packet that is taken");
  limit("--max-qos", options.max_qos, "QOS", "Of messages that are taken")->check(CLI::Range(0, 2));
  limit("--max-session-expiry", broker.max_session_expiry_s, "SECONDS", "Of clients of 5.0");
  limit("--max-sessions", broker.max_sessions, "N", "Connected or away");
  limit("--max-subscriptions", broker.max_subscriptions, "N", "Of one session");
  limit("--max-retained", broker.max_retained, "N", "Retained messages");
  limit("--max-retained-bytes", broker.max_retained_bytes, "BYTES", "All of them");
  limit("--queue-messages", broker.queue_messages, "N", "Waiting for one session");
  limit("--queue-bytes", broker.queue_bytes, "BYTES", "The same in bytes");
  limit("--outbox-bytes", broker.outbox_bytes, "BYTES",
        "Waiting for a slow reader; then QoS 0 is dropped, the rest waits in the queue");
  limit("--window", broker.window, "N", "QoS 1 and 2 messages in flight to one session");
  limit("--receive-maximum", broker.receive_window, "N", "The same from one session");
}

void add_refusals(CLI::App& app, BrokerConfig& broker) {
  const auto refuse = [&](const char* name, bool& available, const char* help) {
    app.add_flag_callback(
           name, [&available] { available = false; }, help)
        ->group("What is not offered, which clients of 5.0 are told");
  };
  refuse("--no-retained", broker.retain_available,
         "Retained messages: who sends one is disconnected");
  refuse("--no-wildcards", broker.wildcard_available, "Filters with + and #");
  refuse("--no-shared", broker.shared_available, "Shared subscriptions");
  refuse("--no-identifiers", broker.identifiers_available, "Subscription identifiers");
}

void add_options(CLI::App& app, Options& options) {
  app.set_version_flag("--version", MQTTLAB_VERSION);
  app.add_option(
         "--listen", options.listen,
         "tcp://, tls://, ws://, wss://, or http(s)://, which is ws(s):// and shows a page to "
         "browsers, with HOST:PORT; may be repeated. Port 0: a free one, which the log names")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--websocket-path", options.web_socket_path,
                 "Of ws:// and wss://, and on http:// and https://")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("--page", options.page, "What http:// shows; default: the page that is installed")
      ->type_name("FOLDER");
  app.add_flag("--metrics", options.metrics,
               "Prometheus text at /metrics of http:// and https://, for whoever can reach it");
  app.add_option(
         "--websocket-origin", options.origins,
         "Web pages that may connect, as https://HOST[:PORT]; may be repeated. Default: all")
      ->type_name("ORIGIN");
  options.broker.sys_interval = 10 * second;
  add_seconds(app, "--sys-interval", options.broker.sys_interval, "Between $SYS topics; 0: none");
  app.add_flag("--queue-qos0", options.broker.queue_qos0,
               "Keep QoS 0 messages for sessions that are away");
  app.add_option("--log-level", options.log_level, "error, warning, notice, info or debug")
      ->type_name("LEVEL")
      ->capture_default_str();
  add_access(app, options);
  add_identity_system(app, options);
  add_store(app, options);
  add_tls(app, options);
  add_limits(app, options);
  add_refusals(app, options.broker);
}

BrokerFiles files_of(const Options& options) {
  static const std::map<std::string, CertificateIdentity> identities = {
      {"cn", CertificateIdentity::common_name}, {"subject", CertificateIdentity::subject},
      {"email", CertificateIdentity::email},    {"dns", CertificateIdentity::dns},
      {"uri", CertificateIdentity::uri},
  };
  TlsSettings tls;
  tls.client_certificate = options.require_certificate ? ClientCertificate::required
                           : options.ca.empty()        ? ClientCertificate::none
                                                       : ClientCertificate::optional;
  tls.identity = identities.at(options.certificate_identity);
  tls.handshake_timeout = options.handshake_timeout;
  return {{.passwords = options.passwords,
           .acl = options.acl,
           .certificate = options.certificate,
           .key = options.key,
           .ca = options.ca,
           .revoked = options.revoked},
          std::move(tls)};
}

std::shared_ptr<HttpAccess> identity_system_of(Options& options, boost::asio::io_context& io,
                                               LogLines& log) {
  if (options.identity.url.empty()) return nullptr;
  if (!options.passwords.empty())
    throw std::invalid_argument("--identity-url and --passwords: give one of them");
  if (!options.identity_ca.empty())
    options.identity.ca_pem = read_file(options.identity_ca, "--identity-cafile");
  return std::make_shared<HttpAccess>(io, options.identity, log);
}

void check_proofs(const Options& options) {
  if (options.allow_anonymous || options.certificate_login || options.require_certificate ||
      !options.passwords.empty() || !options.identity.url.empty())
    return;
  throw std::invalid_argument(
      "nobody could prove who he is: give --passwords FILE (mqttlab-passwd makes one), "
      "--identity-url URL or --certificate-login, or let everybody in with --allow-anonymous");
}

std::unique_ptr<Access> access_of(const Options& options, const BrokerFiles& files,
                                  std::shared_ptr<AccessProvider> identity_system,
                                  std::uint64_t seed) {
  AccessPolicy policy;
  policy.passwords = files.passwords();
  policy.acl = files.acl();
  policy.anonymous = options.allow_anonymous;
  policy.scram = options.scram;
  // A certificate that is required, and nothing else is: then it is what proves who one is.
  const bool nothing_else = options.passwords.empty() && !identity_system;
  policy.certificates = options.certificate_login || (options.require_certificate && nothing_else);
  policy.others = std::move(identity_system);
  return make_access(std::move(policy), Random(seed, "access"));
}

ListenerConfig listener_of(const Options& options, const BrokerFiles& files, const HttpSite& site,
                           const std::string& url) {
  ListenerConfig config;
  config.endpoint = Endpoint::parse(url);
  config.max_connections = options.max_connections_per_listener;
  if (has_tls(config.endpoint.transport)) config.tls = files.tls(config.endpoint.transport);
  std::string& path = config.endpoint.path;
  if (has_pages(config.endpoint.transport)) {
    if (path.size() > 1)
      throw std::invalid_argument("'" + config.endpoint.text() +
                                  "': pages have paths of their own; give --websocket-path");
    path.clear();
    config.web_socket.resources = [&site](std::string_view at) { return site.find(at); };
  }
  config.web_socket.path = path.empty() ? options.web_socket_path : path;
  config.web_socket.open_timeout = options.handshake_timeout;
  if (!options.origins.empty()) {
    config.web_socket.origin_policy = OriginPolicy::list;
    config.web_socket.origins = options.origins;
  }
  return config;
}

std::unique_ptr<SqliteStore> store_of(const Options& options) {
  if (options.store.empty() && !options.durability.empty())
    throw std::invalid_argument("--durability is about a file: give --store FILE");
  if (options.store.empty()) return nullptr;
  StoreSettings settings{.path = options.store};
  if (!options.durability.empty()) settings.durability = durability_of(options.durability);
  return std::make_unique<SqliteStore>(std::move(settings));
}

// What http:// and https:// show.
void fill(HttpSite& site, const Options& options, LogLines& log) {
  if (!options.page.empty()) {
    add_page(site, options.page, options.web_socket_path);
  } else if (const std::string page = installed_page(); !page.empty()) {
    add_page(site, page, options.web_socket_path);
  } else {
    log(LogLevel::warning, "{}", no_page);
    site.add("/", {"text/plain; charset=utf-8", std::string(no_page) + "\n"});
  }
}

/// Each time that one of the signals comes.
void on_signal(boost::asio::signal_set& signals, const std::function<void()>& what) {
  signals.async_wait([&signals, what](const boost::system::error_code& error, int) {
    if (error) return;
    what();
    on_signal(signals, what);
  });
}

int serve(Options& options) {
  LogLines log(log_level_of(options.log_level));
  const std::uint64_t seed = std::random_device()() | std::uint64_t{std::random_device()()} << 32;
  check_proofs(options);
  BrokerFiles files = files_of(options);
  if (options.max_connections == 0) {
    const std::size_t files = raise_open_files(most_connections + spare_files);
    options.max_connections = files > 2 * spare_files ? files - spare_files : spare_files;
  }
  options.server.max_connections = options.max_connections;
  options.broker.max_connections = options.max_connections;
  options.broker.maximum_qos = static_cast<QoS>(options.max_qos);

  boost::asio::io_context io(1);
  HttpSite site;
  std::vector<ListenerConfig> listeners;
  for (const std::string& url : options.listen)
    listeners.push_back(listener_of(options, files, site, url));
  const bool pages = std::ranges::any_of(
      listeners, [](const auto& listener) { return has_pages(listener.endpoint.transport); });
  if (options.metrics && !pages)
    throw std::invalid_argument("--metrics needs a --listen http://HOST:PORT");
  if (pages) fill(site, options, log);
  const auto identity_system = identity_system_of(options, io, log);
  ReloadableAccess access(access_of(options, files, identity_system, seed), log);
  const auto store = store_of(options);
  BrokerServer server(io, options.broker, options.server, seed, &access, log, {}, store.get());
  if (options.metrics)
    site.add("/metrics", [&] { return HttpResource{metrics_type, metrics_text(server)}; });
  if (identity_system) {
    identity_system->decide = [&](RequestId request, Decision decision) {
      server.decide(request, std::move(decision));
    };
    identity_system->address_of = [&](LinkId link) { return server.address_of(link); };
  }
  server.restore();
  for (ListenerConfig& listener : listeners) server.listen(std::move(listener));
  boost::asio::signal_set ends(io, SIGINT, SIGTERM), hangups(io, SIGHUP);
  on_signal(ends, [&] { server.stop([&] { io.stop(); }); });
  on_signal(hangups, [&] {
    const BrokerFiles::Changes changes = files.reload(log);
    if (changes.access) access.replace(access_of(options, files, identity_system, seed));
    if (changes.tls) server.renew_tls([&](Transport of) { return files.tls(of); });
  });
  io.run();
  if (store) store->flush();
  log(LogLevel::notice, "stopped");
  return exit_ok;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("An MQTT 5.0, 3.1.1 and 3.1 broker.", "mqttlab-broker");
  const auto config = TomlConfig::add_to(app);
  add_options(app, options);
  return run_program(
      app, count, words, [&] { return serve(options); },
      [&](const CLI::Error& error) { return config->place_of(error); });
}
