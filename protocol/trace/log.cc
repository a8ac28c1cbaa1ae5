#include "protocol/trace/log.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>

#include "protocol/trace/digest.h"

namespace mqttlab::trace {

// Events enter the fingerprint by value, with actors and strings numbered by their first use in an
// event: what an observer interns for itself, or when, changes nothing.
struct Log::Hash {
  // Numbers by first use; 0: not used yet.
  struct Numbers {
    std::vector<std::uint32_t> of;
    std::uint32_t last = 0;
  };
  Digest digest;
  Numbers actors, texts;

  void add_name(Numbers& numbers, std::uint32_t index, std::string_view content) {
    if (index >= numbers.of.size()) numbers.of.resize(index + 1);
    std::uint32_t& number = numbers.of[index];
    const bool first_use = number == 0;
    if (first_use) number = ++numbers.last;
    digest.add(number);
    if (first_use) digest.add(content);
  }

  template <typename Number>
  void add(const std::optional<Number>& number) {
    digest.add(static_cast<std::uint8_t>(number.has_value()));
    digest.add(number.value_or(0));
  }

  void add(const ConnectDetail& connect, const Log& log) {
    digest.add(static_cast<std::uint8_t>(connect.version));
    digest.add(static_cast<std::uint8_t>(connect.clean_session));
    digest.add(connect.keep_alive_s);
    digest.add(static_cast<std::uint8_t>(connect.has_will));
    add_name(texts, connect.will_topic, log.text(connect.will_topic));
    digest.add(connect.will_message);
    digest.add(static_cast<std::uint8_t>(connect.will_payload_empty));
    digest.add(static_cast<std::uint8_t>(connect.will_qos));
    digest.add(static_cast<std::uint8_t>(connect.will_retain));
    if (!connect.v5()) return;
    digest.add(static_cast<std::uint8_t>(connect.authenticates));
    digest.add(connect.receive_maximum);
    digest.add(connect.topic_alias_maximum);
    digest.add(connect.max_packet_size);
    digest.add(connect.session_expiry_s);
    digest.add(connect.will_delay_s);
    add(connect.will_expiry_s);
  }
  void add(const FiltersDetail& detail, const Log& log) {
    digest.add(std::uint64_t{detail.filters.size()});
    for (const FilterDetail& filter : detail.filters) {
      add_name(texts, filter.filter, log.text(filter.filter));
      digest.add(filter.code);
    }
    if (detail.identifier != 0) digest.add(detail.identifier);
  }
  void add(const ConnackDetail& connack, const Log& log) {
    add(connack.session_expiry_s);
    add(connack.server_keep_alive_s);
    digest.add(connack.receive_maximum);
    digest.add(connack.topic_alias_maximum);
    digest.add(connack.max_packet_size);
    add_name(texts, connack.assigned_client_id, log.text(connack.assigned_client_id));
  }
  void add(const PublishDetail& publish, const Log&) {
    digest.add(publish.alias);
    digest.add(static_cast<std::uint8_t>(publish.topic_given));
    add(publish.expiry_s);
    digest.add(std::uint64_t{publish.identifiers.size()});
    for (const std::uint32_t identifier : publish.identifiers) digest.add(identifier);
  }
  void add(const DisconnectDetail& disconnect, const Log&) {
    digest.add(disconnect.session_expiry_s);
  }
  // In front of filters stand the fields of no CONNECT, and no filters behind those of one, as when
  // there was one kind of detail: fingerprints of 3.1.1 stay what they were.
  void add(const Detail& detail, const Log& log) {
    if (std::holds_alternative<FiltersDetail>(detail)) add(ConnectDetail(), log);
    std::visit([&](const auto& known) { add(known, log); }, detail);
    if (std::holds_alternative<ConnectDetail>(detail)) add(FiltersDetail(), log);
  }

