#include "protocol/session/scram_client.h"

#include <charconv>
#include <utility>

#include "protocol/session/octets.h"

namespace mqttlab {
namespace {

constexpr std::string_view gs2_header = "n,,";  // no channel binding, and nobody else's identity

std::optional<int> iterations_of(std::string_view text) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || text.starts_with('0')) return std::nullopt;
  if (value < least_scram_iterations || value > most_scram_iterations) return std::nullopt;
  return value;
}

}  // namespace

ScramClient::ScramClient(std::string user, std::string password, ScramNonces nonces)
    : user_(std::move(user)), password_(std::move(password)), nonces_(std::move(nonces)) {}

std::string ScramClient::start() {
  nonce_ = nonces_();
  first_bare_ = "n=" + scram_escaped(user_) + ",r=" + nonce_;
  state_ = State::started;
  return std::string(gs2_header) + first_bare_;
}

std::optional<std::string> ScramClient::next(Bytes data) {
  if (std::exchange(state_, State::idle) != State::started) return std::nullopt;
  ScramFields fields(data);
  const auto nonce = fields.take('r');
  const auto salt_text = fields.take('s');
  const auto iterations_text = fields.take('i');
  fields.skip_extensions();
  if (!fields.at_end() || !scram_printable(*nonce)) return std::nullopt;
  const auto salt = from_base64(*salt_text);
  const auto iterations = iterations_of(*iterations_text);
  if (!salt || !iterations) return std::nullopt;
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) return std::nullopt;

  if (salted_.iterations != *iterations || salted_.salt != *salt)
    salted_ = {*iterations, *salt, salted_password(password_, *salt, *iterations)};
  const std::string without_proof =
      "c=" + to_base64(bytes_of(gs2_header)) + ",r=" + std::string(*nonce);
  const std::string auth_message =
      first_bare_ + ',' + std::string(text_of(data)) + ',' + without_proof;
  const ScramKey client_key = scram_hmac(salted_.password, "Client Key");
  const ScramKey signature = scram_hmac(scram_hash(client_key), auth_message);
  expected_ = scram_hmac(scram_hmac(salted_.password, "Server Key"), auth_message);
  state_ = State::answered;
  return without_proof + ",p=" + to_base64(client_key ^ signature);
}

bool ScramClient::finish(Bytes data) {
  if (std::exchange(state_, State::idle) != State::answered) return false;
  ScramFields fields(data);
  const auto verifier = fields.take('v');  // or 'e', what the server did not like
  fields.skip_extensions();
  if (!fields.at_end()) return false;
  const auto key = scram_key(*verifier);
  return key && same_key(*key, expected_);
}

}  // namespace mqttlab
