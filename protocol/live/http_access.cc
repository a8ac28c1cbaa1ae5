#include "protocol/live/http_access.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "protocol/broker/acl_file.h"
#include "protocol/live/clock.h"
#include "protocol/live/endpoint.h"
#include "protocol/session/octets.h"
#include "protocol/wire/topic.h"

namespace mqttlab::live {
namespace {

using Json = nlohmann::json;

HttpTarget target_of(const HttpAccess::Config& config) {
  const Endpoint endpoint = Endpoint::parse(config.url);
  if (!has_pages(endpoint.transport) || endpoint.user_name)
    throw std::invalid_argument("'" + endpoint.text() +
                                "': an identity system is at http:// or https://, with no user "
                                "name or password in the URL");
  HttpTarget target{.ca_pem = config.ca_pem, .timeout = config.timeout};
  target.secure = has_tls(endpoint.transport);
  target.host = endpoint.host;
  target.port = std::to_string(endpoint.port);
  target.authority = authority(endpoint.host, endpoint.port);
  target.path = endpoint.path.empty() ? "/" : endpoint.path;
  return target;
}

std::shared_ptr<const AclFile> rights_of(const Json& lines) {
  std::string text;
  for (const Json& line : lines) {
    const auto& rule = line.get_ref<const std::string&>();
    if (rule.find_first_of("\r\n") != std::string::npos)
      throw std::invalid_argument("acl: a rule has more than one line");
    text += "pattern " + rule + "\n";
  }
  return std::make_shared<AclFile>(AclFile::parse(text, "acl"));
}

}  // namespace

HttpAccess::HttpAccess(boost::asio::io_context& io, const Config& config, LogLines& log)
    : config_(config),
      log_(log),
      target_(target_of(config)),
      cache_secret_(32, '\0'),
      cache_(config.cache) {
  RAND_bytes(reinterpret_cast<unsigned char*>(cache_secret_.data()),
             static_cast<int>(cache_secret_.size()));
  for (std::size_t i = 0; i < std::max<std::size_t>(1, config.at_once); ++i)
    posters_.push_back(HttpPoster::make(io, target_));
  idle_ = posters_;
}

HttpAccess::~HttpAccess() {
  for (const auto& poster : posters_) poster->close();
}

bool HttpAccess::knows(const AccessRequest& request) const {
  return request.kind == AccessRequest::Kind::authenticate && request.method.empty() &&
         (request.has_user_name || !request.certificate.empty());
}

Decision HttpAccess::ask(const AccessRequest& request) {
  Question question{request.request, request.link, body_of(request), {}};
  question.key = key_of(question.body);
  if (auto known = cache_.find(question.key, request.now)) return *std::move(known);
  if (waiting_.size() >= config_.most_waiting) return {Verdict::denied, ReasonCode::server_busy};
  waiting_.push_back(std::move(question));
  if (!idle_.empty()) {
    const auto poster = std::move(idle_.back());
    idle_.pop_back();
    next(poster);
  }
  return Verdict::later;
}

// One that is under way is answered all the same, and the broker ignores it.
void HttpAccess::gone(LinkId link) {
  std::erase_if(waiting_, [&](const Question& question) { return question.link == link; });
}

std::string HttpAccess::body_of(const AccessRequest& request) const {
  Json body{{"client_id", request.client_id}};
  if (request.has_user_name) body["user_name"] = request.user_name;
  if (request.has_password) {
    const std::string_view password = text_of(request.password);
    if (valid_utf8(password))
      body["password"] = password;
    else
      body["password_base64"] = to_base64(request.password);
  }
  if (!request.certificate.empty()) body["certificate"] = request.certificate;
  if (address_of) body["address"] = address_of(request.link);
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string HttpAccess::key_of(const std::string& body) const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), cache_secret_.data(), static_cast<int>(cache_secret_.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

void HttpAccess::next(const std::shared_ptr<HttpPoster>& poster) {
  if (waiting_.empty()) return idle_.push_back(poster);
  Question question = std::move(waiting_.front());
  waiting_.pop_front();
  std::string body = std::move(question.body);
  poster->post(std::move(body),
               [this, poster, question = std::move(question)](const HttpReply& reply) {
                 answered(question, reply);
                 next(poster);
               });
}

void HttpAccess::answered(const Question& question, const HttpReply& reply) {
  const Time now = steady_now();
  std::string trouble = reply.trouble;
  Decision decision{Verdict::denied, ReasonCode::server_unavailable};
  if (reply.status == 200 || reply.status == 401 || reply.status == 403) {
    try {
      decision = decision_of(reply, now);
      cache_.put(question.key, decision, now);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  } else if (reply.status != 0) {
    trouble = "it answers " + std::to_string(reply.status);
  }
  tell(trouble);
  if (decide) decide(question.request, std::move(decision));
}

Decision HttpAccess::decision_of(const HttpReply& reply, Time now) const {
  if (reply.status != 200) return Verdict::denied;
  Decision decision = Verdict::granted;
  if (reply.body.empty()) return decision;
  const Json body = Json::parse(reply.body);
  if (!body.is_object()) throw std::invalid_argument("its answer is no JSON object");
  if (const auto name = body.find("user_name"); name != body.end())
    decision.user_name = name->get<std::string>();
  if (const auto lines = body.find("acl"); lines != body.end()) decision.rights = rights_of(*lines);
  if (const auto left = body.find("expires_in_s"); left != body.end()) {
    const double left_s = std::clamp(left->get<double>(), 0.0, 1e9);
    decision.valid_until = now + std::llround(left_s * static_cast<double>(second));
  }
  return decision;
}

// Once when it begins to fail, and once when it answers again: many clients may be waiting.
void HttpAccess::tell(const std::string& trouble) {
  const bool fails = !trouble.empty();
  if (fails && !fails_)
    log_(LogLevel::warning, "identity system {}: {}; nobody whom it would have to know gets in",
         config_.url, trouble);
  else if (fails)
    log_(LogLevel::debug, "identity system {}: {}", config_.url, trouble);
  if (!fails && fails_) log_(LogLevel::notice, "identity system {} answers again", config_.url);
  fails_ = fails;
}

}  // namespace mqttlab::live
