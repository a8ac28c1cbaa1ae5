// SessionTable: the sessions of a broker, by slot and by client id.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/broker/id_table.h"
#include "protocol/broker/session.h"

namespace mqttlab {

class SessionTable {
 public:
  SessionTable(const BrokerConfig& config, std::uint64_t seed, Ledger& ledger, Recorder& recorder)
      : config_(config), seed_(seed), ledger_(ledger), recorder_(recorder) {}

  [[nodiscard]] Session* find(std::string_view client_id);
  /// The session in a slot; null if it is free.
  [[nodiscard]] Session* find(Session::Slot slot) {
    return slot < sessions_.size() ? sessions_[slot].get() : nullptr;
  }
  [[nodiscard]] Session& at(Session::Slot slot) { return *sessions_[slot]; }
  /// A new session; the client id must not have one.
  Session& add(std::string client_id);
  void remove(Session& session);
  [[nodiscard]] std::size_t size() const { return by_client_id_.size(); }

  /// By rising slot.
  template <typename Each>
  void for_each(Each each) const {
    for (const auto& session : sessions_)
      if (session) each(*session);
  }

 private:
  const BrokerConfig& config_;
  std::uint64_t seed_;
  Ledger& ledger_;
  Recorder& recorder_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session::Slot> free_slots_;
  IdTable by_client_id_;
};

}  // namespace mqttlab
