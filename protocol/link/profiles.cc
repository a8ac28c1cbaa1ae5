// Named links. Rates and delays are what a user of the network gets, not what its standard could
// do; each profile says where its numbers come from and what in it is our choice. Losses are what
// is left after the radio's own retransmissions.
#include <array>

#include "protocol/link/link.h"

namespace mqttlab {
namespace {

Direction direction(double rate_bps, Time delay, Time jitter, std::uint32_t queue_packets,
                    double loss) {
  Direction direction;
  direction.rate_bps = rate_bps;
  direction.delay = delay;
  direction.jitter = jitter;
  direction.queue_packets = queue_packets;
  direction.loss = loss;
  return direction;
}

LinkSpec link(std::string name, Direction up, Direction down) {
  LinkSpec spec;
  spec.name = std::move(name);
  spec.up = std::move(up);
  spec.down = std::move(down);
  return spec;
}

constexpr double kbit = 1e3, mbit = 1e6;

}  // namespace

std::span<const LinkProfile> link_profiles() {
  static const std::array<LinkProfile, 5> profiles{{
      {link("gprs", direction(26.8 * kbit, 300 * millisecond, 200 * millisecond, 50, 0.001),
            direction(53.6 * kbit, 300 * millisecond, 200 * millisecond, 50, 0.001)),
       "rate: 4+2 time slots (3GPP TS 45.002 annex B, multislot class 10) of 13.4 kbit/s "
       "(TS 45.003, CS-2); delay: round trips of 0.6 to 1 s and more (Chakravorty, "
       "Cartwright, Pratt, Practical Experience with TCP over GPRS, GLOBECOM 2002); queue"
       " and loss: ours"},
      {link("umts", direction(384 * kbit, 60 * millisecond, 40 * millisecond, 100, 0.001),
            direction(1.5 * mbit, 60 * millisecond, 40 * millisecond, 100, 0.001)),
       "rate: 384 kbit/s up (3GPP TS 34.108, PS radio bearer), 1.5 Mbit/s down (mean of "
       "3G, OpenSignal, The State of LTE, March 2015); delay: 100 to 200 ms round trip "
       "(Fabini et al., The Illusion of Being Deterministic, NETWORKING 2009); queue and "
       "loss: ours"},
      {link("lte", direction(5 * mbit, 25 * millisecond, 10 * millisecond, 200, 0.0005),
            direction(16 * mbit, 25 * millisecond, 10 * millisecond, 200, 0.0005)),
       "rate down: 16 Mbit/s, delay: 57 to 65 ms round trip (OpenSignal, State of Mobile "
       "Networks: USA, August 2017); shape of the delay: Laner et al., A Comparison "
       "Between One-way Delays in Operating HSPA and LTE Networks, WiNMee 2012; rate up, "
       "queue and loss: ours"},
      {link("wifi", direction(20 * mbit, 1 * millisecond, 4 * millisecond, 256, 0.001),
            direction(20 * mbit, 1 * millisecond, 4 * millisecond, 256, 0.001)),
       "rate: about 20 Mbit/s of user data out of IEEE 802.11g's 54 Mbit/s, less DIFS, "
       "backoff and ACK (IEEE 802.11-2020, clauses 10.3 and 18); jitter: a few contended "
       "transmissions of 1,500 bytes; queue and loss: ours"},
      {link("ethernet", direction(100 * mbit, 250 * microsecond, 0, 1'000, 0),
            direction(100 * mbit, 250 * microsecond, 0, 1'000, 0)),
       "rate: 100BASE-TX (IEEE 802.3, clause 25); queue: Linux's txqueuelen of 1,000; "
       "delay: ours, a building's switches"},
  }};
  return profiles;
}

}  // namespace mqttlab
