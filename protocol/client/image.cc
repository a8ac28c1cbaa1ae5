#include "protocol/client/image.h"

#include <concepts>
#include <type_traits>

namespace mqttlab::client {
namespace {

/// Numbers with their most significant byte first, texts behind their length.
class ImageWriter {
 public:
  template <std::unsigned_integral Number>
  void number(const Number& value) {
    for (std::size_t i = sizeof(Number); i-- > 0;)
      bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void time(const Time& value) { number(static_cast<std::uint64_t>(value)); }
  void flag(const bool& value) { bytes.push_back(value ? 1 : 0); }
  template <typename Enum>
  void choice(const Enum& value) {
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  void slice(const Slice& value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes.insert(bytes.end(), value.bytes().begin(), value.bytes().end());
  }
  void text(const std::string& value) { slice(Slice::copy_of(value)); }
  void properties(const Properties& value) { slice(value.bytes()); }
  template <typename Item, typename Each>
  void list(const std::vector<Item>& items, Each each) {
    number(static_cast<std::uint32_t>(items.size()));
    for (const Item& item : items) each(item);
  }

  std::vector<std::uint8_t> bytes;
};

class ImageReader {
 public:
  explicit ImageReader(const Slice& bytes) : bytes_(bytes) {}
  template <std::unsigned_integral Number>
  void number(Number& value) {
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) read = read << 8 | bytes_.bytes()[at_++];
    value = static_cast<Number>(read);
  }
  void time(Time& value) {
    std::uint64_t read = 0;
    number(read);
    value = static_cast<Time>(read);
  }
  void flag(bool& value) { value = bytes_.bytes()[at_++] != 0; }
  template <typename Enum>
  void choice(Enum& value) {
    value = static_cast<Enum>(bytes_.bytes()[at_++]);
  }
  void slice(Slice& value) {
    std::uint32_t size = 0;
    number(size);
    value = bytes_.part(at_, size);
    at_ += size;
  }
  void text(std::string& value) {
    Slice read;
    slice(read);
    value = read.text();
  }
  void properties(Properties& value) {
    Slice read;
    slice(read);
    value = Properties(read);
  }
  template <typename Item, typename Each>
  void list(std::vector<Item>& items, Each each) {
    std::uint32_t size = 0;
    number(size);
    items.resize(size);
    for (Item& item : items) each(item);
  }

 private:
  const Slice& bytes_;
  std::size_t at_ = 0;
};

// All of it in order, once for writing and reading.
void image_fields(auto& io, auto& image) {
  io.text(image.client_id);
  io.flag(image.has_session);
  io.number(image.expiry_s);
  io.number(image.last_token);
  io.number(image.last_packet_id);
  io.list(image.messages, [&](auto& message) {
    io.slice(message.topic);
    io.slice(message.payload);
    io.properties(message.properties);
    io.choice(message.qos);
    io.flag(message.retain);
    io.time(message.expires_at);
    io.number(message.token);
    io.number(message.packet_id);
    io.choice(message.stage);
  });
  io.list(image.taken, [&](auto& id) { io.number(id); });
  io.list(image.filters, [&](auto& filter) {
    io.slice(filter.subscription.filter);
    io.choice(filter.subscription.qos);
    io.flag(filter.subscription.no_local);
    io.flag(filter.subscription.retain_as_published);
    io.choice(filter.subscription.retain_handling);
    io.number(filter.identifier);
    io.flag(filter.asked);
  });
}

}  // namespace

std::vector<std::uint8_t> to_bytes(const Image& image) {
  ImageWriter writer;
  image_fields(writer, image);
  return std::move(writer.bytes);
}

Image image_of(const Slice& bytes) {
  ImageReader reader(bytes);
  Image image;
  image_fields(reader, image);
  return image;
}

}  // namespace mqttlab::client
