// Ndjson: a trace as text, one JSON object a line: the form in which it outlives its process.
//
// An event is its kind, the names of what it refers to, and the fields that are not 0:
//   {"at":1204,"kind":"written","end":"client","actor":"link","connection":1,"packet":"PUBLISH",
//    "flags":2,"packet_id":1,"bytes":13,"payload_bytes":2,"message":"5d0f...","text":"t/1"}
// `at` is in ns; "detail" holds what detail.h has of the packet, with its field names. Lines of
// other kinds tell of the run: "trace" is the first (its "version" is 1; "applications":false if
// what applications did is not in it), "end" the last, with "at", "events" and "fingerprint";
// writers may add more.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/trace/log.h"

namespace mqttlab::trace {

inline constexpr int ndjson_version = 1;

/// Writes events as they are appended to a Log.
class NdjsonWriter final : public Listener {
 public:
  /// `sink` gets whole lines, each with its newline.
  explicit NdjsonWriter(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}
  void on(const Event& event, const Log& log) override;
  void end(const Log& log, Time now);  ///< the last line

 private:
  std::function<void(std::string_view)> sink_;
};

struct NdjsonTrace {
  bool applications = true;  ///< as the first line says: application calls and deliveries are in it
  Time end = 0;  ///< when the run stopped; of the last event, if the last line is missing
  bool is_complete = false;         ///< the last line is there and agrees with the events
  std::vector<std::string> others;  ///< lines of other kinds, but for the last, in order
};

/// Appends the events of a trace to an empty log. A last line that was cut off is left out. Throws
/// std::invalid_argument naming the number of a line that is none of a trace, and why.
[[nodiscard]] NdjsonTrace read_ndjson(std::string_view text, Log& log);

}  // namespace mqttlab::trace
