#include "protocol/live/ready_set.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

namespace mqttlab::live {
namespace {

constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP, ending = EPOLLRDHUP | broken;

int new_epoll() {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return set;
}

}  // namespace

ReadySet::ReadySet(boost::asio::io_context& io, std::function<void()> settle)
    : io_(io), settle_(std::move(settle)), epoll_(io, new_epoll()) {
  wait();
}

void ReadySet::add(int socket, Ready& who) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &who;
  if (epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket, &event) < 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void ReadySet::remove(int socket, const Ready& who) {
  epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
  for (epoll_event& event : now_)
    if (event.data.ptr == &who) event.data.ptr = nullptr;
  std::erase(again_, &who);
  std::replace(turn_.begin(), turn_.end(), const_cast<Ready*>(&who), static_cast<Ready*>(nullptr));
}

void ReadySet::again(Ready& who) {
  if (std::exchange(who.again_, true)) return;
  again_.push_back(&who);
  wake();
}

void ReadySet::wake() {
  if (std::exchange(awake_, true) || in_round_) return;
  boost::asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) round();
  });
}

void ReadySet::wait() {
  if (std::exchange(waiting_, true)) return;
  epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                      if (error || alive.expired()) return;
                      waiting_ = false;
                      if (!awake_) round();
                    });
}

void ReadySet::round() {
  in_round_ = true;
  awake_ = false;
  turn_.swap(again_);
  const int count =
      epoll_wait(epoll_.native_handle(), events_.data(), static_cast<int>(events_.size()), 0);
  now_ = std::span(events_).first(static_cast<std::size_t>(std::max(count, 0)));
  while (!now_.empty()) {
    const epoll_event event = now_.front();
    now_ = now_.subspan(1);
    if (auto* who = static_cast<Ready*>(event.data.ptr))
      who->ready({.readable = (event.events & (EPOLLIN | ending)) != 0,
                  .writable = (event.events & (EPOLLOUT | broken)) != 0,
                  .ending = (event.events & ending) != 0});
  }
  for (Ready*& who : turn_) {
    if (!who) continue;  // removed in this round
    who->again_ = false;
    who->ready({});
  }
  turn_.clear();
  settle_();
  in_round_ = false;
  if (std::exchange(awake_, false))
    wake();
  else
    wait();
}

}  // namespace mqttlab::live
