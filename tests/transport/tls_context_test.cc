// What cannot work is said when a TlsContext is made: the field, what is wrong, the remedy.
#include <openssl/pem.h>

#include <functional>

#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

struct Mistake {
  const char* name;
  bool server;
  std::function<void(TlsSettings& settings, TestCertificates& made)> make;
  const char* says;
};

class TlsMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(TlsMistake, IsNamed) {
  TestCertificates made;
  TlsSettings settings = GetParam().server ? made.server_settings() : made.client_settings();
  GetParam().make(settings, made);
  try {
    const TlsContext context(std::move(settings));
    ADD_FAILURE() << "taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, std::string(GetParam().says).size()),
              GetParam().says);
    EXPECT_EQ(std::string(error.what()).find("BEGIN PRIVATE"), std::string::npos);
  }
  EXPECT_EQ(ERR_peek_error(), 0u);
}

std::string encrypted(const std::string& key_pem, const char* phrase) {
  const OpenSslPtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(reader_of(key_pem).get(), nullptr, nullptr, nullptr));
  const OpenSslPtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), EVP_aes_128_cbc(), phrase,
                                static_cast<int>(std::string(phrase).size()), nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

const std::vector<Mistake> mistakes{
    {"no_certificate", true,
     [](TlsSettings& s, TestCertificates&) {
       s.certificate_pem.clear();
       s.key_pem.clear();
     },
     "TlsSettings: certificate_pem is empty; a server needs one"},
    {"no_key", true, [](TlsSettings& s, TestCertificates&) { s.key_pem.clear(); },
     "TlsSettings: key_pem is empty; certificate and key come together"},
    {"key_without_certificate", false,
     [](TlsSettings& s, TestCertificates& made) { s.key_pem = made.client.key_pem; },
     "TlsSettings: certificate_pem is empty; certificate and key come together"},
    {"another_key", true,
     [](TlsSettings& s, TestCertificates& made) { s.key_pem = made.client.key_pem; },
     "TlsSettings: key_pem does not belong to the first certificate"},
    {"no_pem", true, [](TlsSettings& s, TestCertificates&) { s.certificate_pem = "broker.pem"; },
     "TlsSettings: certificate_pem block 1 cannot be read as PEM (OpenSSL: no start line); give"},
    {"cut_pem", true, [](TlsSettings& s, TestCertificates&) { s.certificate_pem.resize(200); },
     "TlsSettings: certificate_pem block 1 cannot be read as PEM (OpenSSL: "},
    {"broken_second_block", true,
     [](TlsSettings& s, TestCertificates& made) {
       s.certificate_pem += made.authority.certificate_pem().substr(0, 300);
     },
     "TlsSettings: certificate_pem block 2 cannot be read as PEM (OpenSSL: "},
    {"key_for_certificate", true,
     [](TlsSettings& s, TestCertificates&) { s.key_pem = s.certificate_pem; },
     "TlsSettings: key_pem cannot be read as PEM"},
    {"encrypted_key", true,
     [](TlsSettings& s, TestCertificates&) { s.key_pem = encrypted(s.key_pem, "secret"); },
     "TlsSettings: key_pem is encrypted; give its key_pass_phrase"},
    {"wrong_phrase", true,
     [](TlsSettings& s, TestCertificates&) {
       s.key_pem = encrypted(s.key_pem, "secret");
       s.key_pass_phrase = "sesame";
     },
     "TlsSettings: key_pem cannot be decrypted"},
    {"no_authority_of_clients", true,
     [](TlsSettings& s, TestCertificates&) { s.client_certificate = ClientCertificate::optional; },
     "TlsSettings: ca_pem is empty; give the authority whose clients are let in"},
    {"no_authority_of_server", false, [](TlsSettings& s, TestCertificates&) { s.ca_pem.clear(); },
     "TlsSettings: ca_pem is empty; give the authority of the server's certificate, or say "
     "insecure"},
    {"useless_list", true,
     [](TlsSettings& s, TestCertificates& made) {
       s.crl_pem = made.authority.crl_pem({}, test_validity);
     },
     "TlsSettings: crl_pem is given, but no certificate is asked for"},
    {"no_list", false,
     [](TlsSettings& s, TestCertificates& made) { s.crl_pem = made.authority.certificate_pem(); },
     "TlsSettings: crl_pem block 1 cannot be read as PEM"},
    {"no_server_name", false, [](TlsSettings& s, TestCertificates&) { s.server_name.clear(); },
     "TlsSettings: server_name is empty; give the name or address"},
    {"server_with_name", true, [](TlsSettings& s, TestCertificates&) { s.server_name = "a"; },
     "TlsSettings: server_name and insecure are a client's; drop them"},
    {"client_that_asks", false,
     [](TlsSettings& s, TestCertificates&) { s.client_certificate = ClientCertificate::required; },
     "TlsSettings: client_certificate is what a server asks for"},
    {"no_time", true, [](TlsSettings& s, TestCertificates&) { s.handshake_timeout = 0; },
     "TlsSettings: handshake_timeout is 0 ns; it must be positive"},
    {"no_version", true,
     [](TlsSettings& s, TestCertificates&) {
       s.oldest = TlsVersion::v1_3;
       s.newest = TlsVersion::v1_2;
     },
     "TlsSettings: oldest is above newest"},
    {"empty_protocol", true, [](TlsSettings& s, TestCertificates&) { s.alpn = {""}; },
     "TlsSettings: alpn has a name of 0 bytes"},
};

INSTANTIATE_TEST_SUITE_P(, TlsMistake, ::testing::ValuesIn(mistakes),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TlsContext, ReadsAnEncryptedKeyAndForgetsIt) {
  const TestCertificates made;
  TlsSettings settings = made.server_settings();
  settings.key_pem = encrypted(settings.key_pem, "secret");
  settings.key_pass_phrase = "secret";
  const TlsContext context(std::move(settings));
  EXPECT_EQ(context.settings().key_pem + context.settings().key_pass_phrase, "");
}

TEST(TlsContext, SendsTheWholeChain) {
  TestCertificates made;
  TlsSettings server = made.server_settings();
  server.certificate_pem += made.authority.certificate_pem();
  TlsPair plain(made.server_settings(), made.client_settings());
  TlsPair chain(server, made.client_settings());
  plain.wire.run();
  chain.wire.run();
  EXPECT_TRUE(chain.client.is_established());
  EXPECT_GT(chain.wire.end(0).written.size(), plain.wire.end(0).written.size() + 250);
}

TEST(TlsContext, LogsKeysAsWiresharkReadsThem) {
  const TestCertificates made;
  TlsSettings server = made.server_settings();
  std::vector<std::string> lines;
  server.key_log = [&](std::string_view line) { lines.emplace_back(line); };
  TlsPair pair(server, made.client_settings());
  pair.wire.run();
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0].substr(0, 32), "SERVER_HANDSHAKE_TRAFFIC_SECRET ");
}

}  // namespace
}  // namespace mqttlab::testing
