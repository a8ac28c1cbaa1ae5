// Journal: where a broker's records go. The host gives it: memory, a database, a simulated disk.
#pragma once

#include "protocol/journal/record.h"

namespace mqttlab {

class Journal {
 public:
  virtual ~Journal() = default;
  /// The record's slices are valid during the call: whoever keeps them copies them.
  virtual void append(const journal::Record& record) = 0;
  /// The records since the last step belong together: what comes back after a crash has all of
  /// them or none, and it has the steps before. Positions rise from 1, anew in each broker.
  virtual void step(JournalPosition position) = 0;
  /// Acknowledgements wait until their position has been committed() to the broker. If not, they
  /// leave at once, and a crash may forget what they promised.
  [[nodiscard]] virtual bool gates() const = 0;
};

}  // namespace mqttlab
