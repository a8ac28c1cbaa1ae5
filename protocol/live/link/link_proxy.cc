#include "protocol/live/link/link_proxy.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "protocol/link/medium.h"
#include "protocol/live/alarm.h"
#include "protocol/live/clock.h"
#include "protocol/live/link/carried.h"
#include "protocol/live/link/trace_watcher.h"
#include "protocol/session/timers.h"

namespace mqttlab::live {
namespace {

constexpr std::array both_ways{Way::up, Way::down};
constexpr std::size_t index(Way way) { return static_cast<std::size_t>(way); }

LinkConfig checked(LinkConfig config) {
  config.link.check();
  for (const Endpoint* endpoint : {&config.listen, &config.target})
    if (endpoint->transport != Transport::tcp)
      throw std::invalid_argument(endpoint->text() +
                                  ": a link carries bytes, whatever they are: write tcp://");
  return config;
}

}  // namespace

struct LinkProxy::State final : Carried::Owner {
  State(LinkProxy& of, boost::asio::io_context& io, LinkConfig given, LogLines& lines,
        LinkTrace traced)
      : config(checked(std::move(given))),
        log(lines),
        trace(std::move(traced)),
        plan(config.faults),
        began(steady_now()),
        sockets(io, [this] { settle(); }),
        alarm(io, [this] { due(); }) {
    door.endpoint = config.listen;
    listeners = live::listen(io, door, of, log);
    if (!config.link_per_connection) add_medium(config.link.name);
    for (std::size_t i = 0; i < plan.faults().size(); ++i)
      if (plan.faults()[i].when.kind == Trigger::Kind::at) agenda_at(i);
    alarm.set(deadline());
  }

  // The owner of connections.
  void active(Carried& carried) override {
    if (!std::exchange(carried.dirty, true)) dirty.push_back(&carried);
  }
  void refused(Carried& carried, const std::string& trouble) override {
    log(LogLevel::warning, "connection {}: {}", carried.passage().number(), trouble);
  }
  void happened(const Fault& fault, Passage& passage, Time now) override {
    Carried& carried = *connections.at(passage.number());
    if (fault.kind == Fault::Kind::cut)
      say_cut(carried, fault.how);
    else
      apply(fault, carried.shared_medium(), now);
  }

  void accepted(int socket, std::string address) {
    if (connections.size() >= config.max_connections) {
      ::close(socket);
      return log(LogLevel::warning, "{} refused: {} connections are the limit", address,
                 config.max_connections);
    }
    const Time now = steady_now();
    const std::uint32_t number = ++last_number;
    const auto medium = config.link_per_connection
                            ? add_medium(config.link.name + "/" + std::to_string(number))
                            : media.front();
    std::unique_ptr<TraceWatcher> watcher;
    const std::uint32_t traced = trace.log ? trace.connection(address) : 0;
    if (trace.log) watcher = std::make_unique<TraceWatcher>(trace, traced);
    log(LogLevel::info, "connection {} from {}", number, address);
    auto& carried = connections[number];
    carried = std::make_unique<Carried>(sockets, socket, std::move(address), medium, plan, number,
                                        *this, std::move(watcher), now);
    carried->trace_number = traced;
    active(*carried);
    sockets.wake();
  }

  // The link as a whole: every medium that there is, and those to come.
  std::shared_ptr<Medium> add_medium(const std::string& device) {
    const auto medium = std::make_shared<Medium>(config.link, config.seed, device, steady_now());
    if (is_down) medium->set_up(false);
    if (is_lossless) medium->lose_nothing();
    if (has_no_cycle) medium->stop_cycle();
    for (const Way way : both_ways) medium->blackhole(way, swallows[index(way)]);
    return media.emplace_back(medium);
  }
  template <typename Change>
  void change_all(const Change& change) {
    for (const auto& medium : media) change_one(*medium, change);
  }
  template <typename Change>
  void change_one(Medium& medium, const Change& change) {
    const bool was_up = medium.is_up();
    change(medium);
    if (medium.is_up() == was_up) return;
    log(LogLevel::info, "the link is {}", medium.is_up() ? "up" : "down");
    if (!trace.log) return;
    trace::Event event;
    event.at = steady_now() - trace.origin;
    event.kind = medium.is_up() ? trace::Kind::link_up : trace::Kind::link_down;
    event.actor = trace.device;
    trace.log->append(event);
  }
  void hold_down(bool down) {
    is_down = down;
    change_all([down](Medium& medium) { medium.set_up(!down); });
  }
  void swallow(Way way, bool on) {
    swallows[index(way)] = on;
    change_all([&](Medium& medium) { medium.blackhole(way, on); });
  }

