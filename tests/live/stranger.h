// Stranger: a plain socket, for what no client of ours would do.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

namespace mqttlab::live::testing {

class Stranger {
 public:
  explicit Stranger(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  Stranger(Stranger&& other) : socket_(std::exchange(other.socket_, -1)) {}
  ~Stranger() {
    if (socket_ >= 0) close(socket_);
  }
  bool send(const std::string& bytes) {  // false if nothing could be taken
    const ssize_t n =
        ::send(socket_, bytes.data() + part_, bytes.size() - part_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) part_ = (part_ + static_cast<std::size_t>(n)) % bytes.size();
    return n > 0;
  }
  /// What has come; `ended` once the broker has closed.
  std::string read() {
    char buffer[4'096];
    std::string all;
    for (ssize_t n; (n = recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT)) >= 0;) {
      ended |= n == 0;
      if (n == 0) break;
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }
  bool ended = false;

 private:
  int socket_;
  std::size_t part_ = 0;
};

}  // namespace mqttlab::live::testing
