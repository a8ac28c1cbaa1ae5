#include "protocol/link/fault_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <vector>

#include "protocol/link/quantity.h"

namespace mqttlab {
namespace {

struct Item {
  std::string_view key, value;
};

[[noreturn]] void reject(const std::string& where, std::string_view text, const std::string& why) {
  throw std::invalid_argument(where + " '" + std::string(text) + "': " + why);
}

std::vector<Item> items(std::string_view text) {
  std::vector<Item> found;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    const std::size_t equals = one.find('=');
    found.push_back({one.substr(0, equals), equals == std::string_view::npos
                                                ? std::string_view()
                                                : one.substr(equals + 1)});
    more = comma != std::string_view::npos;
    text.remove_prefix(more ? comma + 1 : text.size());
  }
  return found;
}

std::string at(const std::string& where, std::string_view key) {
  return where + ", " + std::string(key);
}

// Who sends what (table 2.1).
bool may_send(Way way, PacketType type) {
  switch (type) {
    case PacketType::connect:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq:
      return way == Way::up;
    case PacketType::connack:
    case PacketType::suback:
    case PacketType::unsuback:
    case PacketType::pingresp:
      return way == Way::down;
    default:
      return true;
  }
}

class FaultParser {
 public:
  FaultParser(Fault::Kind kind, std::string_view text, const std::string& where)
      : text_(text), where_(where) {
    fault_.kind = kind;
  }

  Fault parse() {
    const std::size_t colon = text_.find(':');
    if (colon != std::string_view::npos) take_way(text_.substr(0, colon));
    for (const Item& item : items(text_.substr(colon == std::string_view::npos ? 0 : colon + 1)))
      if (!take_instant(item)) take(item);
    finish();
    return fault_;
  }

 private:
  void take_way(std::string_view name) {
    if (name == "up")
      way_ = Way::up;
    else if (name == "down")
      way_ = Way::down;
    else if (name == "both" && fault_.kind == Fault::Kind::blackhole)
      both_ = true;
    else
      fail("'" + std::string(name) + "' is no way of a link; write up: (from the client) or down:");
  }
  bool take_instant(const Item& item) {
    constexpr std::array<std::string_view, 5> names{"at", "after-bytes", "before", "inside",
                                                    "after"};
    const auto name = std::ranges::find(names, item.key);
    if (name == names.end()) return false;
    if (has_instant_) fail("there are two instants; write the fault twice");
    has_instant_ = true;
    Trigger& when = fault_.when;
    when.kind = static_cast<Trigger::Kind>(name - names.begin());
    if (when.kind == Trigger::Kind::at)
      when.at = parse_time(item.value, at(where_, item.key));
    else if (when.kind == Trigger::Kind::bytes)
      when.bytes = parse_count(item.value, 0, at(where_, item.key));
    else
      take_packet(item);
    return true;
  }
  void take_packet(const Item& item) {
    Trigger& when = fault_.when;
    const std::size_t hash = std::min(item.value.find('#'), item.value.size());
    const std::string_view name = item.value.substr(0, hash);
    when.packet = packet(name);
    std::string_view rest = item.value.substr(std::min(hash + 1, item.value.size()));
    if (when.kind == Trigger::Kind::inside) {
      const std::size_t sign = item.value.find('@');
      if (sign == std::string_view::npos)
        fail("after how many bytes of it? Write inside=" + std::string(name) + "#1@2");
      when.bytes = parse_count(item.value.substr(sign + 1), 0, at(where_, item.key));
      rest = rest.substr(0, std::min(rest.find('@'), rest.size()));
    }
    if (hash < item.value.size())
      when.count = static_cast<std::uint32_t>(parse_count(rest, 1, at(where_, item.key)));
  }
  PacketType packet(std::string_view name) {
    if (const std::size_t sign = name.find('@'); sign != std::string_view::npos)
      name = name.substr(0, sign);
    for (int i = 1; i <= static_cast<int>(PacketType::auth); ++i)
      if (mqttlab::name(static_cast<PacketType>(i)) == name) return static_cast<PacketType>(i);
    fail("'" + std::string(name) + "' is no control packet; write for instance PUBLISH or PUBREC");
  }
  void take(const Item& item) {
    const bool is_cut = fault_.kind == Fault::Kind::cut;
    if (item.key == "connection") {
      fault_.when.connection =
          static_cast<std::uint32_t>(parse_count(item.value, 1, at(where_, item.key)));
    } else if (item.key == "each" && item.value.empty()) {
      fault_.when.each = true;
    } else if (item.key == "how" && is_cut) {
      fault_.how = how(item.value);
    } else if (item.key == "for" && !is_cut) {
      fault_.lasts = parse_time(item.value, at(where_, item.key));
    } else if (item.key == "both" && fault_.kind == Fault::Kind::blackhole) {
      both_ = true;
    } else {
      fail("unknown '" + std::string(item.key) + "'; known are at, after-bytes, before, inside, " +
           "after, connection, each and " +
           (is_cut                                  ? "how"
            : fault_.kind == Fault::Kind::blackhole ? "for, both"
                                                    : "for"));
    }
  }
  Cut how(std::string_view name) {
    for (const Cut known : {Cut::reset, Cut::fin, Cut::half_open, Cut::silent})
      if (mqttlab::name(known) == name) return known;
    fail("how='" + std::string(name) + "' is unknown; it is reset, fin, half-open or silent");
  }
  void finish() {
    Trigger& when = fault_.when;
    if (!has_instant_)
      fail("says no instant; write for instance at=5s, after-bytes=100 or up:after=PUBLISH#2");
    if (when.kind != Trigger::Kind::at && !way_)
      fail("whose bytes are counted? Write up: (from the client) or down: before it");
    if (when.kind == Trigger::Kind::at && when.each)
      fail("'each' is for instants of a connection; at a time all are concerned");
    if (when.each && when.connection) fail("'each' and connection=N exclude each other");
    when.way = way_.value_or(Way::up);
    if (when.kind >= Trigger::Kind::before && !may_send(when.way, when.packet))
      fail("no " + std::string(name(when.packet)) + " goes " +
           (when.way == Way::up ? "up; write down:" : "down; write up:"));
    if (fault_.kind == Fault::Kind::blackhole && way_ && !both_) {
      fault_.up = *way_ == Way::up;
      fault_.down = *way_ == Way::down;
    }
  }
  [[noreturn]] void fail(const std::string& why) const { reject(where_, text_, why); }

