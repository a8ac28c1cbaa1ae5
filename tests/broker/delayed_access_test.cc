#include "protocol/broker/delayed_access.h"

#include <gtest/gtest.h>

namespace mqttlab::test {
namespace {

using Kind = AccessRequest::Kind;

class Counting : public Access {
 public:
  explicit Counting(Decision decision) : decision_(std::move(decision)) {}
  Decision ask(const AccessRequest&) override {
    ++asked;
    return decision_;
  }
  bool supports(std::string_view method) const override { return method == "M"; }
  void gone(LinkId link) override { ended = link; }
  int asked = 0;
  LinkId ended = 0;

 private:
  Decision decision_;
};

struct SlowSystem {
  explicit SlowSystem(AccessDelays delays, Decision decision = Verdict::granted,
                      std::size_t most = 100) {
    auto counting = std::make_unique<Counting>(std::move(decision));
    inner = counting.get();
    access = std::make_unique<DelayedAccess>(std::move(counting), delays, most);
  }
  Verdict ask(Kind kind, RequestId request, Time now) const {
    AccessRequest question;
    question.kind = kind;
    question.request = request;
    question.now = now;
    return access->ask(question).verdict;
  }
  Counting* inner;
  std::unique_ptr<DelayedAccess> access;
};

TEST(DelayedAccess, AnswersComeWhenTheyAreDueAndInThatOrder) {
  const SlowSystem slow({.authenticate = 3 * second, .publish = 1 * second});
  EXPECT_EQ(slow.access->deadline(), never);
  EXPECT_EQ(slow.ask(Kind::subscribe, 1, 0), Verdict::granted) << "not slow";
  EXPECT_EQ(slow.ask(Kind::authenticate, 2, 0), Verdict::later);
  EXPECT_EQ(slow.ask(Kind::publish, 3, second), Verdict::later);
  EXPECT_EQ(slow.ask(Kind::publish, 4, second), Verdict::later);
  EXPECT_EQ(slow.access->deadline(), 2 * second);
  EXPECT_FALSE(slow.access->next(2 * second - 1));
  EXPECT_EQ(slow.access->next(2 * second)->request, 3u);
  EXPECT_EQ(slow.access->next(2 * second)->request, 4u);
  EXPECT_FALSE(slow.access->next(2 * second));
  const auto late = slow.access->next(9 * second);
  EXPECT_EQ(late->request, 2u);
  EXPECT_EQ(late->decision.verdict, Verdict::granted);
  EXPECT_EQ(slow.access->deadline(), never);
}

TEST(DelayedAccess, GivesTheAnswerOfTheSystemBehindItOrNone) {
  Decision more = Verdict::more;
  more.data = "go on";
  const SlowSystem slow({.authenticate = second, .subscribe = never}, more, 1);
  EXPECT_EQ(slow.ask(Kind::authenticate, 1, 0), Verdict::later);
  EXPECT_EQ(slow.ask(Kind::authenticate, 2, 0), Verdict::denied) << "one waits already";
  EXPECT_EQ(slow.inner->asked, 1);
  EXPECT_EQ(slow.ask(Kind::subscribe, 3, 0), Verdict::later);
  const auto answer = slow.access->next(second);
  EXPECT_EQ(answer->decision.verdict, Verdict::more);
  EXPECT_EQ(answer->decision.data, "go on");
  EXPECT_FALSE(slow.access->next(never - 1)) << "never";
  EXPECT_TRUE(slow.access->supports("M"));
  slow.access->gone(5);
  EXPECT_EQ(slow.inner->ended, 5u);
}

TEST(DelayedAccess, ASlowerSystemBehindItAnswersItself) {
  const SlowSystem slow({.authenticate = second}, Verdict::later);
  EXPECT_EQ(slow.ask(Kind::authenticate, 1, 0), Verdict::later);
  EXPECT_EQ(slow.access->deadline(), never);
}

}  // namespace
}  // namespace mqttlab::test
