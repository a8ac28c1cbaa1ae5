// World: a scenario's devices and clients on real sockets, in real time. Each device dials the
// broker through a link of its own in this process.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/live/alarm.h"
#include "protocol/live/broker_server.h"
#include "protocol/live/client_runner.h"
#include "protocol/live/link/link_proxy.h"
#include "protocol/live/log_lines.h"
#include "protocol/live/world/errand.h"
#include "protocol/live/world/live_client.h"
#include "protocol/world/world.h"

namespace mqttlab::live {

struct WorldConfig {
  std::uint64_t seed = 1;
  /// The broker under test; none: one of our own, in this process, on a free port.
  std::optional<DialConfig> target = {};
};

/// Time begins with the world, and moves by itself. One world at a time per process, and everything
/// in one thread.
class World final : public mqttlab::World {
 public:
  /// Throws std::runtime_error in one line if the target cannot be reached, std::logic_error if
  /// there is a world already.
  explicit World(WorldConfig config);
  /// A target that was there before is left without sessions and retained messages of this run.
  ~World() override;

  Time run(Time until, const std::function<bool()>& keep_going = {}) override;
  [[nodiscard]] Time now() const override;
  void at(Time when, std::function<void()> what) override;
  void decide(RequestId request, Decision decision) override;

  void set_link(DeviceId device, bool up) override;
  /// All of them: throws std::invalid_argument for one.
  void cut(DeviceId device, Cut how, std::uint32_t connection = 0) override;
  void when(DeviceId device, const Trigger& instant,
            std::function<void(const Fired&)> what) override;
  void disarm() override {}
  void stop_cycles() override;
  void set_loss_free() override;

  [[nodiscard]] BrokerGauges broker_gauges() const override;  ///< zeros of a foreign broker
  /// Of the packets that TCP would have made of the bytes.
  [[nodiscard]] DirectionCounters counters(DeviceId device, bool up) const override;

  /// Not counted: TLS and WebSocket are part of the bytes.
  [[nodiscard]] Overhead overhead(DeviceId, bool) const override { return {}; }
  [[nodiscard]] Observation observation() const override;
  [[nodiscard]] bool is_foreign() const { return config_.target.has_value(); }
  /// As the target tells it; empty: it does not.
  [[nodiscard]] const std::string& broker_version() const { return version_; }

 private:
  void make_broker(trace::Actor actor, const std::string& name, BrokerConfig config, Access* access,
                   bool certificates) override;
  void make_device(DeviceId device, const std::string& name, const LinkSpec& link) override;
  std::unique_ptr<HostedClient> make_client(DeviceId device, ClientConfig config,
                                            mqttlab::Transport transport, std::uint64_t seed,
                                            Ready ready) override;
  void power_off(DeviceId device) override;
  void stop_run() override { running_ = false; }

  /// Another world would begin time anew for all.
  struct OnlyOne {
    OnlyOne();
    ~OnlyOne();
    OnlyOne(const OnlyOne&) = delete;
    OnlyOne& operator=(const OnlyOne&) = delete;
  };
  /// What lasts as long as a call of run(), however it ends.
  class Turn {
   public:
    Turn(World& world, const std::function<bool()>& keep_going);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    World& world_;
  };
  void check_files(const std::string& name) const;
  std::uint32_t connection(DeviceId device, const std::string& address);
  [[nodiscard]] LinkProxy& link(DeviceId device) const;
  void send(ClientConfig config, Errand::Step step, std::function<void()> over);
  void await_errands();
  void release(const std::string& client_id);
  void probe();
  void leave();
  void arm();
  void due();
  void ask();

  const OnlyOne only_one_;
  const WorldConfig config_;
  boost::asio::io_context io_{1};
  LogLines log_lines_{LogLevel::error};
  std::string version_;
  DialConfig broker_at_;
  trace::Actor broker_actor_{};
  std::unique_ptr<BrokerServer> server_;           // our own
  std::vector<std::unique_ptr<LinkProxy>> links_;  // by device
  std::set<DeviceId> off_;
  // Seen at one end yet: by the client's address.
  std::map<std::pair<DeviceId, std::string>, std::uint32_t> connections_;
  std::uint32_t last_connection_ = 0;
  std::vector<LiveClient*> clients_;
  std::vector<ClientConfig> known_to_target_;  // or may be: one of each client id
  std::set<std::string> detained_;             // client ids whose older sessions are being ended
  std::optional<ClientConfig> cleaner_;  // whoever goes last: as the first client, with its rights
  std::vector<std::unique_ptr<Errand>> errands_;

  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> plans_;
  std::uint64_t last_plan_ = 0;
  Alarm plan_alarm_{io_, [this] { due(); }};
  Alarm end_alarm_{io_, [this] { running_ = false; }};
  Alarm ask_alarm_{io_, [this] { ask(); }};
  bool running_ = false;
  const std::function<bool()>* keep_going_ = nullptr;
};

}  // namespace mqttlab::live
