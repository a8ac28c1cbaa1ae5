// HttpAccess against an identity system in the same thread, whose answers the test decides.
#include "protocol/live/http_access.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <string>

#include "protocol/live/clock.h"
#include "tests/live/loop.h"

namespace mqttlab::live {
namespace {

using Tcp = boost::asio::ip::tcp;
using Error = boost::system::error_code;

/// Answers each request with what `answers` gives for its body; empty: not at all.
class Clerk {
 public:
  explicit Clerk(boost::asio::io_context& io)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/who";
  }
  void hang_up() {
    for (const auto& visit : visits_) visit->socket.close();
  }

  std::function<std::string(const std::string& body)> answers;
  std::vector<std::string> bodies;
  std::size_t visits = 0;

 private:
  struct Visit {
    explicit Visit(Tcp::socket taken) : socket(std::move(taken)) {}
    Tcp::socket socket;
    std::string text, reply;
  };
  void accept() {
    acceptor_.async_accept([this](const Error& error, Tcp::socket socket) {
      if (error) return;
      ++visits;
      visits_.push_back(std::make_shared<Visit>(std::move(socket)));
      serve(visits_.back());
      accept();
    });
  }
  void serve(const std::shared_ptr<Visit>& visit) {
    boost::asio::async_read_until(
        visit->socket, boost::asio::dynamic_buffer(visit->text), '}',
        [this, visit](const Error& error, std::size_t size) {
          if (error) return;
          bodies.push_back(visit->text.substr(visit->text.find("\r\n\r\n") + 4));
          visit->text.erase(0, size);
          visit->reply = answers(bodies.back());
          if (visit->reply.empty()) return;
          boost::asio::async_write(visit->socket, boost::asio::buffer(visit->reply),
                                   [this, visit](const Error& failed, std::size_t) {
                                     if (!failed) serve(visit);
                                   });
        });
  }
  Tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Visit>> visits_;
};

std::string reply(int status, const std::string& body = {}) {
  return "HTTP/1.1 " + std::to_string(status) +
         " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class HttpAccessTest : public ::testing::Test {
 protected:
  HttpAccess& access(HttpAccess::Config config = {}) {
    if (config.url.empty()) config.url = clerk.url();
    access_ = std::make_unique<HttpAccess>(loop.io, config, log);
    access_->decide = [this](RequestId request, Decision decision) {
      decisions[request] = std::move(decision);
    };
    return *access_;
  }
  Decision ask(RequestId id, const std::string& user, Time now = steady_now()) {
    AccessRequest request;
    request.request = id;
    request.link = static_cast<LinkId>(id);
    request.now = now;
    request.client_id = "c";
    request.has_user_name = request.has_password = true;
    request.user_name = user;
    request.password = Bytes(reinterpret_cast<const std::uint8_t*>("secret"), 6);
    return access_->ask(request);
  }
  /// The verdict on a question that is answered later.
  Decision decided(RequestId id, const std::string& user) {
    EXPECT_EQ(ask(id, user).verdict, Verdict::later);
    EXPECT_TRUE(loop.until([&] { return decisions.contains(id); }));
    return decisions[id];
  }

  testing::Loop loop;
  LogLines log{LogLevel::error};
  Clerk clerk{loop.io};
  std::map<RequestId, Decision> decisions;

 private:
  std::unique_ptr<HttpAccess> access_;
};

TEST_F(HttpAccessTest, WhateverIsNoAnswerLetsNobodyIn) {
  const std::string statuses[] = {reply(500),
                                  reply(302),
                                  "what\r\n\r\n",
                                  reply(200, "[]"),
                                  reply(200, "{\"acl\": [\"x y\"]}"),
                                  reply(200, "{\"acl\": [\"read a\\npattern #\"]}"),
                                  reply(200, "{\"expires_in_s\": 0}"),
                                  reply(200, std::string(70'000, ' ')),
                                  "HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n{}"};
  HttpAccess::Config config;
  config.timeout = 50 * millisecond;
  access(config);
  RequestId id = 0;
  for (const std::string& status : statuses) {
    clerk.answers = [&](const std::string&) { return status; };
    const Decision decision = decided(++id, "ada");
    const bool granted = decision.verdict == Verdict::granted && decision.valid_until == never;
    EXPECT_FALSE(granted) << status.substr(0, 99);
  }
  clerk.answers = [](const std::string&) { return std::string(); };
  EXPECT_EQ(decided(++id, "late").reason, ReasonCode::server_unavailable);
}

TEST_F(HttpAccessTest, WhoIsDeniedIsDenied) {
  access();
  for (const int status : {401, 403}) {
    clerk.answers = [&](const std::string&) { return reply(status); };
    const Decision decision = decided(static_cast<RequestId>(status), std::to_string(status));
    EXPECT_EQ(decision.verdict, Verdict::denied);
    EXPECT_EQ(decision.reason, ReasonCode::success) << "CONNACK says what fits";
  }
}

TEST_F(HttpAccessTest, VerdictsAreKeptForAWhileEachForItsOwnTime) {
  clerk.answers = [](const std::string& body) {
    return body.find("ada") != body.npos ? reply(200, "{\"user_name\": \"alice\"}") : reply(403);
  };
  HttpAccess::Config config;
  config.cache = {.granted = 60 * second, .denied = 5 * second, .decisions = 10};
  access(config);
  EXPECT_EQ(decided(1, "ada").user_name, "alice");
  EXPECT_EQ(decided(2, "eve").verdict, Verdict::denied);
  const Time now = steady_now();
  EXPECT_EQ(ask(3, "ada", now + 59 * second).user_name, "alice");
  EXPECT_EQ(ask(4, "eve", now + 4 * second).verdict, Verdict::denied);
  EXPECT_EQ(ask(5, "eve", now + 6 * second).verdict, Verdict::later);
  EXPECT_EQ(ask(6, "ada", now + 61 * second).verdict, Verdict::later);
}

TEST_F(HttpAccessTest, AConnectionIsKeptAndReplacedWhenItHasBeenClosed) {
  clerk.answers = [](const std::string&) { return reply(200); };
  access();
  EXPECT_EQ(decided(1, "a").verdict, Verdict::granted);
  EXPECT_EQ(decided(2, "b").verdict, Verdict::granted);
  EXPECT_EQ(clerk.visits, 1U);
  clerk.hang_up();
  EXPECT_EQ(decided(3, "c").verdict, Verdict::granted);
  EXPECT_EQ(clerk.visits, 2U);
}

TEST_F(HttpAccessTest, QuestionsWaitForAConnectionAndNotWithoutEnd) {
  clerk.answers = [](const std::string&) { return std::string(); };
  HttpAccess::Config config;
  config.at_once = 2;
  config.most_waiting = 3;
  HttpAccess& asked = access(config);
  for (RequestId id = 1; id <= 5; ++id)
    EXPECT_EQ(ask(id, std::to_string(id)).verdict, Verdict::later);
  EXPECT_EQ(ask(6, "6").reason, ReasonCode::server_busy);
  asked.gone(4);
  EXPECT_EQ(ask(7, "7").verdict, Verdict::later) << "who has left does not wait";
  ASSERT_TRUE(loop.until([&] { return clerk.bodies.size() == 2; }));
  EXPECT_EQ(clerk.visits, 2U);
}

TEST_F(HttpAccessTest, OnlyAnIdentitySystemThatProvesItselfIsAsked) {
  HttpAccess::Config config;
  config.url = "https" + clerk.url().substr(4);
  clerk.answers = [](const std::string&) { return reply(200); };
  config.timeout = 100 * millisecond;
  access(config);
  EXPECT_EQ(decided(1, "ada").reason, ReasonCode::server_unavailable);
  for (const std::string& body : clerk.bodies)
    EXPECT_EQ(body.find("secret"), body.npos) << "told to a stranger";
  config.ca_pem = "no certificate";
  EXPECT_THROW(access(config), std::invalid_argument);
  config.url = "tcp://127.0.0.1";
  EXPECT_THROW(access(config), std::invalid_argument);
}

}  // namespace
}  // namespace mqttlab::live
