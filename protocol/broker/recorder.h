// Recorder: what must outlive the broker, on its way to the journal.
#pragma once

#include <functional>
#include <utility>

#include "protocol/journal/journal.h"
#include "protocol/session/exchanges.h"

namespace mqttlab {

/// One call of the host is one step. Nothing is made for a journal that is not there: who records
/// asks first.
class Recorder {
 public:
  /// `journal` may be null. `unix_offset`: Unix time less the host's, at present; null: 0.
  Recorder(Journal* journal, std::function<Time()> unix_offset)
      : journal_(journal),
        gates_(journal && journal->gates()),
        unix_offset_(std::move(unix_offset)) {}

  [[nodiscard]] bool is_on() const { return journal_ != nullptr; }
  /// Promises wait until what they say has been committed.
  [[nodiscard]] bool gates() const { return gates_; }
  /// Numbers go on from here.
  void begin_after(journal::Number last) { last_ = last; }
  [[nodiscard]] journal::Number number() { return ++last_; }
  void operator()(const journal::Record& record) {
    journal_->append(record);
    dirty_ = true;
  }
  /// The host's call is over; gives the last step, which is this call's if anything was recorded.
  JournalPosition step();

  [[nodiscard]] journal::UnixTime unix_time(Time at) const {
    return at == never ? never : at + unix_offset();
  }
  [[nodiscard]] Time time(journal::UnixTime at) const {
    return at == never ? never : at - unix_offset();
  }
  /// Shares the memory of `encoded`.
  [[nodiscard]] journal::Message message(const EncodedPublish& encoded, Time expires_at) const;

 private:
  [[nodiscard]] Time unix_offset() const { return unix_offset_ ? unix_offset_() : 0; }

  Journal* journal_;
  const bool gates_;
  const std::function<Time()> unix_offset_;
  journal::Number last_ = 0;
  JournalPosition position_ = 0;
  bool dirty_ = false;
};

/// A slice for the length of one record.
[[nodiscard]] inline Slice view_of(std::string_view text) {
  return {nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace mqttlab
