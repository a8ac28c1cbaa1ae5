#include "protocol/link/fault.h"

#include <array>

namespace mqttlab {

std::string_view name(Cut how) {
  constexpr std::array<std::string_view, 4> names{"reset", "fin", "half-open", "silent"};
  return names[static_cast<std::size_t>(how)];
}

}  // namespace mqttlab