  void add(const Event& event, const Log& log) {
    digest.add(static_cast<std::uint64_t>(event.at));
    digest.add(event.message);
    digest.add(static_cast<std::uint8_t>(event.kind));
    digest.add(static_cast<std::uint8_t>(event.end));
    digest.add(static_cast<std::uint8_t>(event.packet));
    digest.add(event.flags);
    digest.add(event.code);
    digest.add(event.packet_id);
    digest.add(event.connection);
    digest.add(event.bytes);
    digest.add(event.payload_bytes);
    add_name(actors, event.actor, log.actor_name(event.actor));
    add_name(texts, event.text, log.text(event.text));
    digest.add(static_cast<std::uint8_t>(event.detail != 0));
    if (event.kind == Kind::publish_called || event.kind == Kind::publish_completed) {
      digest.add(event.detail);  // a token, not an index
    } else if (event.detail != 0) {
      add(log.detail(event.detail), log);
    }
  }
};

namespace {

// An interned string has a name in the index, a number in the fingerprint, and in Python a string.
constexpr std::uint64_t text_bytes = 256;
constexpr std::uint64_t block_bytes = 16;  // of the allocator, each

/// What a detail has beside itself.
struct ListBytes {
  std::uint64_t operator()(const FiltersDetail& detail) const {
    return block_bytes + detail.filters.capacity() * sizeof(FilterDetail);
  }
  std::uint64_t operator()(const PublishDetail& detail) const {
    return block_bytes + detail.identifiers.capacity() * sizeof(std::uint32_t);
  }
  template <typename Plain>
  std::uint64_t operator()(const Plain&) const {
    return 0;
  }
};

}  // namespace

Log::Log(bool on) : on_(on), hash_(std::make_unique<Hash>()) { intern(""); }
Log::~Log() = default;

Actor Log::add_actor(std::string_view name) {
  actor_names_.emplace_back(name);
  return static_cast<Actor>(actor_names_.size() - 1);
}

std::string_view Log::actor_name(Actor actor) const {
  return actor < actor_names_.size() ? std::string_view(actor_names_[actor]) : "?";
}

std::size_t Log::actors() const { return actor_names_.size(); }

Text Log::intern(std::string_view text) {
  if (const auto known = text_index_.find(text); known != text_index_.end()) return known->second;
  const auto index = static_cast<Text>(texts_.size());
  text_index_.emplace(texts_.emplace_back(text), index);
  referred_bytes_ += text_bytes + text.size();
  return index;
}

std::string_view Log::text(Text text) const {
  assert(text < texts_.size());
  return texts_[text];
}

std::size_t Log::texts() const { return texts_.size(); }

std::uint32_t Log::add_detail(Detail detail) {
  referred_bytes_ += sizeof(Detail) + std::visit(ListBytes(), detail);
  details_.push_back(std::move(detail));
  return static_cast<std::uint32_t>(details_.size());
}

const Detail& Log::detail(std::uint32_t index) const {
  assert(index > 0 && index <= details_.size());
  return details_[index - 1];
}

void Log::append(const Event& event) {
  if (!on_) return;
  events_.push_back(event);
  hash_->add(event, *this);
  for (Listener* listener : listeners_) listener->on(event, *this);
}

void Log::listen(Listener* listener) { listeners_.push_back(listener); }

std::string Log::fingerprint() const { return on_ ? hash_->digest.hex() : std::string(); }

namespace {

// Eight bytes per step; the closing mix is MurmurHash3's, under which every input bit reaches every
// output bit.
constexpr std::uint64_t absorb(std::uint64_t hash, std::uint64_t word) {
  return std::rotl((hash ^ word) * 0x9E3779B97F4A7C15, 29) * 0xBF58476D1CE4E5B9;
}

// The least significant byte first.
std::uint64_t word(std::span<const std::uint8_t, 8> bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}

std::uint64_t absorb(std::uint64_t hash, Bytes bytes) {
  hash = absorb(hash, bytes.size());
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) hash = absorb(hash, word(bytes.first<8>()));
  if (bytes.empty()) return hash;
  std::array<std::uint8_t, 8> last{};
  std::copy(bytes.begin(), bytes.end(), last.begin());
  return absorb(hash, word(last));
}

constexpr std::uint64_t finish(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCD;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53;
  return hash ^ (hash >> 33);
}

}  // namespace

std::uint64_t Log::identity(std::string_view topic, Bytes payload) {
  const Bytes topic_bytes(reinterpret_cast<const std::uint8_t*>(topic.data()), topic.size());
  const std::uint64_t hash = finish(absorb(absorb(0, topic_bytes), payload));
  return hash != 0 ? hash : 1;
}

}  // namespace mqttlab::trace
