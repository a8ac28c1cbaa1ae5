// The oracle's verdicts for Python, and a trace's file before it.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <string_view>
#include <vector>

#include "protocol/oracle/oracle.h"

namespace mqttlab::bindings {

/// Text of a trace; what is not UTF-8 is shown with backslashes instead of failing.
[[nodiscard]] pybind11::str text(std::string_view bytes);
/// (verdicts, violations) as rows of mqttlab.result's classes.
[[nodiscard]] pybind11::tuple rows_of(const oracle::Oracle& oracle);
[[nodiscard]] pybind11::tuple rows_of(const std::vector<oracle::Verdict>& of,
                                      const std::vector<oracle::Violation>& found);
/// Gives a trace, as it was up to `end`, to `sink` as NDJSON: bytes of whole lines.
void write_ndjson(const trace::Log& log, Time end,
                  const std::function<void(pybind11::bytes)>& sink);
void bind_judge(pybind11::module_& m);

}  // namespace mqttlab::bindings
