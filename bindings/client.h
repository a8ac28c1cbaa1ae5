// One client without a world: whoever has asyncio, or anything else, moves its bytes.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/wire/packet.h"

namespace mqttlab::bindings {

/// The fields of a Subscription, in order.
using Wanted = std::tuple<std::string, int, bool, bool, int>;

// What Python gives to a client's calls, as these take it.
[[nodiscard]] std::vector<Subscription> subscriptions_of(const std::vector<Wanted>& wanted);
[[nodiscard]] std::vector<Slice> slices_of(const std::vector<std::string>& texts);
[[nodiscard]] Disconnect disconnect_of(bool with_will,
                                       std::optional<std::uint32_t> session_expiry_s);

void bind_client(pybind11::module_& m);

}  // namespace mqttlab::bindings
