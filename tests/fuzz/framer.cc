// Framer on arbitrary bytes in arbitrary pieces.
//
// Input: one byte of options, one that seeds the split, then the stream. Checked for every input:
// pieces give the same frames and the same end as the whole stream; memory stays within twice what
// has arrived.
#include "protocol/wire/framer.h"

#include <vector>

#include "protocol/wire/codec.h"
#include "tests/fuzz/target.h"

namespace mqttlab::fuzz {
namespace {

struct Outcome {
  std::vector<Slice> frames;
  std::optional<Violation> violation;
  std::size_t tail = 0;
};

// `split`: 0 for the whole stream at once, or else the seed of the piece sizes.
Outcome cut(Bytes stream, std::uint32_t max_packet_size, ProtocolVersion version,
            std::uint32_t split) {
  Framer framer(max_packet_size);
  Outcome outcome;
  std::size_t most_buffered = 0;
  while (!stream.empty() && !outcome.violation) {
    const auto room = framer.space();
    require(!room.empty(), "space() is never empty");
    std::size_t n = std::min(room.size(), stream.size());
    if (split != 0) {
      split = split * 1'664'525 + 1'013'904'223;
      n = std::min<std::size_t>(n, 1 + (split >> 28));
    }
    std::copy_n(stream.begin(), n, room.begin());
    framer.received(n);
    stream = stream.subspan(n);
    most_buffered = std::max(most_buffered, framer.buffered());
    require(framer.capacity() <= std::max<std::size_t>(2'048, 2 * most_buffered),
            "memory grows with what has arrived");
    for (;;) {
      auto frame = framer.next(version);
      if (!frame) outcome.violation = frame.violation();
      if (!frame || !*frame) break;
      require((*frame)->size() <= max_packet_size, "a frame over the limit");
      outcome.frames.push_back(std::move(**frame));
    }
  }
  outcome.tail = framer.buffered();
  return outcome;
}

void check(Bytes input) {
  if (input.size() < 2) return;
  const std::uint32_t limit = (input[0] & 4) != 0 ? 64 : max_remaining_length + 5;
  const auto version = (input[0] & 8) != 0 ? ProtocolVersion::v5_0 : ProtocolVersion::v3_1_1;
  const Bytes stream = input.subspan(2);
  const Outcome whole = cut(stream, limit, version, 0);
  const Outcome pieces = cut(stream, limit, version, input[1] + 1u);
  require(whole.frames == pieces.frames, "pieces give the frames of the whole");
  require(whole.violation == pieces.violation, "pieces break where the whole does");
  require(whole.violation || whole.tail == pieces.tail, "pieces leave the tail of the whole");
}

}  // namespace
}  // namespace mqttlab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return mqttlab::fuzz::run_target([&] { mqttlab::fuzz::check({data, size}); });
}
