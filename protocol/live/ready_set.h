// ReadySet: the sockets of one thread, and which of them have become ready.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace mqttlab::live {

/// Somebody with a socket in a ReadySet.
class Ready {
 public:
  virtual ~Ready() = default;
  /// What a socket has become. Each is told once, when it begins, so it must be remembered until
  /// the socket says "would block".
  struct News {
    bool readable = false, writable = false;
    bool ending = false;  ///< the other end has closed its direction, or the connection is broken
  };
  virtual void ready(News news) = 0;

 private:
  friend class ReadySet;
  bool again_ = false;
};

/// One edge-triggered epoll set that Asio sees as one descriptor. A round takes all that is ready
/// and then settles once, so what many small packets bring about leaves in one write. A descriptor
/// of Asio's own for each socket costs a system call more per event, and knows no rounds.
class ReadySet {
 public:
  /// `settle` is called at the end of each round.
  ReadySet(boost::asio::io_context& io, std::function<void()> settle);
  ReadySet(const ReadySet&) = delete;
  ReadySet& operator=(const ReadySet&) = delete;

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  /// `socket` is not blocking. Throws std::system_error.
  void add(int socket, Ready& who);
  /// `who` gets no more calls, not even in this round.
  void remove(int socket, const Ready& who);
  /// `who` has not finished with what it was told: another turn in the next round.
  void again(Ready& who);
  /// A round soon, whether anything is ready or not.
  void wake();

 private:
  void wait();
  void round();
  boost::asio::io_context& io_;
  std::function<void()> settle_;
  boost::asio::posix::stream_descriptor epoll_;
  std::array<epoll_event, 256> events_;
  std::span<epoll_event> now_;  // not yet told in this round
  std::vector<Ready*> again_, turn_;
  bool in_round_ = false, awake_ = false, waiting_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // rounds that come later find nobody
};

}  // namespace mqttlab::live
