#include "protocol/trace/tapped_peer.h"

#include <algorithm>
#include <array>

namespace mqttlab::trace {

// What was taken is what was pending, as far as it goes.
void TappedPeer::sent(std::size_t n, Time now) {
  if (!tap_) return peer_.sent(n, now);
  std::array<Bytes, most_pieces> pieces;
  const std::size_t count = peer_.pending(pieces);
  std::size_t left = n;
  for (std::size_t i = 0; i < count && left > 0; ++i) {
    const Bytes piece = pieces[i].first(std::min(left, pieces[i].size()));
    tap_->written(piece, now);
    left -= piece.size();
  }
  peer_.sent(n, now);
}

}  // namespace mqttlab::trace
