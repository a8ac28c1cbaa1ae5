#include "protocol/live/bench/load.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace mqttlab::bench {
namespace {

// Four packets of the longest payload.
constexpr std::size_t scratch_bytes = 4 << 20;
// Nothing has arrived for so long though messages are under way: a broker has dropped them (QoS 0).
constexpr Time stall = 1 * second;
constexpr Time tick = 100 * millisecond;               // Ctrl-C and progress are looked at as often
constexpr std::size_t most_unwritten_bytes = 1 << 20;  // of one publisher at QoS 0

Time now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Time time_of(double seconds) { return static_cast<Time>(seconds * static_cast<double>(second)); }

int checked(int result, const char* call) {
  if (result < 0) throw std::runtime_error(fmt::format("{}: {}", call, std::strerror(errno)));
  return result;
}

}  // namespace

Load::Load(const Plan& plan, std::function<bool()> stop,
           std::function<void(const Outcome&)> progress)
    : plan_(plan),
      stop_(std::move(stop)),
      progress_(std::move(progress)),
      tally_(plan),
      self_(0),
      publishers_(plan.publishers),
      scratch_(scratch_bytes) {
  if (plan.broker_pid != 0) broker_.emplace(plan.broker_pid);
  epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  timer_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event), "epoll_ctl");
}

Load::~Load() {
  connections_.clear();
  ::close(timer_);
  ::close(epoll_);
}

Outcome Load::run() {
  if (broker_) outcome_.broker.emplace().resident_before = broker_->resident_bytes();
  connect();
  if (!over()) {
    if (broker_) outcome_.broker->resident_connected = broker_->resident_bytes();
    const Time cpu = self_.cpu_time(), broker_cpu = broker_ ? broker_->cpu_time() : 0;
    publish();
    drain();
    outcome_.generator_cpu = self_.cpu_time() - cpu;
    if (broker_) {
      outcome_.broker->cpu = std::max<Time>(0, broker_->cpu_time() - broker_cpu);
      outcome_.broker->resident_after = broker_->resident_bytes();
    }
  }
  count();
  close();
  return std::move(outcome_);
}

void Load::resolve() {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(plan_.host.c_str(), plan_.port.c_str(), &wanted, &found);
  if (result != 0)
    throw std::runtime_error(
        fmt::format("{}:{}: {}", plan_.host, plan_.port, gai_strerror(result)));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(found->ai_addr);
  address_.assign(bytes, bytes + found->ai_addrlen);
  freeaddrinfo(found);
}

// Subscribers come first, or messages would be lost that nobody has dropped.
void Load::connect() {
  resolve();
  using Role = Connection::Role;
  const auto add = [this, &listener = static_cast<Listener&>(*this)](Role role,
                                                                     std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      connections_.push_back(std::make_unique<Connection>(plan_, role, i, listener));
  };
  add(Role::subscriber, plan_.subscribers);
  add(Role::idle, plan_.idle);
  add(Role::publisher, plan_.publishers);
  for (std::uint32_t i = 0; i < plan_.publishers; ++i)
    publishers_[i].connection = connections_[plan_.subscribers + plan_.idle + i].get();
  const Time until = now() + time_of(plan_.connect_s);
  while (up_ < connections_.size() && !over()) {
    dial_more();
    turn(until);
    if (now() >= until)
      throw std::runtime_error(
          fmt::format("{} of {} connections came up within {} s; --connect-timeout waits longer",
                      up_, connections_.size(), plan_.connect_s));
  }
  if (!outcome_.error.empty()) throw std::runtime_error(outcome_.error);
  outcome_.connections = static_cast<std::uint32_t>(up_);
}

