#include "protocol/transport/web_socket_server_filter.h"

#include "protocol/transport/http_upgrade.h"

namespace mqttlab {
namespace {

HttpAnswer answer_to(const HttpHeadReader& reader, HttpHeadReader::State state,
                     const WebSocketServerSettings& settings) {
  if (state == HttpHeadReader::State::whole) return answer_to(reader.head(), settings);
  if (state == HttpHeadReader::State::malformed)
    return refusal(400, "this is no HTTP request: " + reader.fault());
  return refusal(431, "the request's head is over " + std::to_string(HttpHeadReader::max_bytes) +
                          " bytes or " + std::to_string(HttpHeadReader::max_fields) + " fields");
}

}  // namespace

void WebSocketServerFilter::opened(const HttpHeadReader& reader, HttpHeadReader::State state,
                                   Time now) {
  HttpAnswer answer = answer_to(reader, state, settings_);
  write(answer.bytes);
  if (answer.status == 101) return establish(now);
  if (answer.resource) show(std::move(answer.resource));
  end(std::move(answer.failure), now);
}

void WebSocketServerFilter::too_late(Time now) {
  HttpAnswer answer = refusal(
      408, "no request within " + std::to_string(settings_.open_timeout / millisecond) + " ms");
  write(answer.bytes);
  end(std::move(answer.failure), now);
}

}  // namespace mqttlab
