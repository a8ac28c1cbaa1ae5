#include "protocol/wire/properties.h"

#include <cassert>
#include <vector>

#include "protocol/wire/topic.h"
#include "protocol/wire/variable_byte_integer.h"

namespace mqttlab {
namespace {

// Takes a string or binary data off the front; false if it is cut.
bool take_text(Bytes& rest, std::string_view& text) {
  if (rest.size() < 2) return false;
  const std::size_t size = static_cast<std::size_t>(rest[0]) << 8 | rest[1];
  if (rest.size() - 2 < size) return false;
  text = {reinterpret_cast<const char*>(rest.data() + 2), size};
  rest = rest.subspan(2 + size);
  return true;
}

bool take_number(Bytes& rest, std::size_t size, std::uint32_t& number) {
  if (rest.size() < size) return false;
  number = 0;
  for (const std::uint8_t byte : rest.first(size)) number = number << 8 | byte;
  rest = rest.subspan(size);
  return true;
}

constexpr std::string_view foreign = "U-2.2.2.2-1", not_minimal = "MQTT-1.5.5-1";

// Empty, or the statement that the form of the integer breaks.
std::string_view take_variable(Bytes& rest, std::uint32_t& number) {
  const VariableByteInteger read = read_variable_byte_integer(rest);
  if (read.form == VariableByteInteger::Form::malformed) return not_minimal;
  if (read.form == VariableByteInteger::Form::cut) return foreign;
  number = read.value;
  rest = rest.subspan(read.size);
  return {};
}

// Takes the property at the front, whose identifier must be one of the table's. Empty, or the
// statement broken: a value that does not end within the set is of another type.
std::string_view take(Bytes& rest, Property& property) {
  std::uint32_t id = 0;
  if (const auto fault = take_variable(rest, id); !fault.empty()) return fault;
  const PropertyRule* rule = find_property(id);
  if (!rule) return foreign;
  property = {rule->id, 0, {}, {}};
  const auto unless_cut = [](bool whole) { return whole ? std::string_view() : foreign; };
  switch (rule->type) {
    case PropertyType::byte:
      return unless_cut(take_number(rest, 1, property.number));
    case PropertyType::two_byte_integer:
      return unless_cut(take_number(rest, 2, property.number));
    case PropertyType::four_byte_integer:
      return unless_cut(take_number(rest, 4, property.number));
    case PropertyType::variable_byte_integer:
      return take_variable(rest, property.number);
    case PropertyType::utf8_string:
    case PropertyType::binary_data:
      return unless_cut(take_text(rest, property.text));
    case PropertyType::utf8_string_pair:
      return unless_cut(take_text(rest, property.name) && take_text(rest, property.text));
  }
  return foreign;
}

bool in_range(PropertyRange range, const Property& property) {
  switch (range) {
    case PropertyRange::any:
      return true;
    case PropertyRange::zero_or_one:
      return property.number <= 1;
    case PropertyRange::not_zero:
      return property.number != 0;
    case PropertyRange::topic_name:
      return valid_topic_name(property.text);
  }
  return false;
}

// Empty, or the statement that the text breaks.
std::string_view text_fault(const PropertyRule& rule, const Property& property) {
  if (is_number(rule.type) || rule.type == PropertyType::binary_data) return {};
  if (rule.type == PropertyType::utf8_string_pair)
    return valid_utf8(property.name) && valid_utf8(property.text)
               ? ""
               : rule.ill_formed;  // MQTT-1.5.7-1
  const std::string_view fault = utf8_fault(property.text);
  if (fault.empty()) return {};
  // U-1.5.4-1; MQTT-1.5.4-1, MQTT-1.5.4-2
  return fault == not_utf8 ? rule.ill_formed : in_version(fault, ProtocolVersion::v5_0);
}

void put_text(std::vector<std::uint8_t>& out, std::string_view text) {
  assert(text.size() <= 0xFFFF);
  out.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

std::vector<std::uint8_t> extended(const Slice& bytes, PropertyId id) {
  std::vector<std::uint8_t> out(bytes.bytes().begin(), bytes.bytes().end());
  out.push_back(static_cast<std::uint8_t>(id));  // every identifier is below 0x80
  return out;
}

}  // namespace

std::optional<Violation> Properties::fault(Bytes encoded, PropertyPlace place,
                                           std::optional<Sender> sender) {
  std::uint64_t seen = 0;
  while (!encoded.empty()) {
    Property property;
    if (const auto broken = take(encoded, property); !broken.empty()) return malformed(broken);
    const PropertyRule& rule = rule_of(property.id);
    const PropertyUse* use = rule.use_in(place);
    if (!use) return malformed(foreign);
    if (sender) {
      const auto& wrong_end = *sender == Sender::client ? use->from_client : use->from_server;
      if (!wrong_end.empty()) return protocol_error(wrong_end);
    }
    const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(property.id);
    if ((seen & bit) != 0 && !use->twice.empty()) return protocol_error(use->twice);
    seen |= bit;
    if (const auto broken = text_fault(rule, property); !broken.empty()) return malformed(broken);
    // MQTT-3.3.2-8
    if (!in_range(rule.range, property)) return Violation{rule.range_reason(), use->out_of_range};
  }
  return std::nullopt;
}

Properties& Properties::add(PropertyId id, std::uint32_t number) {
  auto out = extended(bytes_, id);
  const auto put_bytes = [&](int count) {
    for (int i = count - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(number >> 8 * i));
  };
  const PropertyType type = rule_of(id).type;
  assert(is_number(type));
  if (type == PropertyType::variable_byte_integer)
    write_variable_byte_integer(number, [&](std::uint8_t byte) { out.push_back(byte); });
  if (type == PropertyType::byte) put_bytes(1);
  if (type == PropertyType::two_byte_integer) put_bytes(2);
  if (type == PropertyType::four_byte_integer) put_bytes(4);
  bytes_ = Slice::copy_of(out);
  return *this;
}

Properties& Properties::add(PropertyId id, std::string_view text) {
  assert(rule_of(id).type == PropertyType::utf8_string ||
         rule_of(id).type == PropertyType::binary_data);
  auto out = extended(bytes_, id);
  put_text(out, text);
  bytes_ = Slice::copy_of(out);
  return *this;
}

Properties& Properties::add_user(std::string_view name, std::string_view value) {
  auto out = extended(bytes_, PropertyId::user_property);
  put_text(out, name);
  put_text(out, value);
  bytes_ = Slice::copy_of(out);
  return *this;
}

Properties& Properties::remove(PropertyId id) {
  if (!has(id)) return *this;
  std::vector<std::uint8_t> kept;
  Property property;
  for (Bytes rest = bytes_.bytes(); !rest.empty();) {
    const Bytes before = rest;
    next(rest, property);
    const Bytes taken = before.first(before.size() - rest.size());
    if (property.id != id) kept.insert(kept.end(), taken.begin(), taken.end());
  }
  bytes_ = Slice::copy_of(kept);
  return *this;
}

bool Properties::next(Bytes& rest, Property& property) {
  return !rest.empty() && take(rest, property).empty();
}

std::optional<Property> Properties::find(PropertyId id) const {
  Property property;
  for (Bytes rest = bytes_.bytes(); next(rest, property);)
    if (property.id == id) return property;
  return std::nullopt;
}

Slice Properties::part(std::string_view inside) const {
  return bytes_.part(static_cast<std::size_t>(inside.data() - bytes_.text().data()), inside.size());
}

}  // namespace mqttlab