void Load::dial_more() {
  sockaddr_storage address{};
  std::memcpy(&address, address_.data(), address_.size());
  for (; dialed_ < connections_.size() && dialed_ - up_ < plan_.dialing; ++dialed_) {
    Connection& connection = *connections_[dialed_];
    connection.dial(reinterpret_cast<const sockaddr&>(address),
                    static_cast<std::uint32_t>(address_.size()));
    epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &connection}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket(), &event), "epoll_ctl");
    connection.watched = true;
  }
}

void Load::publish() {
  if (plan_.pattern == Pattern::idle) return stay();
  publishing_ = true;
  started_ = last_event_ = last_delivery_ = last_sent_ = now();
  for (Publisher& publisher : publishers_) may_publish(publisher);
  for (Time at = started_; !over() && !all_sent(at); at = now()) {
    if (plan_.rate > 0)
      publish_at_rate(at);
    else
      publish_flat_out(at);
    flush();
    if (at - last_event_ > stall) forgive();
    const Time ends = plan_.messages > 0 ? never : started_ + time_of(plan_.duration_s);
    const double next = static_cast<double>(outcome_.published) / std::max(plan_.rate, 1e-9);
    turn(std::min({at + tick, ends, plan_.rate > 0 ? started_ + time_of(next) : never}));
  }
  publishing_ = false;
}

bool Load::all_sent(Time at) const {
  if (plan_.messages > 0) return outcome_.published >= plan_.messages;
  return at - started_ >= time_of(plan_.duration_s);
}

// Stamped with the instant at which it was due: a broker that makes its publishers wait does not
// look fast for it.
void Load::publish_at_rate(Time at) {
  for (;;) {
    if (plan_.messages > 0 && outcome_.published >= plan_.messages) return;
    const Time due = started_ + time_of(static_cast<double>(outcome_.published) / plan_.rate);
    Publisher& next = publishers_[outcome_.published % publishers_.size()];
    if (due > at || !has_room(next)) return;
    send(next, due);
  }
}

// In turn, one message each, until nobody may go on.
void Load::publish_flat_out(Time at) {
  std::vector<Publisher*> turn_of = std::exchange(eligible_, {});
  while (!turn_of.empty()) {
    std::size_t kept = 0;
    for (Publisher* publisher : turn_of) {
      publisher->eligible = has_room(*publisher);
      if (!publisher->eligible) continue;
      if (plan_.messages > 0 && outcome_.published >= plan_.messages) return;
      send(*publisher, at);
      turn_of[kept++] = publisher;
    }
    turn_of.resize(kept);
  }
}

bool Load::has_room(const Publisher& publisher) const {
  const auto window = static_cast<std::int64_t>(plan_.window);
  return static_cast<std::int64_t>(publisher.published - publisher.ended) < window &&
         publisher.owed <= (window - 1) * plan_.copies() &&
         publisher.connection->unwritten() < most_unwritten_bytes;
}

void Load::send(Publisher& publisher, Time stamp) {
  Connection& connection = *publisher.connection;
  connection.publish({connection.number(), publisher.published++, stamp});
  ++outcome_.published;
  publisher.owed += plan_.copies();
  if (plan_.qos == QoS::at_most_once) ++publisher.ended;
  touch(connection);
  last_sent_ = stamp;
}

void Load::may_publish(Publisher& publisher) {
  if (!publishing_ || publisher.eligible || !has_room(publisher)) return;
  publisher.eligible = true;
  eligible_.push_back(&publisher);
}

// What has not come within a second will not: the window must not close on it for ever.
void Load::forgive() {
  for (Publisher& publisher : publishers_) {
    publisher.owed = 0;
    may_publish(publisher);
  }
  last_event_ = now();
}

void Load::drain() {
  if (plan_.pattern == Pattern::idle) return;
  flush();
  last_event_ = now();
  const Time patience = outcome_.interrupted ? tick : time_of(plan_.drain_s);
  while (!all_there() && outcome_.error.empty() && now() - last_event_ < patience)
    turn(now() + tick);
}

