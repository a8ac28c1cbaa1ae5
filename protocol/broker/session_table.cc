#include "protocol/broker/session_table.h"

#include <utility>

namespace mqttlab {

Session* SessionTable::find(std::string_view client_id) {
  const Session::Slot slot = by_client_id_.find(
      hash_of(client_id, seed_),
      [&](Session::Slot candidate) { return sessions_[candidate]->client_id() == client_id; });
  return slot == IdTable::none ? nullptr : sessions_[slot].get();
}

Session& SessionTable::add(std::string client_id) {
  Session::Slot slot;
  if (free_slots_.empty()) {
    slot = static_cast<Session::Slot>(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  by_client_id_.insert(hash_of(client_id, seed_), slot);
  sessions_[slot] =
      std::make_unique<Session>(slot, std::move(client_id), config_, ledger_, recorder_);
  return *sessions_[slot];
}

void SessionTable::remove(Session& session) {
  const Session::Slot slot = session.slot();
  by_client_id_.erase(hash_of(session.client_id(), seed_), slot);
  free_slots_.push_back(slot);
  sessions_[slot].reset();
}

}  // namespace mqttlab
