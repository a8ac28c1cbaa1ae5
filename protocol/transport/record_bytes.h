// RecordBytes: the encrypted bytes of one link on their way in and out, as OpenSSL's BIO.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/peer.h"

namespace mqttlab {

/// Has no memory while nothing is on its way.
class RecordBytes {
 public:
  static constexpr std::size_t in_bytes = 16 << 10;

  /// Room for what arrives, behind what has not been read yet.
  [[nodiscard]] std::span<std::uint8_t> space();
  void received(std::size_t n) { in_end_ += n; }
  [[nodiscard]] Bytes unread() const { return {in_.get() + in_begin_, in_end_ - in_begin_}; }
  void drop_unread();

  [[nodiscard]] Bytes unsent() const { return Bytes(out_).subspan(out_begin_); }
  void sent(std::size_t n);
  void drop_unsent() { sent(unsent().size()); }

  /// All bytes that have been read so far.
  [[nodiscard]] std::uint64_t read_bytes() const { return read_bytes_; }
  /// All bytes that have been written so far, whether they have been sent or not.
  [[nodiscard]] std::uint64_t written_bytes() const { return written_bytes_; }
  /// Memory held at present, in bytes.
  [[nodiscard]] std::size_t capacity() const { return (in_ ? in_bytes : 0) + out_.capacity(); }

  /// A BIO that reads from here and writes to here; *this must outlive it and stay where it is.
  [[nodiscard]] BIO* make_bio();

 private:
  struct Calls;  // what OpenSSL calls
  std::unique_ptr<std::uint8_t[]> in_;
  std::size_t in_begin_ = 0, in_end_ = 0;
  std::uint64_t read_bytes_ = 0, written_bytes_ = 0;
  std::vector<std::uint8_t> out_;
  std::size_t out_begin_ = 0;
};

}  // namespace mqttlab
