#include "protocol/transport/filter_stack.h"

#include <gtest/gtest.h>

#include "protocol/transport/web_socket_client_filter.h"
#include "protocol/transport/web_socket_server_filter.h"
#include "tests/support/tls_pair.h"

namespace mqttlab {
namespace {

using namespace testing;

/// (TLS, WebSocket)
class FilterStacks : public ::testing::TestWithParam<std::pair<bool, bool>> {
 protected:
  FilterPlan plan(bool server) {
    FilterPlan plan;
    if (GetParam().first) {
      const auto both = certificates_.mutual();
      plan.tls = std::make_shared<TlsContext>(server ? both.first : both.second);
    }
    if (GetParam().second && server)
      plan.web_socket = [this](Establish establish, Time now) {
        return std::make_unique<WebSocketServerFilter>(server_settings_, std::move(establish), now);
      };
    if (GetParam().second && !server)
      plan.web_socket = [this](Establish establish, Time now) {
        return std::make_unique<WebSocketClientFilter>(client_settings_, Random(1, "mask"),
                                                       std::move(establish), now);
      };
    return plan;
  }
  Establish carry(bool server) {
    return [this, server](const Introduction& who, Time) {
      met_[server] = who.certificate;
      return &talkers_[server];
    };
  }

  TestCertificates certificates_;
  WebSocketServerSettings server_settings_;
  WebSocketClientSettings client_settings_{{}, "broker.example", "/mqtt", {}};
  Talker talkers_[2];
  std::string met_[2];
};

INSTANTIATE_TEST_SUITE_P(Of, FilterStacks,
                         ::testing::Values(std::pair(false, false), std::pair(true, false),
                                           std::pair(false, true), std::pair(true, true)),
                         [](const auto& of) {
                           return std::string(of.param.second ? "ws" : "tcp") +
                                  (of.param.first ? "_tls" : "");
                         });

TEST_P(FilterStacks, CarryBothStreamsAndCountWhatTheyAdd) {
  for (const bool server_ends : {false, true}) {
    for (Talker& talker : talkers_) talker = Talker();
    FilterStack client(plan(false), carry(false), 0), server(plan(true), carry(true), 0);
    FilterStack* const stacks[] = {&client, &server};
    EXPECT_EQ(client.has_filters(), GetParam().first || GetParam().second);
    Duplex wire(client.peer(), server.peer());
    wire.segment = 1'000;
    const std::string said[] = {std::string(50'000, 'u'), std::string(70'000, 'd')};
    for (const bool end : {false, true}) talkers_[end].to_say = said[end];
    wire.run();
    talkers_[server_ends].finish_when_said = true;
    wire.wake();
    EXPECT_TRUE(wire.over());
    EXPECT_EQ(met_[true], GetParam().first ? "meter-1" : "");
    for (const bool end : {false, true}) {
      EXPECT_TRUE(stacks[end]->is_established());
      EXPECT_EQ(stacks[end]->failure(), "");
      EXPECT_EQ(talkers_[!end].heard, said[end]);
      const Overhead added = stacks[end]->overhead();
      EXPECT_EQ(said[end].size() + added.tls_bytes + added.web_socket_bytes,
                wire.end(end).written.size());
      EXPECT_EQ(added.tls_bytes > 0, GetParam().first);
      EXPECT_EQ(added.web_socket_bytes > 0, GetParam().second);
    }
  }
}

TEST_P(FilterStacks, ThatNeverStandCarryNobody) {
  if (!GetParam().first && !GetParam().second) GTEST_SKIP() << "nothing has to stand first";
  FilterStack client(plan(false), carry(false), 0), server(plan(true), carry(true), 0);
  Duplex wire(client.peer(), server.peer());
  wire.cut_at = 100;
  wire.run();
  EXPECT_TRUE(wire.over());
  for (FilterStack* stack : {&client, &server}) {
    EXPECT_FALSE(stack->is_established());
    EXPECT_NE(stack->failure(), "");
  }
  EXPECT_TRUE(talkers_[0].ends.empty() && talkers_[1].ends.empty());
}

}  // namespace
}  // namespace mqttlab