bool Load::all_there() const {
  const auto open = [](const Publisher& publisher) {
    return publisher.published != publisher.ended;
  };
  return tally_.delivered() == outcome_.published * plan_.copies() &&
         std::none_of(publishers_.begin(), publishers_.end(), open);
}

void Load::stay() {
  const Time until = now() + time_of(plan_.duration_s);
  while (!over() && now() < until) turn(until);
}

void Load::turn(Time until) {
  const Time at = now();
  const Time wait = std::clamp<Time>(until - at, 1, tick);
  const itimerspec alarm{{}, {wait / second, wait % second}};
  checked(timerfd_settime(timer_, 0, &alarm, nullptr), "timerfd_settime");
  std::array<epoll_event, 256> events{};
  const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
  if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
  for (int i = 0; i < count; ++i) {
    auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (!connection || connection->socket() < 0) continue;
    const auto what = events[static_cast<std::size_t>(i)].events;
    if ((what & ~EPOLLOUT) != 0) connection->readable(scratch_);
    touch(*connection);
  }
  flush();
  report(now());
}

void Load::touch(Connection& connection) {
  if (!std::exchange(connection.dirty, true)) dirty_.push_back(&connection);
}

void Load::flush() {
  for (Connection* connection : dirty_) {
    connection->dirty = false;
    connection->flush();
    if (connection->socket() >= 0 && connection->writes() != connection->watched)
      watch(*connection);
  }
  dirty_.clear();
}

void Load::watch(Connection& connection) {
  connection.watched = connection.writes();
  const std::uint32_t wanted = EPOLLIN | (connection.watched ? EPOLLOUT : 0u);
  epoll_event event{.events = wanted, .data = {.ptr = &connection}};
  checked(epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.socket(), &event), "epoll_ctl");
  if (!connection.watched && connection.role() == Connection::Role::publisher)
    may_publish(publishers_[connection.number()]);
}

void Load::report(Time at) {
  if (stop_()) outcome_.interrupted = true;
  if (at - reported_ < second) return;
  reported_ = at;
  count();
  progress_(outcome_);
}

void Load::ready(Connection&) { ++up_; }

void Load::acknowledged(Connection& connection, bool refused) {
  Publisher& publisher = publishers_[connection.number()];
  ++publisher.ended;
  ++(refused ? outcome_.refused : outcome_.acknowledged);
  last_event_ = now();
  may_publish(publisher);
}

void Load::received(Connection& connection, const Stamp& stamp) {
  last_event_ = last_delivery_ = now();
  const bool known = stamp.publisher < publishers_.size();
  const std::uint64_t published = known ? publishers_[stamp.publisher].published : 0;
  const auto arrival =
      tally_.arrived(connection.number(), stamp.publisher, stamp.sequence, published);
  if (arrival != Tally::Arrival::first) return;
  outcome_.latency.add(last_event_ - stamp.sent);
  Publisher& publisher = publishers_[stamp.publisher];
  publisher.owed = std::max<std::int64_t>(0, publisher.owed - 1);
  may_publish(publisher);
}

void Load::repeated(Connection&) { ++outcome_.repeated; }

void Load::ended(Connection& connection, const std::string& why) {
  if (!outcome_.error.empty()) return;
  constexpr std::array names{"publisher", "subscriber", "idle connection"};
  outcome_.error =
      fmt::format("{}:{}: {} {}: {}", plan_.host, plan_.port,
                  names[static_cast<std::size_t>(connection.role())], connection.number(), why);
}

void Load::count() {
  outcome_.expected = outcome_.published * plan_.copies();
  outcome_.delivered = tally_.delivered();
  outcome_.duplicates = tally_.duplicates();
  outcome_.strangers = tally_.strangers();
  outcome_.publishing = last_sent_ - started_;
  outcome_.elapsed = last_delivery_ - started_;
}

void Load::close() {
  for (const auto& connection : connections_) connection->close();
}

}  // namespace mqttlab::bench
