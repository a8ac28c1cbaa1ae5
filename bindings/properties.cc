#include "protocol/wire/properties.h"

#include <pybind11/stl.h>

#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/world.h"

namespace py = pybind11;

namespace mqttlab::bindings {
namespace {

/// "Session Expiry Interval" as Python writes it: session_expiry_interval.
std::string python_name(std::string_view name) {
  std::string python(name);
  for (char& c : python) c = c == ' ' ? '_' : static_cast<char>(c | 0x20);
  return python;
}

const PropertyRule& rule_named(const std::string& name) {
  for (const PropertyRule& rule : property_rules)
    if (python_name(rule.name) == name) return rule;
  throw std::invalid_argument("no property is named '" + name + "'");
}

using Pair = std::pair<py::bytes, py::bytes>;
using Value = std::variant<std::uint32_t, py::bytes, Pair>;

Properties make(const std::vector<std::pair<std::string, Value>>& items) {
  Properties properties;
  for (const auto& [name, value] : items) {
    const PropertyRule& rule = rule_named(name);
    const bool pair = rule.type == PropertyType::utf8_string_pair;
    if (const auto* number = std::get_if<std::uint32_t>(&value); number && is_number(rule.type)) {
      properties.add(rule.id, *number);
    } else if (const auto* both = std::get_if<Pair>(&value); both && pair) {
      properties.add_user(std::string_view(both->first), std::string_view(both->second));
    } else if (const auto* text = std::get_if<py::bytes>(&value);
               text && !pair && !is_number(rule.type)) {
      properties.add(rule.id, std::string_view(*text));
    } else {
      throw std::invalid_argument("property '" + name + "': a value of another type");
    }
  }
  return properties;
}

}  // namespace

py::list items(const Properties& properties) {
  py::list list;
  const auto bytes = [](std::string_view text) { return py::bytes(text.data(), text.size()); };
  properties.for_each([&](const Property& property) {
    const PropertyRule& rule = rule_of(property.id);
    py::object value;
    if (is_number(rule.type))
      value = py::int_(property.number);
    else if (rule.type == PropertyType::utf8_string_pair)
      value = py::make_tuple(bytes(property.name), bytes(property.text));
    else
      value = bytes(property.text);
    list.append(py::make_tuple(python_name(rule.name), value));
  });
  return list;
}

py::list property_table() {
  constexpr std::array types{
      "byte",        "two_byte_integer", "four_byte_integer", "variable_byte_integer",
      "utf8_string", "utf8_string_pair", "binary_data"};
  py::list list;
  for (const PropertyRule& rule : property_rules)
    list.append(py::make_tuple(python_name(rule.name), static_cast<int>(rule.id),
                               types[static_cast<std::size_t>(rule.type)]));
  return list;
}

void bind_properties(py::module_& m) {
  py::class_<Properties>(m, "Properties").def(py::init(&make)).def("items", &items);
}

}  // namespace mqttlab::bindings
