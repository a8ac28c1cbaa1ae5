// QuietErrors: trying something with OpenSSL that may fail.
#pragma once

#include <openssl/err.h>

namespace mqttlab {

/// What OpenSSL fails at in this scope stays out of the thread's error queue, which TLS reads.
struct QuietErrors {
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
};

}  // namespace mqttlab
