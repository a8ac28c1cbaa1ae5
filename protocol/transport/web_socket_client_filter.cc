#include "protocol/transport/web_socket_client_filter.h"

#include "protocol/session/octets.h"
#include "protocol/transport/http_upgrade.h"

namespace mqttlab {
namespace {

std::string draw_key(Random& random) {
  std::array<std::uint8_t, 16> key;
  for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random.below(256));
  return to_base64(key);
}

std::string fault_of(const HttpHeadReader& reader, HttpHeadReader::State state,
                     std::string_view key) {
  if (state == HttpHeadReader::State::whole) return fault_of(reader.head(), key);
  if (state == HttpHeadReader::State::malformed)
    return "the server's answer is no HTTP: " + reader.fault();
  return "the head of the server's answer is over " + std::to_string(HttpHeadReader::max_bytes) +
         " bytes or " + std::to_string(HttpHeadReader::max_fields) + " fields";
}

}  // namespace

WebSocketClientFilter::WebSocketClientFilter(const WebSocketClientSettings& settings,
                                             const Random& random, Establish establish, Time now)
    : WebSocketFilter(settings, std::move(establish), &random_, now),
      open_timeout_(settings.open_timeout),
      random_(random),
      key_(draw_key(random_)) {
  check(settings);
  write(upgrade_request(settings, key_));
}

void WebSocketClientFilter::opened(const HttpHeadReader& reader, HttpHeadReader::State state,
                                   Time now) {
  std::string fault = fault_of(reader, state, key_);
  if (fault.empty()) return establish(now);
  give_up(std::move(fault), CloseCause::local, now);
}

void WebSocketClientFilter::too_late(Time now) {
  give_up("no answer to the upgrade within " + std::to_string(open_timeout_ / millisecond) + " ms",
          CloseCause::local, now);
}

}  // namespace mqttlab
