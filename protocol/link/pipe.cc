#include "protocol/link/pipe.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mqttlab {
namespace {

constexpr std::uint32_t opportunity_bytes = 1'500;

Time service(std::uint32_t bytes, double rate_bps) {
  return static_cast<Time>(std::llround(static_cast<double>(bytes) * 8e9 / rate_bps));
}

std::string stream(std::string_view name, std::string_view purpose) {
  return std::string(name) + "/" + std::string(purpose);
}

}  // namespace

Pipe::Pipe(const Direction& direction, std::uint64_t seed, std::string_view name, double phase)
    : direction_(direction),
      loss_(seed, stream(name, "loss")),
      burst_(seed, stream(name, "burst")),
      jitter_(seed, stream(name, "jitter")),
      reorder_(seed, stream(name, "reorder")),
      duplicate_(seed, stream(name, "duplicate")),
      corrupt_(seed, stream(name, "corrupt")) {
  disturb({});
  const auto start = [&](Time length) {
    if (direction_.recording_start) return *direction_.recording_start % length;
    // Whole milliseconds, as in recordings.
    return static_cast<Time>(phase * static_cast<double>(length / millisecond)) * millisecond;
  };
  if (direction_.recording) recording_offset_ = start(direction_.recording->length);
  if (!direction_.capacity) return;
  offset_ = start(direction_.capacity->length);
  left_ = opportunity_bytes;
}

Pipe::Pipe(const LinkSpec& link, Way way, std::uint64_t seed, std::string_view device)
    : Pipe(way == Way::up ? link.up : link.down, seed,
           stream(device, way == Way::up ? "up" : "down"),
           Random(seed, stream(device, "capacity")).uniform()) {}

Offer Pipe::offer(std::uint32_t bytes, Time now) {
  if (!has_room(now)) return {.fate = Fate::lost_queue};

  Time departs = departure(bytes, now);
  if (disturbance_.rate_bps > 0) departs = throttled(bytes, now, departs);
  if (departs > now) leaving_.push_back(departs);
  // A packet that the link loses has used the link all the same.
  const Recording::Step condition_now = condition(departs);
  if (const Fate fate = draw(condition_now.loss); fate != Fate::carried) return {.fate = fate};

  Time arrives = departs + condition_now.delay + disturbance_.delay;
  if (direction_.jitter > 0)
    arrives += static_cast<Time>(jitter_.below(static_cast<std::uint64_t>(direction_.jitter) + 1));
  Offer offer{.arrival = std::max(last_arrival_, arrives)};  // no overtaking
  if (is_strange_) make_strange(offer);
  if (!offer.is_late) last_arrival_ = offer.arrival;
  return offer;
}

void Pipe::disturb(const Disturbance& disturbance) {
  disturbance_ = disturbance;
  is_strange_ = direction_.reorder + direction_.duplicate + direction_.corrupt +
                    disturbance.reorder + disturbance.duplicate + disturbance.corrupt >
                0;
}

// Each draws from a stream of its own, and only if it is wanted.
void Pipe::make_strange(Offer& offer) {
  const auto happens = [](double of_link, double in_addition, Random& random) {
    const double share = 1 - (1 - of_link) * (1 - in_addition);
    return share > 0 && random.uniform() < share;
  };
  if (happens(direction_.reorder, disturbance_.reorder, reorder_)) {
    offer.is_late = true;
    offer.arrival += disturbance_.reorder_by > 0 ? disturbance_.reorder_by : direction_.reorder_by;
  }
  if (happens(direction_.duplicate, disturbance_.duplicate, duplicate_)) offer.copy = offer.arrival;
  if (!lossless_ && happens(direction_.corrupt, disturbance_.corrupt, corrupt_))
    offer.flip = corrupt_.next();
}

// As one link of the lower rate: the throttle begins with the first bit, not after the last.
Time Pipe::throttled(std::uint32_t bytes, Time now, Time departs) {
  throttle_free_at_ =
      std::max(departs, std::max(throttle_free_at_, now) + service(bytes, disturbance_.rate_bps));
  return throttle_free_at_;
}

bool Pipe::has_room(Time now) {
  while (!leaving_.empty() && leaving_.front() <= now) leaving_.pop_front();
  return leaving_.size() < direction_.queue_packets;
}

Time Pipe::departure(std::uint32_t bytes, Time now) {
  if (direction_.capacity) return recorded_departure(bytes, now);
  if (direction_.recording && direction_.recording->has_rate) {
    const Time place = std::max(free_at_, now) + recording_offset_;
    free_at_ = direction_.recording->departure(place, 8.0 * bytes) - recording_offset_;
    return free_at_;
  }
  if (direction_.rate_bps <= 0.0) return now;
  free_at_ = std::max(free_at_, now) + service(bytes, direction_.rate_bps);
  return free_at_;
}

// Several packets may share an opportunity and one packet may need several; what an opportunity has
// left when nothing is waiting is lost with it.
Time Pipe::recorded_departure(std::uint32_t bytes, Time now) {
  const auto& recording = *direction_.capacity;
  const auto& at = recording.opportunities;
  const auto instant = [&] { return lap_ * recording.length + at[index_] - offset_; };
  if (instant() < now) {
    const Time place = now + offset_;
    lap_ = place / recording.length;
    const auto next = std::lower_bound(at.begin(), at.end(), place % recording.length);
    index_ = static_cast<std::size_t>(next - at.begin());  // the last one is at `length`: in range
    left_ = opportunity_bytes;
  }
  for (std::uint32_t rest = bytes;;) {
    if (left_ == 0) {
      left_ = opportunity_bytes;
      if (++index_ == at.size()) {
        index_ = 0;
        ++lap_;
      }
    }
    const std::uint32_t taken = std::min(rest, left_);
    left_ -= taken;
    rest -= taken;
    if (rest == 0) return instant();
  }
}

Recording::Step Pipe::condition(Time departs) const {
  Recording::Step is{departs, direction_.rate_bps, direction_.delay, direction_.loss};
  if (!direction_.recording) return is;
  const Recording::Step& was = direction_.recording->at(departs + recording_offset_);
  if (direction_.recording->has_delay) is.delay = was.delay;
  if (direction_.recording->has_loss) is.loss = was.loss;
  return is;
}

Fate Pipe::draw(double loss) {
  if (lossless_) return Fate::carried;
  if (loss > 0.0 && loss_.uniform() < loss) return Fate::lost_random;
  if (direction_.burst) {
    const GilbertElliott& model = *direction_.burst;
    if (burst_.uniform() < (bad_ ? model.bad_to_good : model.good_to_bad)) bad_ = !bad_;
    if (burst_.uniform() < (bad_ ? model.loss_bad : model.loss_good)) return Fate::lost_burst;
  }
  return Fate::carried;
}

}  // namespace mqttlab
