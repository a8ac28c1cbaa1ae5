// HttpAccess: who clients are, asked of an identity system over HTTP.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/broker/access_provider.h"
#include "protocol/live/decision_cache.h"
#include "protocol/live/http_poster.h"
#include "protocol/live/log_lines.h"

namespace mqttlab::live {

/// For each client that has a user name or a certificate, and names no Authentication Method, POSTs
///   {"client_id": "c", "user_name": "u", "password": "p", "certificate": "device-7",
///    "address": "192.0.2.1"}
/// of which user_name, password and certificate are there if the client has them; a password that
/// is no UTF-8 is "password_base64". Answers: 200 lets it in, 401 and 403 do not. The body of a 200
/// may be empty, or
///   {"user_name": "ada", "acl": ["read site/#", "write site/%c"], "expires_in_s": 3600}
/// with a name that counts instead, rights that count instead of the ACL file (lines of it, behind
/// `pattern`), and when the client is to be disconnected. Whatever else comes, or comes too late,
/// lets nobody in.
class HttpAccess final : public AccessProvider {
 public:
  struct Config {
    std::string url;     ///< http:// or https://
    std::string ca_pem;  ///< whom to trust for https://; empty: whom this machine trusts
    Time timeout = 5 * second;
    std::size_t at_once = 8;           ///< questions under way, each with a connection
    std::size_t most_waiting = 1'000;  ///< for one of these; more are denied at once
    DecisionCache::Limits cache = {};
  };

  /// Throws std::invalid_argument naming the URL, or the authorities.
  HttpAccess(boost::asio::io_context& io, const Config& config, LogLines& log);
  ~HttpAccess() override;
  HttpAccess(const HttpAccess&) = delete;
  HttpAccess& operator=(const HttpAccess&) = delete;

  /// Where answers go, and where addresses come from. To be set before clients come.
  std::function<void(RequestId, Decision)> decide;
  std::function<std::string(LinkId)> address_of;

  [[nodiscard]] bool knows(const AccessRequest& request) const override;
  Decision ask(const AccessRequest& request) override;
  void gone(LinkId link) override;

 private:
  struct Question {
    RequestId request = 0;
    LinkId link = 0;
    std::string body, key;
  };
  [[nodiscard]] std::string body_of(const AccessRequest& request) const;
  [[nodiscard]] std::string key_of(const std::string& body) const;
  void next(const std::shared_ptr<HttpPoster>& poster);
  void answered(const Question& question, const HttpReply& reply);
  [[nodiscard]] Decision decision_of(const HttpReply& reply, Time now) const;
  void tell(const std::string& trouble);

  const Config config_;
  LogLines& log_;
  HttpTarget target_;
  std::string cache_secret_;
  DecisionCache cache_;
  std::vector<std::shared_ptr<HttpPoster>> posters_, idle_;
  std::deque<Question> waiting_;
  bool fails_ = false;
};

}  // namespace mqttlab::live
