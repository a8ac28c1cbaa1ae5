// mqttlab-broker itself, killed at random instants under load from clients on real sockets: it
// starts again each time, and what it has acknowledged is not lost.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/live/client_runner.h"
#include "protocol/live/clock.h"
#include "protocol/session/random.h"
#include "tests/live/loop.h"

namespace mqttlab::live {
namespace {

constexpr int kills = 50, publishers = 3, in_flight = 8;

/// A broker of its own process on one port and one store, as often as it is started.
class BrokerProcess {
 public:
  explicit BrokerProcess(std::string store) : store_(std::move(store)) { clean(); }
  ~BrokerProcess() {
    end(SIGKILL);
    if (log_ >= 0) close(log_);
    clean();
  }
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  /// Waits for the line that names its port, so a broker that does not start fails the test.
  void start() {
    int log[2];
    ASSERT_EQ(pipe(log), 0);
    const std::string url = "tcp://127.0.0.1:" + std::to_string(port_);
    process_ = fork();
    if (process_ == 0) {
      dup2(log[1], STDERR_FILENO);
      close(log[0]);
      close(log[1]);
      execl(MQTTLAB_BROKER, MQTTLAB_BROKER, "--listen", url.c_str(), "--allow-anonymous", "--store",
            store_.c_str(), "--durability", "sync", nullptr);
      _exit(127);
    }
    close(log[1]);
    if (log_ >= 0) close(log_);
    log_ = log[0];  // stays open: it may say more
    const std::string said = read_until(log_, "listening on tcp://127.0.0.1:");
    const std::size_t at = said.rfind(':');
    ASSERT_NE(said.find("restored "), std::string::npos) << said;
    ASSERT_NE(said.find("listening on "), std::string::npos) << said;
    port_ = std::atoi(said.c_str() + at + 1);
  }
  int end(int how) {
    int status = 0;
    if (process_ <= 0) return status;
    kill(process_, how);
    waitpid(std::exchange(process_, -1), &status, 0);
    return status;
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  void clean() const {
    for (const char* tail : {"", "-wal", "-journal"}) std::remove((store_ + tail).c_str());
  }
  // To the end of the line with `words`, or to the end of all.
  static std::string read_until(int file, const std::string& words) {
    std::string said;
    for (char c; read(file, &c, 1) == 1;) {
      said += c;
      if (c == '\n' && said.find(words) != std::string::npos) break;
    }
    return said;
  }
  const std::string store_;
  int port_ = 0, log_ = -1;
  pid_t process_ = -1;
};

DialConfig dial_of(int port) {
  DialConfig dial{.endpoint = Endpoint::parse("tcp://127.0.0.1")};
  dial.endpoint.port = static_cast<std::uint16_t>(port);
  return dial;
}

ClientConfig config_of(std::string id) {
  ClientConfig config{.client_id = std::move(id), .clean_session = false, .window = in_flight};
  config.backoff = {.initial = 5 * millisecond, .maximum = 20 * millisecond};
  return config;
}

/// Publishes as fast as it is acknowledged, QoS 1 and 2 in turn.
class Publisher {
 public:
  Publisher(testing::Loop& loop, int port, const std::string& name)
      : name_(name),
        runner(loop.io, dial_of(port), config_of(name), 1,
               [this](const ClientEvent& event) { on(event); }) {
    runner.client().start(steady_now());
    for (int i = 0; i < in_flight; ++i) publish();
    runner.wake();
  }
  [[nodiscard]] bool is_done() const { return is_stopping && acknowledged == published; }
  bool is_stopping = false;
  int published = 0, acknowledged = 0;

 private:
  void publish() {
    const int number = published++;
    const QoS qos = number % 2 == 0 ? QoS::at_least_once : QoS::exactly_once;
    const std::string payload = name_ + " " + std::to_string(number);
    const auto token = runner.client().publish(Slice::copy_of(std::string("load")),
                                               Slice::copy_of(payload), qos, false, steady_now());
    EXPECT_TRUE(std::holds_alternative<Token>(token));
  }
  void on(const ClientEvent& event) {
    const auto* completed = std::get_if<Completed>(&event);
    if (!completed) return;
    EXPECT_EQ(completed->outcome, Outcome::done);
    ++acknowledged;
    if (!is_stopping) publish();
  }
  const std::string name_;

 public:
  ClientRunner runner;
};

TEST(Kill, StartsAgainAndHasWhatItAcknowledged) {
  BrokerProcess broker(::testing::TempDir() + "kill-" + std::to_string(getpid()));
  broker.start();
  ASSERT_NE(broker.port(), 0);
  testing::Loop loop;
  std::map<std::string, int> got;
  bool is_subscribed = false;
  ClientRunner desk(loop.io, dial_of(broker.port()), config_of("desk"), 1,
                    [&](const ClientEvent& event) {
                      if (const auto* message = std::get_if<Received>(&event))
                        ++got[std::string(message->payload.text())];
                      is_subscribed |= std::holds_alternative<Completed>(event);
                    });
  desk.client().start(steady_now());
  static_cast<void>(desk.client().subscribe(
      {{.filter = Slice::copy_of(std::string("load")), .qos = QoS::exactly_once}}, steady_now()));
  desk.wake();
  ASSERT_TRUE(loop.until([&] { return is_subscribed; }));
  std::vector<std::unique_ptr<Publisher>> all;
  for (int i = 0; i < publishers; ++i)
    all.push_back(std::make_unique<Publisher>(loop, broker.port(), "p" + std::to_string(i)));
  const auto acknowledged = [&] {
    int sum = 0;
    for (const auto& publisher : all) sum += publisher->acknowledged;
    return sum;
  };
  Random random(1, "kill");
  for (int i = 0; i < kills && !HasFailure(); ++i) {
    const int enough = acknowledged() + 1 + static_cast<int>(random.below(150));
    ASSERT_TRUE(loop.until([&] { return acknowledged() >= enough; })) << "after kill " << i;
    broker.end(SIGKILL);
    broker.start();
  }
  for (const auto& publisher : all) publisher->is_stopping = true;
  const auto done = [&] {
    return std::all_of(all.begin(), all.end(), [](const auto& one) { return one->is_done(); });
  };
  ASSERT_TRUE(loop.until(done));
  const auto whole = static_cast<std::size_t>(acknowledged());
  EXPECT_TRUE(loop.until([&] { return got.size() >= whole; })) << got.size() << " of " << whole;
  int twice = 0;
  for (const auto& [payload, copies] : got)
    twice += copies > 1 && std::atoi(payload.c_str() + 3) % 2 != 0;
  EXPECT_EQ(twice, 0) << "QoS 2";
  EXPECT_TRUE(WIFEXITED(broker.end(SIGTERM)));
  std::printf("%d kills, %zu messages acknowledged\n", kills, whole);
}

}  // namespace
}  // namespace mqttlab::live
