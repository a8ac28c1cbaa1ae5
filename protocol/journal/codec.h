// Records <-> bytes: a version, the kind of record, its fields as MQTT writes them.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/journal/record.h"

namespace mqttlab::journal {

/// Of the form that encode() writes: a reader refuses what is newer than itself.
inline constexpr std::uint8_t format_version = 1;

/// A journal that cannot be believed: what is wrong with which record.
class JournalError : public std::runtime_error {
 public:
  explicit JournalError(const std::string& what) : std::runtime_error("journal: " + what) {}
};

[[nodiscard]] std::vector<std::uint8_t> encode(const Record& record);
/// The record's slices share the memory of `bytes`. Throws JournalError.
[[nodiscard]] Record decode(const Slice& bytes);

}  // namespace mqttlab::journal
