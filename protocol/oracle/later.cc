#include "protocol/oracle/later.h"

#include <algorithm>

#include "protocol/oracle/delivery.h"

namespace mqttlab::oracle {
namespace {

constexpr Time longest = 10 * second;  // that a broker may take; what is older is forgotten

}  // namespace

void Later::accepted(const Acceptance& acceptance) {
  if (!model_.settings.passes_on_later || acceptance.late || acceptance.will) return;
  for (; !order_.empty() && order_.front().first < model_.now - longest; order_.pop_front()) {
    const Waiting* oldest = waiting_.find(order_.front().second);
    if (oldest && oldest->at == order_.front().first) waiting_.erase(order_.front().second);
  }
  order_.emplace_back(model_.now, acceptance.message);
  waiting_[acceptance.message] = {.at = model_.now,
                                  .event = model_.event_index,
                                  .topic = acceptance.topic,
                                  .publisher = acceptance.publisher,
                                  .qos = acceptance.qos,
                                  .retain = acceptance.retain,
                                  .expiry_s = acceptance.expiry_s,
                                  .bytes = acceptance.bytes};
}

void Later::sent(std::uint64_t message) {
  if (Waiting* waiting = waiting_.find(message))
    waiting->sent_at = std::min(waiting->sent_at, model_.now);
}

bool Later::may_get(const Session& session, std::uint64_t message, Acceptance& acceptance) {
  const Waiting* waiting = waiting_.find(message);
  if (!waiting || model_.now > waiting->at + longest) return false;
  const auto in_time = [&](std::uint32_t index) {
    const Filter& filter = model_.filter(index);
    if (filter.group || !model_.matches(filter, waiting->topic)) return false;
    const Subscriber& subscriber = *model_.subscriber(index, session.id);
    const Time since = subscriber.granted.qos == Wish::none ? model_.now : subscriber.since;
    return since >= waiting->at && since <= waiting->sent_at;
  };
  if (std::none_of(session.filters.begin(), session.filters.end(), in_time)) return false;
  acceptance = {.message = message,
                .topic = waiting->topic,
                .publisher = waiting->publisher,
                .qos = waiting->qos,
                .retain = waiting->retain,
                .late = true,
                .arrived = waiting->event,
                .expiry_s = waiting->expiry_s,
                .bytes = waiting->bytes};
  return true;
}

}  // namespace mqttlab::oracle