  // Faults.
  void agenda_at(std::size_t fault) {
    agenda.emplace(began + plan.faults()[fault].when.at, [this, fault] {
      plan.take(fault);
      const Fault& what = plan.faults()[fault];
      if (what.kind == Fault::Kind::cut)
        cut(what.how, what.when.connection);
      else
        apply(what, nullptr, steady_now());
    });
  }
  /// To one medium, or null: to the whole link.
  void apply(const Fault& fault, const std::shared_ptr<Medium>& medium, Time now) {
    const bool whole = !medium || !config.link_per_connection;
    set(fault, whole ? nullptr : medium.get(), true);
    if (fault.lasts == never) return;
    agenda.emplace(now + fault.lasts, [this, fault, whole, weak = std::weak_ptr(medium)] {
      const auto still = weak.lock();
      if (whole || still) set(fault, whole ? nullptr : still.get(), false);
    });
  }
  void set(const Fault& fault, Medium* medium, bool on) {
    if (fault.kind == Fault::Kind::down) {
      if (!medium) return hold_down(on);
      return change_one(*medium, [on](Medium& one) { one.set_up(!on); });
    }
    log(LogLevel::info, "{}: a blackhole {}",
        fault.up && fault.down ? "both ways"
        : fault.up             ? "up"
                               : "down",
        on ? "begins" : "ends");
    for (const Way way : both_ways) {
      if (!(way == Way::up ? fault.up : fault.down)) continue;
      if (medium)
        medium->blackhole(way, on);
      else
        swallow(way, on);
    }
  }
  void cut(Cut how, std::optional<std::uint32_t> number) {
    for (const auto& [at, carried] : connections) {
      if (number && *number != at) continue;
      say_cut(*carried, how);
      carried->passage().cut(how, steady_now());
      active(*carried);
    }
    sockets.wake();
  }
  void say_cut(const Carried& carried, Cut how) {
    log(LogLevel::info, "connection {} is cut ({}) after {} bytes up, {} down",
        carried.passage().number(), name(how), carried.passage().delivered(Way::up),
        carried.passage().delivered(Way::down));
  }

