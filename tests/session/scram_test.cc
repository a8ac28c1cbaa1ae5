#include <gtest/gtest.h>

#include <map>

#include "protocol/session/octets.h"
#include "protocol/session/scram_client.h"
#include "protocol/session/scram_server.h"

namespace mqttlab {
namespace {

// The example exchange of RFC 7677, section 3.
constexpr std::string_view client_nonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string example[] = {
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};

const ScramCredentials& pencil() {
  static const auto credentials =
      ScramCredentials::derive("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  return credentials;
}

ScramCredentials find(std::string_view user) {
  if (user == "user" || user == "a,b=c") return pencil();
  ScramCredentials invented = pencil();
  invented.stored_key[0] ^= 1;
  return invented;
}

ScramClient client_of(std::string user, std::string password = "pencil") {
  return {std::move(user), std::move(password), [] { return std::string(client_nonce); }};
}

// A whole conversation. `spoil` may change each of the four messages on its way. True: both ends
// believe each other.
template <typename Spoil>
bool converse(ScramClient& client, Spoil spoil) {
  ScramServer server;
  const auto hello = server.first(bytes_of(spoil(0, client.start())), server_nonce, find);
  if (!hello) return false;
  const auto proof = client.next(bytes_of(spoil(1, *hello)));
  if (!proof) return false;
  const auto done = server.finish(bytes_of(spoil(2, *proof)));
  return done && client.finish(bytes_of(spoil(3, *done)));
}

TEST(Scram, TheExampleOfRfc7677) {
  ScramClient client = client_of("user");
  EXPECT_EQ(client.method(), "SCRAM-SHA-256");
  for (int round = 0; round < 2; ++round) {  // the second one knows the salt already
    int seen = 0;
    EXPECT_TRUE(converse(client, [&](int i, const std::string& message) {
      EXPECT_EQ(message, example[i]);
      ++seen;
      return message;
    }));
    EXPECT_EQ(seen, 4);
  }
}

TEST(Scram, EveryMutationOfEachMessageIsRefused) {
  ScramClient client = client_of("user");
  for (int which = 0; which < 4; ++which) {
    const auto refused = [&](const std::string& instead) {
      EXPECT_FALSE(converse(client, [&](int i, const std::string& message) {
        return i == which ? instead : message;
      })) << instead;
    };
    const std::string& good = example[which];
    for (std::size_t at = 0; at < good.size(); ++at) {
      refused(good.substr(0, at));
      refused(std::string(good).erase(at, 1));
      refused(std::string(good).insert(at, 1, good[at]));
      for (const char c : {',', '=', 'A', '\0', '\x80', static_cast<char>(good[at] ^ 1)}) {
        if (c == good[at]) continue;
        std::string changed = good;
        changed[at] = c;
        refused(changed);
      }
    }
    refused(good + ",");
    refused(good + ",m=1");
    refused(good + std::string(3'000, 'A'));
  }
}

TEST(Scram, NamesPasswordsAndExtensions) {
  const auto plain = [](int, const std::string& message) { return message; };
  ScramClient odd = client_of("a,b=c");
  EXPECT_EQ(odd.start(), "n,,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_TRUE(converse(odd, plain));
  ScramClient unknown = client_of("mallory");
  EXPECT_FALSE(converse(unknown, plain));
  for (const char* wrong : {"", "pencil ", "Pencil"}) {
    ScramClient guessing = client_of("user", wrong);
    EXPECT_FALSE(converse(guessing, plain)) << wrong;
  }
  ScramServer server;
  ScramClient client = client_of("user");
  ASSERT_TRUE(server.first(bytes_of(client.start() + ",x=1,y=,"), "s", find) == std::nullopt);
  ASSERT_TRUE(server.first(bytes_of(client.start() + ",x=1,y=2"), "s", find));
  EXPECT_EQ(server.user_name(), "user");
}

TEST(Scram, TheServerRefusesWhatIsNoFirstMessage) {
  const std::string bad[] = {"",
                             "n",
                             "n,,",
                             "p=tls-unique,,n=user,r=abc",  // a channel to bind
                             "n,a=admin,n=user,r=abc",      // another's identity
                             "n,,m=1,n=user,r=abc",         // an extension that is no option
                             "n,,n=user,r=abc,m=1",
                             "n,,n=,r=abc",
                             "n,,n=user",
                             "n,,n=user,r=",
                             "n,,n=user,r=a\x7f",
                             "n,,n=user,r=a b",
                             "n,,n=us=er,r=abc",
                             "n,,n=us=2cer,r=abc",
                             "n,,r=abc,n=user",
                             "n,,n=user,r=abc,",
                             "n,,n=user,r=abc,1=2",
                             "n,,n=\xff,r=abc"};
  for (const std::string& message : bad) {
    ScramServer server;
    EXPECT_FALSE(server.first(bytes_of(message), "s", find)) << message;
    EXPECT_FALSE(server.finish(bytes_of(example[2]))) << message;
  }
  for (const char* message : {"n,,n=user,r=abc", "y,,n=user,r=abc"}) {
    ScramServer server;
    EXPECT_TRUE(server.first(bytes_of(std::string_view(message)), "s", find)) << message;
  }
}

// A client that has the password, and signs whatever is its second message.
std::string signed_message(const std::string& without_proof) {
  const std::string auth = example[0].substr(3) + "," + example[1] + "," + without_proof;
  const auto key = scram_hmac(salted_password("pencil", pencil().salt, 4096), "Client Key");
  return without_proof + ",p=" + to_base64(key ^ scram_hmac(scram_hash(key), auth));
}

TEST(Scram, TheServerRefusesASignedMessageThatDoesNotFitTheFirst) {
  const auto answered = [](const std::string& without_proof) {
    ScramServer server;
    EXPECT_EQ(server.first(bytes_of(example[0]), server_nonce, find), example[1]);
    return server.finish(bytes_of(signed_message(without_proof))).has_value();
  };
  const std::string nonce = std::string(client_nonce) + std::string(server_nonce);
  EXPECT_TRUE(answered("c=biws,r=" + nonce));
  EXPECT_TRUE(answered("c=biws,r=" + nonce + ",x=1"));
  EXPECT_FALSE(answered("c=eSws,r=" + nonce)) << "y, where it has said n";
  EXPECT_FALSE(answered("c=biws,r=" + nonce + "x"));
  EXPECT_FALSE(answered("c=biws,r=" + nonce + ",m=1"));
}

TEST(Scram, TheClientRefusesServersThatItCannotGoOnWith) {
  const std::string nonce = "r=" + std::string(client_nonce), salt = ",s=W22ZaJ0SNY7soEsUEjb6gQ==";
  const std::string bad[] = {"e=unknown-user",
                             nonce + salt + ",i=4096",        // no nonce of the server
                             "r=other" + salt + ",i=4096",    // not an answer to ours
                             nonce + "x" + salt + ",i=4095",  // RFC 7677, 4
                             nonce + "x" + salt + ",i=1000001",
                             nonce + "x" + salt + ",i=99999999999999999999",
                             nonce + "x" + salt + ",i=04096",
                             nonce + "x" + salt + ",i=-4096",
                             nonce + "x" + salt + ",i=4096x",
                             nonce + "x,s=,i=4096",
                             nonce + "x,s=AB==,i=4096",
                             nonce + "x" + salt,
                             "m=1," + nonce + "x" + salt + ",i=4096"};
  for (const std::string& message : bad) {
    ScramClient client = client_of("user");
    static_cast<void>(client.start());
    EXPECT_FALSE(client.next(bytes_of(message))) << message;
    EXPECT_FALSE(client.finish(bytes_of(example[3]))) << message;
  }
  ScramClient client = client_of("user");
  static_cast<void>(client.start());
  EXPECT_TRUE(client.next(bytes_of(nonce + "x" + salt + ",i=4096,x=1")));
}

TEST(Scram, AConversationHasOneBeginningAndOneEnd) {
  ScramClient client = client_of("user");
  EXPECT_FALSE(client.next(bytes_of(example[1])));
  EXPECT_FALSE(client.finish(bytes_of(example[3])));
  static_cast<void>(client.start());
  EXPECT_FALSE(client.finish(bytes_of(example[3]))) << "a server that skips its half";
  EXPECT_FALSE(client.next(bytes_of(example[1])));
  static_cast<void>(client.start());
  EXPECT_TRUE(client.next(bytes_of(example[1])));
  EXPECT_FALSE(client.next(bytes_of(example[1])));
  EXPECT_FALSE(client.finish(bytes_of(example[3])));

  ScramServer server;
  EXPECT_FALSE(server.finish(bytes_of(example[2])));
  ASSERT_TRUE(server.first(bytes_of(example[0]), server_nonce, find));
  EXPECT_TRUE(server.finish(bytes_of(example[2])));
  EXPECT_FALSE(server.finish(bytes_of(example[2]))) << "a replay";
}

TEST(Scram, NoncesArePrintableAndSeeded) {
  const ScramNonces a = scram_nonces(Random(1, "a")), same = scram_nonces(Random(1, "a"));
  std::map<std::string, int> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string nonce = a();
    EXPECT_EQ(nonce.size(), 24u);
    EXPECT_TRUE(scram_printable(nonce)) << nonce;
    EXPECT_EQ(same(), nonce);
    ++seen[nonce];
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(Octets, Base64HasOneTextForEachByteString) {
  // RFC 4648, section 10.
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(to_base64(bytes_of(plain)), text);
    EXPECT_EQ(text_of(*from_base64(text)), plain);
    const std::string_view bare = text.substr(0, text.find('='));
    EXPECT_EQ(to_base64(bytes_of(plain), Base64::url), bare);
    EXPECT_EQ(text_of(*from_base64(bare, Base64::url)), plain);
  }
  const std::uint8_t high[] = {0xfb, 0xff};
  EXPECT_EQ(to_base64(high), "+/8=");
  EXPECT_EQ(to_base64(high, Base64::url), "-_8");
  for (const char* bad : {"Z", "A===", "Zg", "Zg=", "Zh==", "Zm9=", "Zg===", "=",
                          "====", "Z===", "Zm 8", "Zg==Zg==", "-_8=", "Zm9v\n"})
    EXPECT_FALSE(from_base64(bad)) << bad;
  for (const char* bad : {"Z", "A", "AAAAA", "Zh", "Zm9", "Zg==", "+/8", "Zm9vZ"})
    EXPECT_FALSE(from_base64(bad, Base64::url)) << bad;
}

}  // namespace
}  // namespace mqttlab
