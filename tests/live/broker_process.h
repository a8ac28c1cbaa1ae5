// BrokerProcess: mqttlab-broker itself, beside the test.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "protocol/live/client_runner.h"

namespace mqttlab::live::testing {

/// A broker of its own process on one port and one store, as often as it is started; without a path
/// of a store it keeps nothing.
class BrokerProcess {
 public:
  explicit BrokerProcess(std::string store = {}) : store_(std::move(store)) { clean(); }
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
      execl(MQTTLAB_BROKER, MQTTLAB_BROKER, "--listen", url.c_str(), "--allow-anonymous",
            store_.empty() ? nullptr : "--store", store_.c_str(), "--durability", "sync", nullptr);
      _exit(127);
    }
    close(log[1]);
    if (log_ >= 0) close(log_);
    log_ = log[0];  // stays open: it may say more
    const std::string said = read_until(log_, "listening on tcp://127.0.0.1:");
    const std::size_t at = said.rfind(':');
    ASSERT_TRUE(store_.empty() || said.find("restored ") != std::string::npos) << said;
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
    if (store_.empty()) return;
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

inline DialConfig dial_of(int port) {
  DialConfig dial{.endpoint = Endpoint::parse("tcp://127.0.0.1")};
  dial.endpoint.port = static_cast<std::uint16_t>(port);
  return dial;
}

}  // namespace mqttlab::live::testing
