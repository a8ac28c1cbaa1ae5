// RecordRows: records in rows, each record behind its length.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/journal/image.h"

namespace mqttlab::live {

/// Rows of about row_bytes; a longer record has one of its own.
class RecordRows {
 public:
  static constexpr std::size_t row_bytes = 64 << 10;

  void append(const journal::Record& record);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] const std::vector<std::vector<std::uint8_t>>& rows() const { return rows_; }
  void clear();

  /// Applies a row's records. Throws journal::JournalError.
  static void apply(Bytes row, journal::Image& image);

 private:
  std::vector<std::vector<std::uint8_t>> rows_;
  std::size_t bytes_ = 0;
};

}  // namespace mqttlab::live
