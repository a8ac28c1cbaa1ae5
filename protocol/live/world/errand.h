// Errand: a short-lived client of the world's own, beside the scenario: it dials the broker itself,
// over no link, and is not recorded.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/live/alarm.h"
#include "protocol/live/client_runner.h"

namespace mqttlab::live {

class Errand {
 public:
  /// What to do once connected, and about what comes then; true: that was all.
  using Step = std::function<bool(const ClientEvent&, Client&)>;
  /// It ends with its step's word, or when it is refused, fails or is not over in five seconds.
  /// `over` is called once, and must not destroy it.
  Errand(boost::asio::io_context& io, const DialConfig& target, ClientConfig config,
         std::uint64_t seed, Step step, std::function<void()> over);

  [[nodiscard]] bool is_over() const { return over_; }
  [[nodiscard]] bool was_connected() const { return connected_; }
  [[nodiscard]] bool was_refused() const { return refused_; }  ///< by CONNACK
  /// Why it never was, if it was not.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  void on(const ClientEvent& event);
  void end();

  Step step_;
  std::function<void()> when_over_;
  bool connected_ = false, refused_ = false, over_ = false;
  std::string trouble_;
  ClientRunner runner_;
  Alarm patience_;
};

/// A client that wants nothing kept of it, with the name and the credentials of another.
[[nodiscard]] ClientConfig passing_client(const ClientConfig& like);

/// The words of `$SYS/broker/version`, or nothing if the broker has none for us.
[[nodiscard]] Errand::Step ask_version(std::string& into);
/// Takes the retained messages of these topics away.
[[nodiscard]] Errand::Step clear_retained(std::vector<std::string> topics);
/// Nothing: to have connected with Clean Session is enough to end an older session.
[[nodiscard]] Errand::Step leave_at_once();

}  // namespace mqttlab::live
