// TlsWords: OpenSSL's findings in words for people who run brokers.
#pragma once

#include <openssl/types.h>

#include <string>

namespace mqttlab {

/// What is wrong with a certificate: "has expired", ... `error`: an X509_V_ERR.
[[nodiscard]] std::string words_of_verification(int error);
/// What is wrong with the other end, from the oldest entry of OpenSSL's error queue, as a sentence.
[[nodiscard]] std::string words_of_failure();

}  // namespace mqttlab
