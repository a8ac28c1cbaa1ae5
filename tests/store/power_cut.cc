#include "tests/store/power_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace mqttlab::testing {
namespace {

constexpr int publishers = 3, messages = 60;
constexpr std::size_t longer_than_a_row = live::RecordRows::row_bytes;

ClientConfig config_of(std::string id) {
  ClientConfig config{.client_id = std::move(id), .clean_session = false, .window = 5};
  config.backoff = {.initial = 50 * millisecond, .maximum = 200 * millisecond};
  return config;
}

class Story {
 public:
  explicit Story(const PowerCutPlan& plan)
      : plan_(plan),
        random_(plan.seed, "power cut"),
        disk_(plan.seed),
        store_(disk_,
               {.path = "store",
                .durability = plan.durability,
                .compact_from_bytes = 3'000,
                .vfs = disk_.vfs()},
               random_.below(2) == 0),
        world_({.window = 4}, plan.seed, {.converge_within = 60 * second}, nullptr, &store_) {
    if (plan.lying_disk) disk_.ignore_syncs();
    for (const char* id : {"desk", "mate"}) {
      ClientConfig config = config_of(id);
      // The mate is away as often as it is there.
      if (!subscribers_.empty()) config.backoff = {.initial = 60 * millisecond};
      subscribers_.push_back(world_.add(config));
      world_.start(subscribers_.back());
      world_.subscribe(subscribers_.back(), "t/#", QoS::exactly_once);
    }
    for (int i = 0; i < publishers; ++i) {
      publishers_.push_back(world_.add(config_of("p" + std::to_string(i))));
      world_.start(publishers_.back());
    }
    world_.run(1 * second);
  }

  PowerCutResult play() {
    const auto moment = static_cast<int>(random_.below(messages));
    for (int i = 0; i < messages; ++i) {
      if (i == moment) disk_.fail_at(1 + random_.below(20));
      publish(i);
      if (random_.below(8) == 0) world_.cut(subscribers_[1]);
      world_.run(static_cast<Time>(random_.below(12)) * millisecond);
    }
    world_.run(1 * second);
    if (store_.crashed_at() == never) {  // a quiet disk, then
      disk_.fail();
      world_.run(1 * second);
    }
    world_.phase("settle");
    world_.run(30 * second);
    return judge();
  }

 private:
  struct Published {
    MemoryWorld::Index who;
    Token token;
    std::string payload;
    QoS qos;
  };

  void publish(int number) {
    const auto who = publishers_[random_.below(publishers)];
    const QoS qos = random_.below(2) == 0 ? QoS::at_least_once : QoS::exactly_once;
    const std::size_t bytes = random_.below(48) == 0 ? longer_than_a_row : random_.below(200);
    const std::string payload = std::to_string(number) + std::string(bytes, '.');
    const Token token = world_.publish(who, "t/" + std::to_string(number % 5), payload, qos);
    ASSERT_NE(token, 0U);
    published_.push_back({who, token, payload, qos});
  }

  [[nodiscard]] bool keeps_promises() const {
    return plan_.durability == live::Durability::sync && !plan_.lying_disk;
  }

  PowerCutResult judge() {
    EXPECT_NE(store_.crashed_at(), never);
    PowerCutResult result;
    std::map<std::pair<trace::Actor, Token>, Time> called_at, done_at;
    for (const trace::Event& event : world_.log().events()) {
      if (event.kind == trace::Kind::publish_called)
        called_at[{event.actor, event.detail}] = event.at;
      if (event.kind == trace::Kind::publish_completed && event.code == 0)
        done_at[{event.actor, event.detail}] = event.at;
    }
    std::vector<std::map<std::string, int>> got;
    for (const auto who : subscribers_) {
      auto& copies = got.emplace_back();
      for (const std::string& payload : world_.received(who)) ++copies[payload];
    }
    for (const Published& message : published_) {
      const auto done = done_at.find({static_cast<trace::Actor>(message.who + 1), message.token});
      if (done == done_at.end()) {
        EXPECT_FALSE(keeps_promises()) << message.payload << " is never acknowledged";
        continue;
      }
      ++result.acknowledged;
      for (const auto& copies : got) {
        const auto at = copies.find(message.payload);
        const int count = at == copies.end() ? 0 : at->second;
        const Time window = plan_.durability == live::Durability::sync ? 0 : live::batch_window;
        // An acknowledgement is on its way for a while. At QoS 2 it is PUBREC, and the rest may
        // have come after the failure.
        const Time since = message.qos == QoS::exactly_once ? called_at.at(done->first)
                                                            : done->second - Wire{}.latency;
        const bool fresh =
            since <= store_.crashed_at() && done->second > store_.crashed_at() - window;
        if (count == 0) ++(fresh ? result.forgiven : result.lost);
        if (count > 1 && message.qos == QoS::exactly_once) ++result.repeated;
      }
    }
    if (keeps_promises()) {
      EXPECT_EQ(world_.findings(true), "");
    }
    return result;
  }

  const PowerCutPlan plan_;
  Random random_;
  ForgetfulDisk disk_;
  ForgetfulStore store_;
  MemoryWorld world_;
  std::vector<MemoryWorld::Index> subscribers_, publishers_;
  std::vector<Published> published_;
};

}  // namespace

ForgetfulStore::ForgetfulStore(ForgetfulDisk& disk, live::StoreSettings settings, bool torn)
    : disk_(disk), settings_(std::move(settings)), torn_(torn), store_(std::in_place, settings_) {}

journal::Image ForgetfulStore::load() {
  if (!store_) store_.emplace(settings_);
  return store_->load();
}

JournalPosition ForgetfulStore::commit(Time now) {
  now_ = now;
  try {
    committed_ = store_->commit(now);
  } catch (const live::StoreError& error) {
    if (!disk_.has_failed()) throw;
  }
  return committed_;
}

void ForgetfulStore::crashed() {
  crashed_at_ = now_;
  committed_ = 0;
  store_.reset();
  disk_.power_on(torn_);
}

PowerCutResult& operator+=(PowerCutResult& sum, const PowerCutResult& more) {
  sum.acknowledged += more.acknowledged;
  sum.lost += more.lost;
  sum.forgiven += more.forgiven;
  sum.repeated += more.repeated;
  return sum;
}

PowerCutResult play(const PowerCutPlan& plan) { return Story(plan).play(); }

}  // namespace mqttlab::testing
