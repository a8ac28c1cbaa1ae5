// WorldStore: a Store that tells its world when the broker is to die.
#pragma once

#include "protocol/journal/store.h"

namespace mqttlab::testing {

/// Where the broker of a MemoryWorld keeps its state, and how much of it survives its crash.
class WorldStore : public Store {
 public:
  /// After a commit(): the broker's process is to die now, before it learns of it.
  [[nodiscard]] virtual bool wants_crash() const = 0;
  /// It has died: what is left is there for load().
  virtual void crashed() = 0;
};

}  // namespace mqttlab::testing
