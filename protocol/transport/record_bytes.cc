#include "protocol/transport/record_bytes.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace mqttlab {

struct RecordBytes::Calls {
  static int read(BIO* bio, char* to, int size) {
    auto& bytes = *static_cast<RecordBytes*>(BIO_get_data(bio));
    const Bytes unread = bytes.unread();
    BIO_clear_retry_flags(bio);
    if (unread.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t n = std::min(unread.size(), static_cast<std::size_t>(std::max(size, 0)));
    std::copy_n(unread.begin(), n, to);
    bytes.in_begin_ += n;
    bytes.read_bytes_ += n;
    if (bytes.unread().empty()) bytes.drop_unread();
    return static_cast<int>(n);
  }
  static int write(BIO* bio, const char* from, int size) {
    auto& bytes = *static_cast<RecordBytes*>(BIO_get_data(bio));
    auto& out = bytes.out_;
    if (bytes.out_begin_ > bytes.unsent().size()) {  // moves less than has been sent
      out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(bytes.out_begin_));
      bytes.out_begin_ = 0;
    }
    out.insert(out.end(), from, from + size);
    bytes.written_bytes_ += static_cast<std::uint64_t>(size);
    return size;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static const BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
      if (!made) throw std::bad_alloc();
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, create);
      return made;
    }();
    return method;
  }
};

BIO* RecordBytes::make_bio() {
  BIO* const bio = BIO_new(Calls::method());
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, this);
  return bio;
}

std::span<std::uint8_t> RecordBytes::space() {
  if (!in_) in_ = std::make_unique_for_overwrite<std::uint8_t[]>(in_bytes);
  return {in_.get() + in_end_, in_bytes - in_end_};
}

void RecordBytes::drop_unread() {
  in_.reset();
  in_begin_ = in_end_ = 0;
}

void RecordBytes::sent(std::size_t n) {
  assert(n <= unsent().size());
  out_begin_ += n;
  if (out_begin_ < out_.size()) return;
  out_begin_ = 0;
  std::vector<std::uint8_t>().swap(out_);
}

}  // namespace mqttlab
