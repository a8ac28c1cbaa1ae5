// Store: a Journal that keeps what it gets, and gives it back to the broker that comes after.
#pragma once

#include "protocol/journal/image.h"
#include "protocol/journal/journal.h"

namespace mqttlab {

/// Its host asks it to commit whenever the broker has been called, or once for many calls, and at
/// its deadline. A database is one, a simulated disk could be another.
class Store : public Journal {
 public:
  /// What there is; before the first record.
  [[nodiscard]] virtual journal::Image load() = 0;
  /// Makes the steps so far safe, if that is due at `now`; returns the last one that is. 0: none.
  virtual JournalPosition commit(Time now) = 0;
  /// When commit() is due without another step, or `never`.
  [[nodiscard]] virtual Time deadline() const = 0;
};

}  // namespace mqttlab
