#include "protocol/session/scram_server.h"

#include <utility>

#include "protocol/session/octets.h"
#include "protocol/session/scram_message.h"

namespace mqttlab {

std::optional<std::string> ScramServer::first(Bytes message, std::string_view nonce,
                                              const Find& find) {
  ScramFields fields(message);
  const auto channel = fields.take_plain();
  const auto identity = fields.take_plain();
  const std::string bare(fields.rest());
  const auto name_text = fields.take('n');  // 'm', an extension that is no option, fails here
  const auto client_nonce = fields.take('r');
  fields.skip_extensions();
  if (!fields.at_end() || !scram_printable(*client_nonce)) return std::nullopt;
  // "y": the client would bind the channel if we could, which is true: we cannot.
  if ((*channel != "n" && *channel != "y") || !identity->empty()) return std::nullopt;
  auto name = scram_unescaped(*name_text);
  if (!name) return std::nullopt;

  user_name_ = *std::move(name);
  credentials_ = find(user_name_);
  nonce_ = std::string(*client_nonce) + std::string(nonce);
  channel_ = to_base64(bytes_of(std::string(*channel) + ",,"));
  std::string answer = "r=" + nonce_ + ",s=" + to_base64(credentials_.salt) +
                       ",i=" + std::to_string(credentials_.iterations);
  messages_ = bare + ',' + answer;
  return answer;
}

std::optional<std::string> ScramServer::finish(Bytes message) {
  if (nonce_.empty()) return std::nullopt;
  const std::string nonce = std::exchange(nonce_, {});  // a conversation has one end
  ScramFields fields(message);
  const auto channel = fields.take('c');
  const auto client_nonce = fields.take('r');
  fields.skip_extensions('p');
  const auto proof_text = fields.take('p');
  if (!fields.at_end() || *channel != channel_ || *client_nonce != nonce) return std::nullopt;
  const auto proof = scram_key(*proof_text);
  if (!proof) return std::nullopt;

  const std::string_view text = text_of(message);
  const std::string auth_message =
      messages_ + ',' + std::string(text.substr(0, text.rfind(",p=")));  // which at_end() placed
  const ScramKey client_key = *proof ^ scram_hmac(credentials_.stored_key, auth_message);
  if (!same_key(scram_hash(client_key), credentials_.stored_key)) return std::nullopt;
  return "v=" + to_base64(scram_hmac(credentials_.server_key, auth_message));
}

}  // namespace mqttlab
