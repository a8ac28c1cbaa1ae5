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
  static const std::array<LinkProfile, 10> profiles{{
      {link("gprs", direction(26.8 * kbit, 300 * millisecond, 200 * millisecond, 50, 0.001),
            direction(53.6 * kbit, 300 * millisecond, 200 * millisecond, 50, 0.001)),
       "rate: 4+2 time slots (3GPP TS 45.002 annex B, multislot class 10) of 13.4 kbit/s "
       "(TS 45.003, CS-2); delay: round trips of 0.6 to 1 s and more (Chakravorty, "
       "Cartwright, Pratt, Practical Experience with TCP over GPRS, GLOBECOM 2002); queue"
       " and loss: ours"},
      {link("nb-iot", direction(62 * kbit, 400 * millisecond, 400 * millisecond, 20, 0.001),
            direction(26 * kbit, 400 * millisecond, 400 * millisecond, 20, 0.001)),
       "rate: what one HARQ process leaves of category NB1's transport blocks, 62 kbit/s up (multi-"
       "tone), 26 kbit/s down (3GPP TS 36.306, Release 13); delay: from 837 ms round trip in a "
       "network (Ugwuanyi, Paul, "
       "Irvine, Survey of IoT for Developing Countries, Electronics 10(18), 2021) to 1.6 s, where "
       "the 1.6 to 10 s of extended coverage begin; queue and loss: ours; a modem that sleeps "
       "(PSM, eDRX) is not in it"},
      {link("6lowpan", direction(80 * kbit, 10 * millisecond, 15 * millisecond, 10, 0.005),
            direction(80 * kbit, 10 * millisecond, 15 * millisecond, 10, 0.005)),
       "rate: what one hop leaves to IP of IEEE 802.15.4's 250 kbit/s in frames of 127 bytes "
       "(RFC 4919; Kumar et al., Performant TCP for Low-Power Wireless Networks, NSDI 2020); "
       "jitter: CSMA-CA's backoffs before a few frames (IEEE 802.15.4-2020, clause 6.2.5.1); "
       "delay, "
       "queue and loss: ours, a border router in the building and mains-powered nodes"},
      {link("edge", direction(59.2 * kbit, 150 * millisecond, 100 * millisecond, 50, 0.001),
            direction(118.4 * kbit, 150 * millisecond, 100 * millisecond, 50, 0.001)),
       "rate: 4+2 time slots (3GPP TS 45.002 annex B, multislot class 10) of 29.6 kbit/s "
       "(TS 45.003, MCS-6); delay: the faster half of 2G's round trips of 300 to 1,000 ms "
       "(Grigorik, High Performance Browser Networking, O'Reilly 2013, table 7-2); queue and loss: "
       "ours"},
      {link("lte-m", direction(375 * kbit, 50 * millisecond, 50 * millisecond, 50, 0.001),
            direction(300 * kbit, 50 * millisecond, 50 * millisecond, 50, 0.001)),
       "rate: category M1 in half duplex, 375 kbit/s up, 300 kbit/s down (3GPP TS 36.306, Release "
       "13); delay: ours, LTE's and waiting for the other way's turn; queue and loss: ours; the "
       "ways do not take capacity from each other, a modem that sleeps is not in it"},
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
      {link("geo-satellite", direction(2 * mbit, 290 * millisecond, 30 * millisecond, 200, 0.0005),
            direction(20 * mbit, 290 * millisecond, 30 * millisecond, 200, 0.0005)),
       "rate: 20 Mbit/s down, 2 Mbit/s up (Endres et al., Performance of QUIC Implementations Over "
       "Geostationary Satellite Links, arXiv:2202.08228, 2022); delay: 239.6 to 279 ms one way "
       "through space (RFC 2488, section 2), 600 ms and more round trip with what is on the "
       "ground (Endres et al.); queue and loss: ours, in clear sky; no proxy splits TCP"},
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
