// Faults and links as a command line says them.
#pragma once

#include <string>
#include <string_view>

#include "protocol/link/fault.h"
#include "protocol/link/link.h"

namespace mqttlab {

/// `[WAY:]INSTANT[,KEY=VALUE|FLAG]...`: WAY is `up` (from the client), `down` or, of a blackhole at
/// a time, `both`. INSTANT is one of `at=TIME`, `after-bytes=N`, `before=PACKET#N`,
/// `after=PACKET#N`, `inside=PACKET#N@BYTES`. Of all: `connection=N`, `each`. Of a cut:
/// `how=reset|fin|half-open|silent`. Of the others: `for=TIME`. Of a blackhole: `both`, the other
/// way is swallowed too. `where` is the option's name. Throws std::invalid_argument naming it, the
/// text, what is wrong and the remedy.
[[nodiscard]] Fault parse_fault(Fault::Kind kind, std::string_view text, const std::string& where);

/// `up=TIME,down=TIME[,spread=FRACTION]`
[[nodiscard]] Cycle parse_cycle(std::string_view text, const std::string& where);
/// `good-to-bad=P,bad-to-good=P[,loss-bad=P][,loss-good=P]`
[[nodiscard]] GilbertElliott parse_burst(std::string_view text, const std::string& where);

}  // namespace mqttlab
