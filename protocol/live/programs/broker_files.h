// BrokerFiles: what a broker's files say, and say now that they are read again.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocol/broker/acl_file.h"
#include "protocol/broker/password_file.h"
#include "protocol/live/endpoint.h"
#include "protocol/live/log_lines.h"
#include "protocol/transport/tls_context.h"

namespace mqttlab::live {

class BrokerFiles {
 public:
  /// Paths; empty: there is none.
  struct Paths {
    std::string passwords, acl;
    std::string certificate, key, ca, revoked;  // PEM
  };

  /// Reads all of them. `tls`: what certificates do not say. Throws std::runtime_error or
  /// std::invalid_argument naming option, file and remedy.
  BrokerFiles(Paths paths, TlsSettings tls);

  [[nodiscard]] const std::optional<PasswordFile>& passwords() const { return passwords_; }
  [[nodiscard]] const std::optional<AclFile>& acl() const { return acl_; }
  /// Of a listener; throws std::invalid_argument if there is no certificate.
  [[nodiscard]] std::shared_ptr<const TlsContext> tls(Transport transport) const;

  struct Changes {
    bool access = false;  ///< passwords or ACL
    bool tls = false;
  };
  /// Reads them again, and logs what has changed. A file that is broken now is said to be so, and
  /// what was in it last counts on; certificate, key, authorities and lists count together.
  Changes reload(LogLines& log);

 private:
  using Hashes = std::map<std::string, std::size_t>;  // by path
  using Context = std::shared_ptr<const TlsContext>;
  [[nodiscard]] std::string read(const std::string& option, const std::string& path,
                                 Hashes& hashes) const;
  template <typename Value>
  bool read_one(const std::string& option, const std::string& path, std::optional<Value>& value);
  bool read_passwords();
  bool read_acl();
  bool read_tls();

  const Paths paths_;
  const TlsSettings tls_;
  Hashes seen_;  // what was in the files
  std::optional<PasswordFile> passwords_;
  std::optional<AclFile> acl_;
  Context mqtt_, http_;  // by what follows TLS
};

}  // namespace mqttlab::live