  Fault fault_;
  const std::string_view text_;
  const std::string& where_;
  std::optional<Way> way_;
  bool both_ = false, has_instant_ = false;
};

}  // namespace

Fault parse_fault(Fault::Kind kind, std::string_view text, const std::string& where) {
  return FaultParser(kind, text, where).parse();
}

Cycle parse_cycle(std::string_view text, const std::string& where) {
  Cycle cycle;
  for (const Item& item : items(text)) {
    if (item.key == "up")
      cycle.up = parse_time(item.value, at(where, item.key));
    else if (item.key == "down")
      cycle.down = parse_time(item.value, at(where, item.key));
    else if (item.key == "spread")
      cycle.spread = parse_fraction(item.value, at(where, item.key));
    else
      reject(where, text,
             "unknown '" + std::string(item.key) + "'; write up=30s,down=5s,spread=50%");
  }
  if (cycle.up <= 0 || cycle.down <= 0)
    reject(where, text, "both periods must be over 0; write for instance up=30s,down=5s");
  return cycle;
}

GilbertElliott parse_burst(std::string_view text, const std::string& where) {
  GilbertElliott burst;
  for (const Item& item : items(text)) {
    double* into = item.key == "good-to-bad"   ? &burst.good_to_bad
                   : item.key == "bad-to-good" ? &burst.bad_to_good
                   : item.key == "loss-bad"    ? &burst.loss_bad
                   : item.key == "loss-good"   ? &burst.loss_good
                                               : nullptr;
    if (!into)
      reject(where, text,
             "unknown '" + std::string(item.key) +
                 "'; write for instance good-to-bad=1%,bad-to-good=20%,loss-bad=100%");
    *into = parse_fraction(item.value, at(where, item.key));
  }
  return burst;
}

}  // namespace mqttlab
