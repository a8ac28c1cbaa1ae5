// Whom each end of TLS lets in, and in which words it refuses.
#include <functional>

#include "tests/support/tls_pair.h"

namespace mqttlab::testing {
namespace {

using Both = std::pair<TlsSettings, TlsSettings>;

struct Meeting {
  const char* name;
  std::function<void(Both& both, TestCertificates& made)> change;
  const char* server_says;  // "": it lets the client in
  const char* client_says;  // null: what the version of TLS has words for
};

class TlsMeeting : public ::testing::TestWithParam<std::tuple<Meeting, TlsVersion, KeyKind>> {};

TEST_P(TlsMeeting, EndsAsItMust) {
  const auto& [meeting, version, kind] = GetParam();
  TestCertificates made(1, kind);
  Both both = made.mutual();
  both.first.oldest = both.first.newest = version;
  meeting.change(both, made);
  TlsPair pair(both);
  pair.client_talker.to_say = "CONNECT";
  pair.server_talker.to_say = "CONNACK";
  pair.client_talker.enough_heard = 7;
  pair.wire.run();
  EXPECT_TRUE(pair.wire.over());
  EXPECT_EQ(pair.server.failure(), meeting.server_says);
  if (meeting.client_says) {
    EXPECT_EQ(pair.client.failure(), meeting.client_says);
  } else {
    EXPECT_EQ(pair.client.failure().substr(0, 23), "the other end refused: ");
  }
  EXPECT_EQ(pair.server.is_established(), std::string(meeting.server_says).empty());
  EXPECT_EQ(pair.server_talker.heard, pair.server.is_established() ? "CONNECT" : "");
  EXPECT_EQ(pair.server_talker.ends.size(), pair.server_meets.size());
  EXPECT_EQ(pair.client_talker.ends.size(), pair.client_meets.size());
}

void show(TlsSettings& settings, const Credentials& credentials) {
  settings.certificate_pem = credentials.certificate_pem;
  settings.key_pem = credentials.key_pem;
}

/// The client shows a certificate made at will.
auto client_has(std::int64_t from_day, std::int64_t until_day) {
  return [=](Both& both, TestCertificates& made) {
    show(both.second, made.authority.issue("meter-2", {test_epoch_s + from_day * day_s,
                                                       test_epoch_s + until_day * day_s}));
  };
}
auto server_name(const char* name) {
  return [=](Both& both, TestCertificates&) { both.second.server_name = name; };
}
auto alpn(std::vector<std::string> server, std::vector<std::string> client) {
  return [=](Both& both, TestCertificates&) {
    both.first.alpn = server;
    both.second.alpn = client;
  };
}
void revoke(Both& both, TestCertificates& made, const std::string& certificate) {
  both.first.crl_pem = made.authority.crl_pem({certificate}, test_validity);
}

const std::vector<Meeting> meetings{
    {"mutual", [](Both&, TestCertificates&) {}, "", ""},
    {"expired", client_has(-9, -1), "the client's certificate has expired (CN=meter-2)",
     "the other end refused: this end's certificate has expired, or is not valid yet"},
    {"not_yet", client_has(1, 9), "the client's certificate is not valid yet (CN=meter-2)",
     "the other end refused: it does not take this end's certificate"},
    {"foreign",
     [](Both& both, TestCertificates& made) {
       CertificateAuthority foreign("Foreign", test_validity, KeyKind::ed25519, made.crypto);
       show(both.second, foreign.issue("meter-1", test_validity));
     },
     "the client's certificate comes from an unknown authority (CN=meter-1)",
     "the other end refused: it does not know the authority of this end's certificate"},
    {"false_authority",  // an authority of the same name is another one
     [](Both& both, TestCertificates& made) {
       CertificateAuthority foreign("Test authority", test_validity, KeyKind::ed25519, made.crypto);
       show(both.second, foreign.issue("meter-1", test_validity));
     },
     "the client's certificate comes from an unknown authority (CN=meter-1)",
     "the other end refused: it does not know the authority of this end's certificate"},
    {"revoked",
     [](Both& both, TestCertificates& made) { revoke(both, made, made.client.certificate_pem); },
     "the client's certificate has been revoked (CN=meter-1)",
     "the other end refused: this end's certificate has been revoked"},
    {"another_revoked",
     [](Both& both, TestCertificates& made) { revoke(both, made, made.server.certificate_pem); },
     "", ""},
    {"server_revoked",
     [](Both& both, TestCertificates& made) {
       both.second.crl_pem = made.authority.crl_pem({made.server.certificate_pem}, test_validity);
     },
     "the other end refused: this end's certificate has been revoked",
     "the server's certificate has been revoked (CN=broker)"},
    {"old_list",
     [](Both& both, TestCertificates& made) {
       both.first.crl_pem = made.authority.crl_pem({}, {test_epoch_s - 9, test_epoch_s - 1});
     },
     "the client's certificate cannot be judged: its authority's revocation list has expired "
     "(CN=meter-1)",
     "the other end refused: this end's certificate has expired, or is not valid yet"},
    {"none", [](Both& both, TestCertificates&) { show(both.second, {}); },
     "the client has shown no certificate", nullptr},
    {"none_optional",
     [](Both& both, TestCertificates&) {
       show(both.second, {});
       both.first.client_certificate = ClientCertificate::optional;
     },
     "", ""},
    {"no_identity",
     [](Both& both, TestCertificates& made) {
       show(both.second, made.authority.issue("meter-2", test_validity));
       both.first.identity = CertificateIdentity::email;
     },
     "the client's certificate has no e-mail address (CN=meter-2)", nullptr},
    {"wildcard", server_name("b7.site.example"), "", ""},
    {"address", server_name("10.0.0.1"), "", ""},
    {"wrong_name", server_name("other.example"),
     "the other end refused: it does not take this end's certificate",
     "the server's certificate is not for this server name (CN=broker)"},
    {"wrong_address", server_name("10.0.0.2"),
     "the other end refused: it does not take this end's certificate",
     "the server's certificate is not for this server name (CN=broker)"},
    {"name_of_subject", server_name("broker"),  // names stand in subjectAltName only
     "the other end refused: it does not take this end's certificate",
     "the server's certificate is not for this server name (CN=broker)"},
    {"insecure",
     [](Both& both, TestCertificates&) {
       both.second.server_name = "other.example";
       both.second.insecure = true;
       both.second.ca_pem.clear();
     },
     "", ""},
    {"old_client",
     [](Both& both, TestCertificates&) {
       both.first.oldest = both.first.newest = TlsVersion::v1_3;
       both.second.newest = TlsVersion::v1_2;
     },
     "the other end speaks only other versions of TLS",
     "the other end refused: it speaks other versions of TLS"},
    {"alpn", alpn({"x", "mqtt"}, {"mqtt"}), "", ""},
    {"alpn_not_offered", alpn({"mqtt"}, {}), "", ""},
    {"alpn_not_known", alpn({}, {"mqtt"}), "", ""},
    {"wrong_alpn", alpn({"mqtt"}, {"http/1.1"}),
     "the client asks for other protocols than this end speaks (ALPN)",
     "the other end refused: it speaks none of the protocols that this end offers (ALPN)"},
};

INSTANTIATE_TEST_SUITE_P(, TlsMeeting,
                         ::testing::Combine(::testing::ValuesIn(meetings),
                                            ::testing::Values(TlsVersion::v1_2, TlsVersion::v1_3),
                                            ::testing::Values(KeyKind::ed25519, KeyKind::p256)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  (std::get<1>(info.param) == TlsVersion::v1_2 ? "_12" : "_13") +
                                  (std::get<2>(info.param) == KeyKind::p256 ? "_p256" : "");
                         });

TEST(TlsIdentity, IsThePartOfTheCertificateThatTheServerWants) {
  TestCertificates made;
  const std::pair<CertificateIdentity, const char*> wanted[]{
      {CertificateIdentity::common_name, "meter-1"},
      {CertificateIdentity::subject, "CN=meter-1"},
      {CertificateIdentity::email, "meter-1@example.org"},
      {CertificateIdentity::dns, "meter-1.example"},
      {CertificateIdentity::uri, "urn:meter:1"}};
  for (const auto& [identity, text] : wanted) {
    Both both = made.mutual();
    both.first.identity = identity;
    TlsPair pair(both);
    pair.wire.run();
    ASSERT_EQ(pair.server_meets.size(), 1u);
    EXPECT_EQ(pair.server_meets.front().certificate, text);
    EXPECT_EQ(pair.client_meets.front().certificate, "");
  }
}

TEST(TlsIdentity, KeepsUtf8) {
  TestCertificates made;
  Both both = made.mutual();
  for (const auto identity : {CertificateIdentity::common_name, CertificateIdentity::subject}) {
    show(both.second, made.authority.issue("z\xc3\xa4hler", test_validity));
    both.first.identity = identity;
    TlsPair pair(both);
    pair.wire.run();
    const bool whole = identity == CertificateIdentity::subject;
    EXPECT_EQ(pair.server_meets.at(0).certificate,
              std::string(whole ? "CN=" : "") + "z\xc3\xa4hler");
  }
}

TEST(TlsTime, IsTheLinksOwn) {
  TestCertificates made;
  Both both = made.mutual();
  show(both.second, made.authority.issue("meter-2", {test_epoch_s - 5, test_epoch_s + 100}));
  TlsPair in_time(both, 99 * second);
  in_time.wire.run();
  EXPECT_EQ(in_time.server.failure(), "");
  TlsPair late(both, 101 * second);
  late.wire.run();
  EXPECT_EQ(late.server.failure(), "the client's certificate has expired (CN=meter-2)");
}

TEST(TlsTime, IsTheMachinesWithoutAnEpoch) {
  TestCertificates made;  // long over by the machine's clock
  Both both(made.server_settings(), made.client_settings());
  both.second.unix_offset = nullptr;
  TlsPair pair(both);
  pair.wire.run();
  EXPECT_EQ(pair.client.failure(), "the server's certificate has expired (CN=Test authority)");
}

TEST(TlsAlpn, TellsWhatWasChosen) {
  TestCertificates made;
  Both both = made.mutual();
  both.first.alpn = {"http/1.1", "mqtt"};
  both.second.alpn = {"mqtt", "http/1.1"};
  TlsPair pair(both);
  pair.wire.run();
  EXPECT_EQ(pair.server.protocol(), "http/1.1");  // the server's preference
  EXPECT_EQ(pair.client.protocol(), "http/1.1");
}

TEST(CertificateAuthority, NamesWhatCannotBeInACertificate) {
  TestCertificates made;
  const auto says = [&](const std::string& name, const std::vector<std::string>& names) {
    try {
      (void)made.authority.issue(name, test_validity, names);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(says("", {}),
            "CertificateAuthority: the common name \"\" must be UTF-8 of 1 to 64 bytes");
  EXPECT_NE(says(std::string(65, 'x'), {}), "");
  EXPECT_NE(says("\xff", {}), "");
  EXPECT_NE(says("a", {"broker"}).find("\"broker\" cannot be in a certificate"), std::string::npos);
  EXPECT_NE(says("a", {"IP:300.1.1.1"}), "");
  EXPECT_NE(says("a", {"DNS:a,DNS:b"}).find("comma"), std::string::npos);
}

}  // namespace
}  // namespace mqttlab::testing
