#include "protocol/live/store/record_rows.h"

#include <array>

namespace mqttlab::live {
namespace {

constexpr std::size_t length_bytes = 4;

}  // namespace

void RecordRows::append(const journal::Record& record) {
  const auto encoded = journal::encode(record);
  const std::size_t size = length_bytes + encoded.size();
  // The row that clear() keeps has room for any record.
  if (rows_.empty() || (!rows_.back().empty() && rows_.back().size() + size > row_bytes))
    rows_.emplace_back();
  auto& row = rows_.back();
  for (int shift = 24; shift >= 0; shift -= 8)
    row.push_back(static_cast<std::uint8_t>(encoded.size() >> shift));
  row.insert(row.end(), encoded.begin(), encoded.end());
  bytes_ += size;
}

// One row's memory is kept: most commits are small.
void RecordRows::clear() {
  rows_.resize(rows_.empty() ? 0 : 1);
  if (!rows_.empty()) rows_.front().clear();
  bytes_ = 0;
}

// Each record is copied, so that what lives on of a row is no more than the records in it.
void RecordRows::apply(Bytes row, journal::Image& image) {
  while (!row.empty()) {
    std::size_t size = 0;
    if (row.size() >= length_bytes)
      for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8 | row[i];
    if (row.size() < length_bytes || size > row.size() - length_bytes)
      throw journal::JournalError("a row is cut");
    image.apply(journal::decode(Slice::copy_of(row.subspan(length_bytes, size))));
    row = row.subspan(length_bytes + size);
  }
}

}  // namespace mqttlab::live
