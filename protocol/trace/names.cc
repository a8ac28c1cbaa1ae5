#include <array>

#include "protocol/trace/event.h"

namespace mqttlab::trace {
namespace {

constexpr std::array<std::string_view, kinds> kind_names{
    "opened",  "closed",         "written",         "arrived",           "malformed",
    "tail",    "publish_called", "publish_refused", "publish_completed", "delivered",
    "dropped", "session_ended",  "link_down",       "link_up",           "died",
    "phase",   "fault",          "fault_over",      "crashed",           "restarted",
    "paused",  "went_on",        "stopped",
};
static_assert(!kind_names.back().empty(), "every kind has a name");

constexpr std::array<std::string_view, 9> drop_reason_names{
    "queue_full",     "queue_bytes_full", "session_ended",  "offline_qos0", "outbox_full",
    "not_authorised", "too_large",        "retained_limit", "expired",
};
static_assert(drop_reason_names.size() == static_cast<std::size_t>(DropReason::expired) + 1);

constexpr std::array<std::string_view, 3> death_names{"fin", "reset", "silent"};
static_assert(death_names.size() == static_cast<std::size_t>(Death::silent) + 1);

constexpr std::array<std::string_view, 3> store_fate_names{"kept", "lost", "torn"};
static_assert(store_fate_names.size() == static_cast<std::size_t>(StoreFate::torn) + 1);

template <typename Names, typename Value>
std::string_view look_up(const Names& names, Value value) {
  const auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : "?";
}

}  // namespace

std::string_view name(Kind kind) { return look_up(kind_names, kind); }
std::string_view name(DropReason reason) { return look_up(drop_reason_names, reason); }
std::string_view name(Death death) { return look_up(death_names, death); }
std::string_view name(StoreFate fate) { return look_up(store_fate_names, fate); }

}  // namespace mqttlab::trace
