// mqttlab-sub: subscribes and prints what comes.
#include <fmt/format.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <random>

#include "protocol/live/clock.h"
#include "protocol/live/programs/client_options.h"
#include "protocol/live/programs/message_format.h"
#include "protocol/live/programs/options.h"
#include "protocol/wire/topic.h"

namespace {

using namespace mqttlab;
using namespace mqttlab::live;

struct Options {
  ClientOptions client;
  std::string format;
  bool verbose = false, bare = false, no_retained = false, exit_after_suback = false;
  std::uint64_t count = 0;
  Time wait = never;
  std::vector<std::string> not_topics;
};

void add_options(CLI::App& app, Options& options) {
  options.client.add_to(app);
  app.add_option("-C", options.count, "Leave after so many messages")->check(CLI::PositiveNumber);
  add_seconds(app, "-W", options.wait, "Leave after this time, with exit code 27");
  app.add_flag("-v,--verbose", options.verbose, "Print the topic in front of the message");
  app.add_flag("-N", options.bare, "No newline behind messages");
  app.add_flag("-R", options.no_retained, "Leave retained messages out");
  app.add_flag("-E", options.exit_after_suback, "Leave once the broker has answered");
  app.add_option("-T,--filter-out", options.not_topics, "Topics to leave out; may be repeated")
      ->allow_extra_args(false);
  app.add_option(
      "-F", options.format,
      "How messages are printed: %t topic, %p payload, %x payload in hex, %l its length, "
      "%q QoS, %r retain, %d dup, %U seconds since 1970, %% a %; \\n \\t \\\\ \\0");
}

class Subscriber {
 public:
  Subscriber(boost::asio::io_context& io, Options& options)
      : io_(io),
        options_(options),
        goodbye_{.properties = options.client.properties(property_place::disconnect)},
        runner_(io, options.client.dial(), options.client.client(), std::random_device()(),
                [this](const ClientEvent& event) { on(event); }),
        signals_(io, SIGINT, SIGTERM),
        timer_(io) {
    runner_.closed = [this] {
      if (std::exchange(referred_, false)) return;
      if (stopping_ || (!was_connected_ && end(exit_failed, runner_.trouble()))) io_.stop();
    };
  }

  int run() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) leave(code_);
    });
    if (options_.wait != never) {
      timer_.expires_after(std::chrono::nanoseconds(options_.wait));
      timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) leave(exit_timed_out);
      });
    }
    runner_.client().start(steady_now());
    runner_.wake();
    io_.run();
    std::fflush(stdout);
    return code_;
  }

 private:
  void on(const ClientEvent& event) {
    if (options_.client.debug) show(event);
    if (std::holds_alternative<Connected>(event)) return subscribe();
    if (const auto* message = std::get_if<Received>(&event)) return print(*message);
    if (const auto* done = std::get_if<Completed>(&event)) return answered(*done);
    if (const auto* refused = std::get_if<Refused>(&event)) return on(*refused);
    if (const auto* ended = std::get_if<Disconnected>(&event); ended && !stopping_) {
      if (!options_.client.quiet) fmt::print(stderr, "mqttlab-sub: {}\n", words_of(*ended));
    }
  }

  void on(const Refused& refused) {
    referred_ = !stopping_ && runner_.referral().has_value();
    if (referred_) return;
    end(exit_failed, words_of(refused));
    leave(exit_failed);
  }

  // Once: the client subscribes anew by itself where the broker has lost the session.
  void subscribe() {
    if (std::exchange(was_connected_, true)) return;
    std::vector<Subscription> subscriptions;
    for (const std::string& topic : options_.client.topics)
      subscriptions.push_back({.filter = Slice::copy_of(std::string_view(topic)),
                               .qos = static_cast<QoS>(options_.client.qos)});
    const auto result =
        runner_.client().subscribe(std::move(subscriptions), steady_now(),
                                   options_.client.properties(property_place::subscribe));
    if (const auto* misuse = std::get_if<Misuse>(&result)) {
      end(exit_failed, words_of(*misuse));
      leave(exit_failed);
    }
  }

  void answered(const Completed& done) {
    std::size_t refused = done.outcome == Outcome::done ? 0 : done.codes.size();
    if (refused == 0)
      for (const std::uint8_t code : done.codes) refused += code >= suback_failure;
    if (refused > 0)
      end(exit_failed,
          fmt::format("{} of {} filters refused: {}", refused, done.codes.size(), words_of(done)));
    if (options_.exit_after_suback || (refused > 0 && refused == done.codes.size())) leave(code_);
  }

  void print(const Received& message) {
    if (stopping_ || (options_.no_retained && message.retain)) return;
    for (const std::string& filter : options_.not_topics)
      if (matches(filter, message.topic.text())) return;
    std::string text;
    if (!options_.format.empty()) {
      text = formatted(options_.format, message);
    } else {
      if (options_.verbose) text.append(message.topic.text()) += ' ';
      text += message.payload.text();
    }
    if (!options_.bare) text += '\n';
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (++printed_ == options_.count) leave(code_);
  }

  bool end(int code, const std::string& what) {
    code_ = code;
    if (!options_.client.quiet && !what.empty()) fmt::print(stderr, "mqttlab-sub: {}\n", what);
    return true;
  }

  void leave(int code) {
    if (std::exchange(stopping_, true)) return;
    code_ = code;
    static_cast<void>(runner_.client().stop(steady_now(), goodbye_));
    if (runner_.is_idle()) io_.stop();
    runner_.wake();
  }

  boost::asio::io_context& io_;
  Options& options_;
  Disconnect goodbye_;
  ClientRunner runner_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;
  std::uint64_t printed_ = 0;
  bool was_connected_ = false, stopping_ = false;
  bool referred_ = false;  // sent on to another broker, which the runner dials
  int code_ = exit_ok;
};

int subscribe(Options& options) {
  options.client.finish_options();
  options.client.allow_properties({property_place::connect, property_place::will,
                                   property_place::subscribe, property_place::disconnect});
  if (options.client.topics.empty()) throw std::invalid_argument("give a filter, -t FILTER");
  for (const std::string& filter : options.client.topics)
    if (!valid_topic_filter(filter))
      throw std::invalid_argument("-t: '" + filter + "' is not a valid topic filter");
  for (const std::string& filter : options.not_topics)
    if (!valid_topic_filter(filter))
      throw std::invalid_argument("-T: '" + filter + "' is not a valid topic filter");
  check_format(options.format);
  boost::asio::io_context io(1);
  return Subscriber(io, options).run();
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app(
      "Prints messages of an MQTT broker. Exit code: 0 done, 1 refused or no connection, 2 usage, "
      "3 error, 27 time is over (-W).",
      "mqttlab-sub");
  add_options(app, options);
  return run_client(app, options.client, count, words, [&] { return subscribe(options); });
}
