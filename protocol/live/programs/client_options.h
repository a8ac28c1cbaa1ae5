// What mqttlab-pub and mqttlab-sub have in common: whom to connect to, as whom, and how.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/live/client_runner.h"
#include "protocol/wire/property_table.h"

namespace mqttlab::live {

inline constexpr int exit_failed = 1, exit_timed_out = 27;  // 27 is mosquitto_sub's

class ClientOptions {
 public:
  void add_to(CLI::App& app);
  /// Takes `-D PACKET NAME VALUE...` out of the command line, for their number varies.
  [[nodiscard]] std::vector<char*> without_properties(int count, char** words);

  /// Once the command line has been read. This and the rest throw std::invalid_argument naming an
  /// option that cannot work.
  void finish_options();
  [[nodiscard]] DialConfig dial() const;
  [[nodiscard]] ClientConfig client() const;
  [[nodiscard]] Properties properties(PropertyPlace place) const;
  /// Those of the packets that this program has; others are a mistake.
  void allow_properties(const std::vector<PropertyPlace>& places) const;
  [[nodiscard]] bool v5() const { return version_ == ProtocolVersion::v5_0; }

  std::vector<std::string> topics;
  int qos = 0;
  bool debug = false, quiet = false;

 private:
  struct NamedProperty {
    PropertyPlace place;
    const PropertyRule* rule;
    std::string value, user_value;
  };
  [[nodiscard]] Endpoint endpoint() const;
  void take_connect_properties(ClientConfig& config) const;

  std::string host_ = "localhost", url_;
  int port_ = 0;
  std::string user_name_, password_, id_, version_name_ = "311";
  ProtocolVersion version_ = ProtocolVersion::v3_1_1;
  bool keep_session_ = false, insecure_ = false;
  std::uint16_t keep_alive_s_ = 60;
  std::string session_expiry_;
  std::string will_topic_, will_payload_;
  int will_qos_ = 0;
  bool will_retain_ = false;
  std::string ca_, certificate_, key_;
  std::vector<NamedProperty> properties_;
};

/// run_program() for programs with these options.
int run_client(CLI::App& app, ClientOptions& options, int count, char** words,
               const std::function<int()>& work);

/// One line about an event, with -d.
void show(const ClientEvent& event);
/// What a refusal, the end of a link or an answer was about, with what the broker adds to it.
[[nodiscard]] std::string words_of(const Completed& completed);
[[nodiscard]] std::string words_of(const Refused& refused);
[[nodiscard]] std::string words_of(const Disconnected& disconnected);
[[nodiscard]] std::string words_of(Misuse misuse);

}  // namespace mqttlab::live
