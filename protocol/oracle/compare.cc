#include "protocol/oracle/compare.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "protocol/oracle/report.h"

namespace mqttlab::oracle {
namespace {

using trace::Event;
using trace::Kind;

bool is_packet(const Event& event) {
  return event.kind == Kind::written || event.kind == Kind::arrived;
}

/// Events that must be equal one by one: all packets together, or one series of them.
using Series = std::vector<std::uint64_t>;  // indices into the log
/// Whose it is: the device, the number of its connection, which end, written or arrived.
using Place = std::tuple<std::string, std::uint32_t, trace::End, Kind>;

Series packet_series(const trace::Log& log) {
  Series all;
  for (std::uint64_t i = 0; i < log.events().size(); ++i)
    if (is_packet(log.events()[i])) all.push_back(i);
  return all;
}

// Numbers of connections depend on who was first; those of one device do not.
std::map<Place, Series> by_place(const trace::Log& log) {
  std::map<std::uint32_t, std::pair<std::string, std::uint32_t>> connections;
  std::map<trace::Actor, std::uint32_t> dialled;
  for (const Event& event : log.events()) {
    if (event.kind == Kind::opened && event.end == trace::End::client)
      connections[event.connection] = {std::string(log.actor_name(event.actor)),
                                       ++dialled[event.actor]};
  }
  std::map<Place, Series> places;
  for (std::uint64_t i = 0; i < log.events().size(); ++i) {
    const Event& event = log.events()[i];
    if (is_packet(event)) {
      const auto& [device, number] = connections[event.connection];
      places[{device, number, event.end, event.kind}].push_back(i);
    } else if (event.kind == Kind::delivered) {
      places[{std::string(log.actor_name(event.actor)), 0, trace::End::client, event.kind}]
          .push_back(i);
    }
  }
  return places;
}

bool equal(const trace::Log& first, const Event& a, const trace::Log& second, const Event& b,
           Sameness sameness) {
  const auto of = [](const Event& event) {
    return std::tuple(event.kind, event.end, event.packet, event.flags, event.code, event.packet_id,
                      event.bytes, event.message, event.payload_bytes);
  };
  if (of(a) != of(b) || first.text(a.text) != second.text(b.text)) return false;
  return sameness == Sameness::sequences || (a.at == b.at && a.connection == b.connection);
}

std::string words(const trace::Log& log, const Series& series, std::size_t i) {
  if (i >= series.size()) return "nothing more";
  const Event& event = log.events()[series[i]];
  const bool packet = is_packet(event);
  return std::string(packet ? name(event.packet) : "a message") +
         (packet && event.packet_id != 0 ? " id " + std::to_string(event.packet_id) : "") +
         (event.text != 0 ? " ('" + std::string(log.text(event.text)) + "')" : "") + " at " +
         seconds(event.at);
}

class Comparing {
 public:
  Comparing(const trace::Log& first, const trace::Log& second, Sameness sameness)
      : first_(first),
        second_(second),
        sameness_(sameness),
        rule_(sameness == Sameness::packets ? Rule::clock_indep : Rule::frame_equiv) {}

  /// False at the first difference, which is reported.
  bool series(const std::string& where, const Series& a, const Series& b) {
    const std::size_t both = std::min(a.size(), b.size());
    std::size_t i = 0;
    while (i < both &&
           equal(first_, first_.events()[a[i]], second_, second_.events()[b[i]], sameness_))
      ++i;
    report_.checked(rule_, i);
    if (i == a.size() && i == b.size()) return true;
    const std::uint64_t index = i < b.size() ? b[i] : second_.events().size() - 1;
    report_.broken(rule_, second_.events().empty() ? 0 : second_.events()[index].at,
                   where + ": the first run has " + words(first_, a, i) + ", the second " +
                       words(second_, b, i),
                   {index});
    return false;
  }

  [[nodiscard]] Comparison result() const {
    Comparison result;
    result.violations = report_.violations();
    for (Verdict& verdict : report_.verdicts(false))
      if (verdict.invariant == name(rule_)) result.verdict = std::move(verdict);
    if (result.verdict.status == Status::not_observable)
      result.verdict.why = "no packet in either run";
    return result;
  }

 private:
  const trace::Log& first_;
  const trace::Log& second_;
  const Sameness sameness_;
  const Rule rule_;
  Report report_;
};

}  // namespace

Comparison compare(const trace::Log& first, const trace::Log& second, Sameness sameness) {
  Comparing comparing(first, second, sameness);
  if (sameness == Sameness::packets) {
    comparing.series("all packets", packet_series(first), packet_series(second));
    return comparing.result();
  }
  auto a = by_place(first), b = by_place(second);
  for (const auto& [place, series] : b) a.try_emplace(place);
  for (const auto& [place, series] : a) {
    const auto& [device, number, end, kind] = place;
    const std::string where = kind == Kind::delivered
                                  ? "what the application on '" + device + "' got"
                                  : std::string(name(kind)) + " at the " +
                                        (end == trace::End::client ? "client's" : "broker's") +
                                        " end of connection " + std::to_string(number) + " of '" +
                                        device + "'";
    if (!comparing.series(where, series, b[place])) break;
  }
  return comparing.result();
}

}  // namespace mqttlab::oracle
