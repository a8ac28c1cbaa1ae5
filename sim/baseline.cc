#include "sim/baseline.h"

#include <ns3/packet.h>
#include <ns3/simulator.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/transport/transport.h"
#include "sim/network.h"
#include "sim/stream.h"

namespace mqttlab::sim {
namespace {

/// One end of one connection that counts bytes and acts on every whole message.
class Counter {
 public:
  using Message = std::function<void()>;
  Counter(ns3::Ptr<TcpSocket> socket, std::uint32_t message_bytes, Message message)
      : socket_(std::move(socket)), message_bytes_(message_bytes), message_(std::move(message)) {
    socket_->SetRecvCallback(ns3::MakeCallback(&Counter::read, this));
  }
  ~Counter() { socket_->vanish(); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void send(std::uint32_t bytes) { socket_->Send(ns3::Create<ns3::Packet>(bytes), 0); }

 private:
  void read(ns3::Ptr<ns3::Socket>) {
    while (const std::uint32_t available = socket_->GetRxAvailable())
      received_ += socket_->Recv(available, 0)->GetSize();
    for (; received_ >= message_bytes_; received_ -= message_bytes_) message_();
  }
  ns3::Ptr<TcpSocket> socket_;
  std::uint32_t message_bytes_;
  Message message_;
  std::uint32_t received_ = 0;
};

class Baseline {
 public:
  explicit Baseline(const BaselineConfig& config);
  BaselineResult run();

 private:
  void dial(DeviceIndex device);
  void accepted(ns3::Ptr<TcpSocket> socket, std::uint32_t connection);
  void send(DeviceIndex device);
  [[nodiscard]] static WorldConfig world(const BaselineConfig& config);

  static constexpr DeviceIndex receiver = 0;
  BaselineConfig config_;
  Network network_;
  std::vector<std::unique_ptr<Counter>> ends_;  // the device's, by device
  std::vector<std::unique_ptr<Counter>> site_;  // the site's, in order of acceptance
  Counter* to_receiver_ = nullptr;
  std::uint32_t receiver_connection_ = 0;
  std::uint64_t messages_ = 0;
};

WorldConfig Baseline::world(const BaselineConfig& config) {
  WorldConfig world;
  world.seed = config.seed;
  return world;
}

Baseline::Baseline(const BaselineConfig& config) : config_(config), network_(world(config)) {
  network_.serve(port_of(over::tcp), [this](const Arrival& arrival) {
    accepted(arrival.socket, arrival.wire->connection());
  });
  ends_.resize(config.devices + 1);
  for (DeviceIndex device = 0; device <= config.devices; ++device) {
    network_.add_device("device-" + std::to_string(device), config.link);
    Random random(config.seed, "baseline/" + std::to_string(device));
    const auto within = [&](Time span) {
      return ns3::NanoSeconds(static_cast<Time>(random.uniform() * static_cast<double>(span)));
    };
    ns3::Simulator::Schedule(within(config.warm_up / 2), &Baseline::dial, this, device);
    if (device == receiver) continue;
    ns3::Simulator::Schedule(ns3::NanoSeconds(config.warm_up) + within(config.interval),
                             &Baseline::send, this, device);
  }
}

void Baseline::dial(DeviceIndex device) {
  const Dial dial = network_.dial(device, port_of(over::tcp));
  if (device != receiver) {
    ends_[device] = std::make_unique<Counter>(dial.socket, config_.answer_bytes, [] {});
    return;
  }
  receiver_connection_ = dial.connection();
  ends_[device] = std::make_unique<Counter>(dial.socket, config_.publish_bytes, [this] {
    ++messages_;
    ends_[receiver]->send(config_.answer_bytes);
  });
}

void Baseline::accepted(ns3::Ptr<TcpSocket> socket, std::uint32_t connection) {
  auto& end = site_.emplace_back();
  if (connection == receiver_connection_) {
    end = std::make_unique<Counter>(socket, config_.answer_bytes, [] {});
    to_receiver_ = end.get();
    return;
  }
  const std::size_t index = site_.size() - 1;
  end = std::make_unique<Counter>(socket, config_.publish_bytes, [this, index] {
    site_[index]->send(config_.answer_bytes);
    if (to_receiver_ != nullptr) to_receiver_->send(config_.publish_bytes);
  });
}

void Baseline::send(DeviceIndex device) {
  if (ends_[device]) ends_[device]->send(config_.publish_bytes);
  ns3::Simulator::Schedule(ns3::NanoSeconds(config_.interval), &Baseline::send, this, device);
}

BaselineResult Baseline::run() {
  const auto run_for = [](Time span) {
    ns3::Simulator::Stop(ns3::NanoSeconds(span));
    ns3::Simulator::Run();
  };
  run_for(config_.warm_up);
  const auto start = std::chrono::steady_clock::now();
  run_for(config_.span);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return {messages_, wall.count()};
}

}  // namespace

BaselineResult run_baseline(const BaselineConfig& config) {
  config.link.check();
  return Baseline(config).run();
}

}  // namespace mqttlab::sim
