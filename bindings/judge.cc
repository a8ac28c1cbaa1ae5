#include "bindings/judge.h"

#include <pybind11/stl.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "protocol/oracle/compare.h"
#include "protocol/trace/ndjson.h"

namespace py = pybind11;
using namespace py::literals;

namespace mqttlab::bindings {
namespace {

py::dict judge_trace(const py::bytes& content, double keep_alive_factor, Time keep_alive_slack,
                     std::optional<Time> ping_timeout, Time converge_within, Time answer_within,
                     bool foreign, bool strict) {
  trace::Log log;
  const trace::NdjsonTrace read = trace::read_ndjson(std::string_view(content), log);
  oracle::Settings settings;
  settings.keep_alive_factor = keep_alive_factor;
  settings.keep_alive_slack = keep_alive_slack;
  settings.ping_timeout = ping_timeout.value_or(never);
  settings.converge_within = converge_within;
  settings.answer_within = answer_within;
  settings.strict = strict;
  settings.applications = read.applications;
  settings.from_the_path = true;  // a link may have seen it
  settings.passes_on_at_pubrel = settings.passes_on_later = foreign;
  settings.keep_alive_early = foreign ? second : 0;
  oracle::Oracle oracle(settings);
  for (const trace::Event& event : log.events()) oracle.on(event, log);
  oracle.finish(read.end, log);
  return py::dict("judged"_a = rows_of(oracle), "end"_a = read.end, "complete"_a = read.is_complete,
                  "events"_a = log.events().size(), "fingerprint"_a = log.fingerprint(),
                  "others"_a = read.others);
}

/// A run as its tables have it: what packets say beside their events is not compared.
void read_tables(const py::bytes& events, const std::vector<py::bytes>& texts,
                 const std::vector<std::string>& actors, trace::Log& log) {
  for (const std::string& actor : actors) log.add_actor(actor);
  std::vector<trace::Text> interned;
  for (const py::bytes& one : texts) interned.push_back(log.intern(std::string_view(one)));
  const std::string_view all(events);
  trace::Event event;
  for (std::size_t at = 0; at + sizeof event <= all.size(); at += sizeof event) {
    std::memcpy(&event, all.data() + at, sizeof event);
    event.text = interned.at(event.text);
    event.detail = 0;
    log.append(event);
  }
}

using Tables = std::tuple<py::bytes, std::vector<py::bytes>, std::vector<std::string>>;

py::tuple compare_tables(const Tables& first, const Tables& second, bool sequences) {
  trace::Log one, two;
  std::apply([&](const auto&... of) { read_tables(of..., one); }, first);
  std::apply([&](const auto&... of) { read_tables(of..., two); }, second);
  const auto sameness = sequences ? oracle::Sameness::sequences : oracle::Sameness::packets;
  oracle::Comparison found = oracle::compare(one, two, sameness);
  return rows_of({std::move(found.verdict)}, found.violations);
}

}  // namespace

py::str text(std::string_view bytes) {
  PyObject* decoded =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "backslashreplace");
  if (decoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(decoded);
}

py::tuple rows_of(const oracle::Oracle& oracle) {
  return rows_of(oracle.verdicts(), oracle.violations());
}

py::tuple rows_of(const std::vector<oracle::Verdict>& of,
                  const std::vector<oracle::Violation>& found) {
  static constexpr std::array statuses{"pass", "fail", "not_observable", "departs"};
  static constexpr std::array ends{"client", "broker"};
  py::list verdicts, violations;
  for (const oracle::Verdict& v : of)
    verdicts.append(py::make_tuple(v.invariant, statuses.at(static_cast<std::size_t>(v.status)),
                                   v.checked, v.why, v.strength, v.needs, v.group));
  for (const oracle::Violation& v : found)
    violations.append(
        py::make_tuple(v.invariant, v.statements, v.at, text(v.what), v.events,
                       v.offender ? ends.at(static_cast<std::size_t>(*v.offender)) : ""));
  return py::make_tuple(verdicts, violations);
}

void write_ndjson(const trace::Log& log, Time end, const std::function<void(py::bytes)>& sink) {
  static constexpr std::size_t enough = 1 << 20;
  std::string lines =
      "{\"kind\":\"trace\",\"version\":" + std::to_string(trace::ndjson_version) + "}\n";
  trace::NdjsonWriter writer([&](std::string_view line) {
    lines += line;
    if (lines.size() < enough) return;
    sink(py::bytes(lines));
    lines.clear();
  });
  for (const trace::Event& event : log.events()) writer.on(event, log);
  writer.end(log, end);
  sink(py::bytes(lines));
}

void bind_judge(py::module_& m) {
  m.def("compare", &compare_tables, "first"_a, "second"_a, "sequences"_a,
        "The verdict on two runs: (events, texts as bytes, actors) of each; `sequences`: whatever "
        "their instants (FRAME-EQUIV), else to the nanosecond (CLOCK-INDEP).");
  m.def(
      "judge_trace", &judge_trace, "content"_a, "keep_alive_factor"_a, "keep_alive_slack"_a,
      "ping_timeout"_a, "converge_within"_a, "answer_within"_a, "foreign"_a, "strict"_a,
      "Lets the oracle judge a trace (NDJSON as bytes). Times in ns. `foreign`: the broker is not "
      "mqttlab's, and may do what only others do. Errors: UsageError naming the line that is "
      "none of a trace.");
}

}  // namespace mqttlab::bindings