  // Rounds.
  void settle() {
    while (!dirty.empty()) {
      flushed.swap(dirty);
      for (Carried* carried : flushed) {
        carried->dirty = false;
        carried->flush(config.target, steady_now());
        if (carried->is_over()) {
          over.push_back(carried->passage().number());
        } else if (const Time due = carried->deadline(); due < carried->armed) {
          carried->armed = due;
          timers.set(due, carried->passage().number());
        }
      }
      flushed.clear();
    }
    for (const std::uint32_t number : over) bury(number);
    over.clear();
    if (connections.empty() && stopped) std::exchange(stopped, nullptr)();
    alarm.set(deadline());
  }
  void bury(std::uint32_t number) {
    const auto at = connections.find(number);
    if (at == connections.end()) return;
    const Carried& carried = *at->second;
    const Passage& passage = carried.passage();
    log(LogLevel::info, "connection {} has ended after {} bytes up, {} down", number,
        passage.delivered(Way::up), passage.delivered(Way::down));
    if (config.ended)
      config.ended({.number = number,
                    .trace_number = carried.trace_number,
                    .address = carried.address(),
                    .since = carried.since(),
                    .until = steady_now(),
                    .bytes_up = passage.delivered(Way::up),
                    .bytes_down = passage.delivered(Way::down),
                    .is_mqtt = passage.is_mqtt().value_or(false),
                    .cut = passage.was_cut()});
    if (config.link_per_connection) {
      for (const Way way : both_ways)
        past[index(way)] += std::as_const(*carried.shared_medium()).counters(way);
      std::erase(media, carried.shared_medium());
    }
    connections.erase(at);
  }
  [[nodiscard]] Time deadline() const {
    Time deadline = std::min(timers.deadline(), agenda.empty() ? never : agenda.begin()->first);
    for (const auto& medium : media) deadline = std::min(deadline, medium->deadline());
    return deadline;
  }
  void due() {
    const Time now = steady_now();
    while (!agenda.empty() && agenda.begin()->first <= now)
      agenda.extract(agenda.begin()).mapped()();
    for (const auto& medium : media)
      if (medium->deadline() <= now) change_one(*medium, [now](Medium& one) { one.advance(now); });
    while (const auto number = timers.pop(now)) {
      const auto at = connections.find(*number);
      if (at == connections.end()) continue;
      at->second->armed = never;
      at->second->advance(now);
      active(*at->second);
    }
    settle();
  }
  void stop() {
    for (const auto& listener : listeners) listener->close();
    for (const auto& [number, carried] : connections) {
      carried->drop();
      active(*carried);
    }
    sockets.wake();
  }

  const LinkConfig config;
  LogLines& log;
  const LinkTrace trace;
  FaultPlan plan;
  const Time began;
  ListenerConfig door;
  ReadySet sockets;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::shared_ptr<Medium>> media;
  std::map<std::uint32_t, std::unique_ptr<Carried>> connections;
  std::vector<Carried*> dirty, flushed;
  std::vector<std::uint32_t> over;
  std::uint32_t last_number = 0;
  bool is_down = false, is_lossless = false, has_no_cycle = false;
  std::array<bool, 2> swallows{};
  std::array<LinkCounters, 2> past{};  // of connections that had a link of their own
  std::multimap<Time, std::function<void()>> agenda;
  Timers<std::uint32_t> timers;
  Alarm alarm;
  std::function<void()> stopped;
};

LinkProxy::LinkProxy(boost::asio::io_context& io, LinkConfig config, LogLines& log, LinkTrace trace)
    : state_(std::make_unique<State>(*this, io, std::move(config), log, std::move(trace))) {}

LinkProxy::~LinkProxy() = default;

std::uint16_t LinkProxy::port() const { return state_->listeners.back()->port(); }

void LinkProxy::accepted(Listener&, int socket, std::string address) {
  state_->accepted(socket, std::move(address));
}

void LinkProxy::set_up(bool up) { state_->hold_down(!up); }

bool LinkProxy::is_up() const {
  return !state_->is_down &&
         std::ranges::all_of(state_->media, [](const auto& medium) { return medium->is_up(); });
}

void LinkProxy::stop_cycle() {
  state_->has_no_cycle = true;
  state_->change_all([](Medium& medium) { medium.stop_cycle(); });
}

void LinkProxy::lose_nothing() {
  state_->is_lossless = true;
  state_->change_all([](Medium& medium) { medium.lose_nothing(); });
}

void LinkProxy::blackhole(Way way, bool on) { state_->swallow(way, on); }

void LinkProxy::cut(Cut how) { state_->cut(how, std::nullopt); }

LinkCounters LinkProxy::counters(Way way) const {
  LinkCounters all = state_->past[index(way)];
  for (const auto& medium : state_->media) all += std::as_const(*medium).counters(way);
  return all;
}

std::size_t LinkProxy::connections() const { return state_->connections.size(); }

std::vector<std::size_t> LinkProxy::faults_left() const {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < state_->plan.faults().size(); ++i)
    if (!state_->plan.has_happened(i)) left.push_back(i);
  return left;
}

void LinkProxy::stop(std::function<void()> stopped) {
  state_->stopped = std::move(stopped);
  state_->stop();
}

}  // namespace mqttlab::live
