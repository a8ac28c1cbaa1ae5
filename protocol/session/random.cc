#include "protocol/session/random.h"

#include <bit>
#include <cassert>

namespace mqttlab {

namespace {

std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// FNV-1a: spelled out because std::hash is another function in every standard library.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h;
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view name) {
  std::uint64_t mix = hash(name) ^ splitmix(seed);
  for (auto& word : state_) word = splitmix(mix);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

std::uint64_t Random::below(std::uint64_t bound) {
  assert(bound > 0);
  // The numbers under 2^64 mod bound would come up once too often: they are drawn again.
  const std::uint64_t uneven = (0 - bound) % bound;
  std::uint64_t draw = next();
  while (draw < uneven) draw = next();
  return draw % bound;
}

double Random::exponential(double mean) {
  // Von Neumann's method needs comparisons only, so no libm decides the last bit: the length of a
  // falling run that starts at x is odd with probability e^-x.
  for (double whole = 0;; whole += 1) {
    const double x = uniform();
    for (double low = x;;) {
      double draw = uniform();
      if (draw >= low) return (whole + x) * mean;
      low = draw;
      draw = uniform();
      if (draw >= low) break;
      low = draw;
    }
  }
}

}  // namespace mqttlab
