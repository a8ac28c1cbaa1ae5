#include "protocol/link/recording.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>

namespace mqttlab {
namespace {

enum class Quantity : std::uint8_t { time, rate, delay, loss };

struct Column {
  std::string_view name;
  Quantity quantity;
  double factor;  // into ns, bit/s or 0..1
  double most;    // as written; of times any: they count from the first one
};
constexpr double longest_s = 1e6;  // eleven days; far from Time's overflow
constexpr double never_less = std::numeric_limits<double>::max();
constexpr Column known_columns[] = {
    {"time_s", Quantity::time, 1e9, never_less},
    {"time_ms", Quantity::time, 1e6, never_less},
    {"mbit/s", Quantity::rate, 1e6, 1e6},
    {"kbit/s", Quantity::rate, 1e3, 1e9},
    {"delay_ms", Quantity::delay, 1e6, 1e3 * 3600},
    {"delay_s", Quantity::delay, 1e9, 3600},
    {"loss", Quantity::loss, 1, 1},
    {"loss_%", Quantity::loss, 0.01, 100},
};

std::string lower(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

std::vector<std::string_view> cells(std::string_view line) {
  std::vector<std::string_view> all;
  for (;;) {
    const auto comma = line.find(',');
    all.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return all;
    line.remove_prefix(comma + 1);
  }
}

class Table {
 public:
  Table(std::string_view name, Recording& into) : name_(name), into_(into) {}

  void line(std::size_t number, std::string_view text) {
    const auto values = cells(text);
    if (columns_.empty()) return head(number, text, values);
    if (values.size() != columns_.size())
      bad_line(name_, number, text,
               "has not the " + std::to_string(columns_.size()) + " cells of the first line");
    Recording::Step step;
    for (std::size_t i = 0; i < values.size(); ++i)
      cell(number, text, values[i], *columns_[i], step);
    if (into_.steps.empty()) first_ = step.at;
    step.at -= first_;
    if (!into_.steps.empty() && step.at <= into_.steps.back().at)
      bad_line(name_, number, text, "is not later than the line before it; times must grow");
    into_.steps.push_back(step);
  }

 private:
  void head(std::size_t number, std::string_view text, std::span<const std::string_view> names) {
    constexpr std::string_view how =
        "names no columns of a recording; write time_s or time_ms, and mbit/s, kbit/s, delay_ms, "
        "delay_s, loss or loss_%, each quantity once";
    bool seen[4] = {};
    for (const std::string_view one : names) {
      const auto known = std::ranges::find(known_columns, lower(one), &Column::name);
      if (known == std::end(known_columns)) bad_line(name_, number, text, how);
      if (std::exchange(seen[static_cast<std::size_t>(known->quantity)], true))
        bad_line(name_, number, text, how);
      columns_.push_back(known);
    }
    if (!seen[0] || columns_.size() < 2) bad_line(name_, number, text, how);
    into_.has_rate = seen[static_cast<std::size_t>(Quantity::rate)];
    into_.has_delay = seen[static_cast<std::size_t>(Quantity::delay)];
    into_.has_loss = seen[static_cast<std::size_t>(Quantity::loss)];
  }

  void cell(std::size_t number, std::string_view line, std::string_view text, const Column& column,
            Recording::Step& step) const {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // Written so that NaN fails too.
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0))
      bad_line(name_, number, line, "has no number from 0 on under " + std::string(column.name));
    if (value > column.most)
      bad_line(name_, number, line,
               "has more than " + shortest(column.most) + " under " + std::string(column.name));
    switch (column.quantity) {
      case Quantity::time:
        step.at = time(number, line, value * column.factor);
        break;
      case Quantity::rate:
        step.rate_bps = value * column.factor;
        break;
      case Quantity::delay:
        step.delay = std::llround(value * column.factor);
        break;
      case Quantity::loss:
        step.loss = value * column.factor;
        break;
    }
  }

  [[nodiscard]] Time time(std::size_t number, std::string_view line, double ns) const {
    constexpr double latest = 4e18;  // the year 2096, where the clock is Unix's
    if (ns > latest) bad_line(name_, number, line, "has a time too large to count in ns");
    return std::llround(ns);
  }

  static std::string shortest(double value) {
    std::string text = std::to_string(value);
    return text.substr(0, text.find('.'));
  }

  std::string_view name_;
  Recording& into_;
  std::vector<const Column*> columns_;
  Time first_ = 0;
};

}  // namespace

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  return line;
}

void bad_line(std::string_view name, std::size_t number, std::string_view line,
              std::string_view why) {
  constexpr std::size_t shown = 40;
  std::string text(line.substr(0, shown));
  if (line.size() > shown) text += "...";
  throw std::invalid_argument("recording '" + std::string(name) + "', line " +
                              std::to_string(number) + ": '" + text + "' " + std::string(why));
}

std::shared_ptr<const Recording> Recording::parse(std::string_view name, std::string_view text) {
  auto recording = std::make_shared<Recording>();
  recording->name = name;
  Table table(name, *recording);
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto newline = text.find('\n');
    const auto line = trimmed(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (!line.empty()) table.line(number, line);
  }
  auto& steps = recording->steps;
  const std::string who = "recording '" + std::string(name) + "' ";
  if (steps.size() < 2)
    throw std::invalid_argument(who + "has fewer than two rows; a row lasts until the next one");
  recording->length = 2 * steps.back().at - steps[steps.size() - 2].at;
  if (recording->length > static_cast<Time>(longest_s) * second)
    throw std::invalid_argument(who + "is longer than 1000000 s; cut it into parts");
  for (std::size_t i = 0; i < steps.size(); ++i)
    recording->bits_per_lap_ +=
        steps[i].rate_bps * static_cast<double>(recording->end(i) - steps[i].at) / 1e9;
  if (recording->has_rate && recording->bits_per_lap_ < 1)
    throw std::invalid_argument(who + "has no rate over 0; nothing would ever leave");
  return recording;
}

std::size_t Recording::index(Time in_lap) const {
  const auto next = std::ranges::upper_bound(steps, in_lap, {}, &Step::at);
  return static_cast<std::size_t>(next - steps.begin()) - 1;  // the first is at 0
}

Time Recording::end(std::size_t index) const {
  return index + 1 < steps.size() ? steps[index + 1].at : length;
}

const Recording::Step& Recording::at(Time place) const { return steps[index(place % length)]; }

Time Recording::departure(Time place, double bits) const {
  // What is left after whole laps is over 0, so that it ends where something leaves.
  const double laps = std::max(0.0, std::ceil(bits / bits_per_lap_) - 1);
  Time lap = (place / length + static_cast<Time>(laps)) * length;
  bits -= laps * bits_per_lap_;
  Time in_lap = place % length;
  for (std::size_t i = index(in_lap);; ++i) {
    if (i == steps.size()) {
      i = 0;
      in_lap = 0;
      lap += length;
    }
    const double rate = steps[i].rate_bps;
    const double until_end = rate * static_cast<double>(end(i) - in_lap) / 1e9;
    if (bits <= until_end && rate > 0)
      return lap + in_lap + static_cast<Time>(std::llround(bits * 1e9 / rate));
    bits -= until_end;
    in_lap = end(i);
  }
}

Time Recording::longest_delay() const {
  return std::ranges::max_element(steps, {}, &Step::delay)->delay;
}

}  // namespace mqttlab
