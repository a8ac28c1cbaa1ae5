#include "protocol/live/programs/broker_files.h"

#include <functional>
#include <stdexcept>
#include <utility>

#include "protocol/live/files.h"

namespace mqttlab::live {

BrokerFiles::BrokerFiles(Paths paths, TlsSettings tls)
    : paths_(std::move(paths)), tls_(std::move(tls)) {
  read_passwords();
  read_acl();
  read_tls();
}

std::string BrokerFiles::read(const std::string& option, const std::string& path,
                              Hashes& hashes) const {
  if (path.empty()) return {};
  std::string text = read_file(path, option);
  hashes[path] = std::hash<std::string>()(text);
  return text;
}

// Each is true if a file has changed.

template <typename Value>
bool BrokerFiles::read_one(const std::string& option, const std::string& path,
                           std::optional<Value>& value) {
  if (path.empty()) return false;
  Hashes hashes = seen_;
  const std::string text = read(option, path, hashes);
  if (hashes == seen_) return false;
  value = Value::parse(text, path);
  seen_ = std::move(hashes);
  return true;
}

bool BrokerFiles::read_passwords() { return read_one("--passwords", paths_.passwords, passwords_); }
bool BrokerFiles::read_acl() { return read_one("--acl", paths_.acl, acl_); }

bool BrokerFiles::read_tls() {
  if (paths_.certificate.empty() && paths_.key.empty()) return false;
  Hashes hashes = seen_;
  TlsSettings settings = tls_;
  settings.certificate_pem = read("--cert", paths_.certificate, hashes);
  settings.key_pem = read("--key", paths_.key, hashes);
  settings.ca_pem = read("--cafile", paths_.ca, hashes);
  settings.crl_pem = read("--crl", paths_.revoked, hashes);
  if (hashes == seen_) return false;
  settings.alpn = {"mqtt"};
  auto mqtt = std::make_shared<const TlsContext>(settings);
  settings.alpn = {"http/1.1"};
  http_ = std::make_shared<const TlsContext>(std::move(settings));
  mqtt_ = std::move(mqtt);
  seen_ = std::move(hashes);
  return true;
}

std::shared_ptr<const TlsContext> BrokerFiles::tls(Transport transport) const {
  if (!mqtt_ || paths_.certificate.empty() || paths_.key.empty())
    throw std::invalid_argument("tls:// and wss:// need --cert FILE and --key FILE");
  return transport == Transport::tls ? mqtt_ : http_;
}

BrokerFiles::Changes BrokerFiles::reload(LogLines& log) {
  const auto again = [&](const char* what, bool (BrokerFiles::*read)()) {
    try {
      const bool changed = (this->*read)();
      if (changed) log(LogLevel::notice, "SIGHUP: new {} count from now on", what);
      return changed;
    } catch (const std::exception& error) {
      log(LogLevel::error, "SIGHUP: {}; the old {} count on", error.what(), what);
      return false;
    }
  };
  Changes changes;
  changes.access = again("passwords", &BrokerFiles::read_passwords);
  changes.access |= again("rights (--acl)", &BrokerFiles::read_acl);
  changes.tls = again("certificates", &BrokerFiles::read_tls);
  if (!changes.access && !changes.tls) log(LogLevel::notice, "SIGHUP: nothing is new");
  return changes;
}

}  // namespace mqttlab::live
