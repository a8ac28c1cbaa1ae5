// mqttlab-pub: publishes and leaves once all of it is done.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <optional>
#include <random>

#include "protocol/live/clock.h"
#include "protocol/live/files.h"
#include "protocol/live/programs/client_options.h"
#include "protocol/live/programs/options.h"
#include "protocol/wire/topic.h"

namespace {

using namespace mqttlab;
using namespace mqttlab::live;

constexpr std::size_t most_unanswered = 100;

struct Options {
  ClientOptions client;
  std::optional<std::string> message;
  std::string file;
  bool lines = false, whole_input = false, nothing = false, retain = false;
};

void add_options(CLI::App& app, Options& options) {
  options.client.add_to(app);
  app.add_option("-m,--message", options.message, "The message");
  app.add_option("-f,--file", options.file, "A file as the message")->type_name("FILE");
  app.add_flag("-l,--stdin-line", options.lines, "Each line of stdin is a message");
  app.add_flag("-s,--stdin-file", options.whole_input, "All of stdin is one message");
  app.add_flag("-n,--null-message", options.nothing, "An empty message");
  app.add_flag("-r,--retain", options.retain, "The broker keeps it for later subscribers");
}

/// What is to be published, one after the other, as fast as the broker answers.
class Publisher {
 public:
  Publisher(boost::asio::io_context& io, Options& options)
      : io_(io),
        options_(options),
        properties_(options.client.properties(property_place::publish)),
        goodbye_{.properties = options.client.properties(property_place::disconnect)},
        runner_(io, options.client.dial(), config(), std::random_device()(),
                [this](const ClientEvent& event) { on(event); }),
        input_(io) {
    runner_.closed = [this] {
      if (std::exchange(referred_, false)) return;
      if (!stopping_) fail(runner_.trouble().empty() ? trouble_ : runner_.trouble());
      io_.stop();
    };
  }

  int run() {
    if (!options_.lines) message_ = Slice::copy_of(std::string_view(message()));
    runner_.client().start(steady_now());
    runner_.wake();
    io_.run();
    return code_;
  }

 private:
  ClientConfig config() const {
    ClientConfig config = options_.client.client();
    config.queue_bytes = 268'435'460;
    return config;
  }

  std::string message() const {
    if (options_.message) return *options_.message;
    if (options_.whole_input) return read_file("/dev/stdin", "-s");
    return options_.nothing ? "" : read_file(options_.file, "-f");
  }

  void on(const ClientEvent& event) {
    if (options_.client.debug) show(event);
    if (std::holds_alternative<Connected>(event)) return begin();
    if (const auto* done = std::get_if<Completed>(&event)) return answered(*done);
    if (const auto* refused = std::get_if<Refused>(&event)) {
      trouble_ = words_of(*refused);
      referred_ = runner_.referral().has_value();
    }
    if (const auto* ended = std::get_if<Disconnected>(&event); ended && trouble_.empty())
      trouble_ = words_of(*ended);
  }

  void begin() {
    if (options_.lines) return open_input();
    publish(*message_);
    input_ended_ = true;
    leave_if_done();
  }

  void publish(const Slice& payload) {
    const auto topic = Slice::copy_of(std::string_view(options_.client.topics.front()));
    const auto result =
        runner_.client().publish(topic, payload, static_cast<QoS>(options_.client.qos),
                                 options_.retain, steady_now(), properties_);
    if (const auto* misuse = std::get_if<Misuse>(&result)) return fail(words_of(*misuse));
    ++unanswered_;
  }

  void answered(const Completed& done) {
    --unanswered_;
    if (done.outcome != Outcome::done) fail(words_of(done));
    if (options_.lines && unanswered_ < most_unanswered) take_lines();
    leave_if_done();
  }

  void leave_if_done() {
    if (!input_ended_ || unanswered_ > 0 || std::exchange(stopping_, true)) return;
    static_cast<void>(runner_.client().stop(steady_now(), goodbye_));
    runner_.wake();
  }

  void fail(const std::string& what) {
    code_ = exit_failed;
    if (!options_.client.quiet && !what.empty()) fmt::print(stderr, "mqttlab-pub: {}\n", what);
  }

  // Files are always readable, and epoll does not take them.
  void open_input() {
    struct stat status {};
    is_file_ = fstat(STDIN_FILENO, &status) == 0 && !S_ISFIFO(status.st_mode) &&
               !S_ISSOCK(status.st_mode) && !isatty(STDIN_FILENO);
    if (!is_file_) input_.assign(dup(STDIN_FILENO));
    read_on();
  }

  void read_on() {
    if (reading_ || input_ended_) return;
    reading_ = true;
    if (is_file_) return boost::asio::post(io_, [this] { read(); });
    input_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (!error) read();
                      });
  }

  void read() {
    reading_ = false;
    char buffer[65'536];
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno != EINTR) fail("cannot read stdin");
    if (got > 0) text_.append(buffer, static_cast<std::size_t>(got));
    if (got <= 0 && errno != EINTR) {
      input_over_ = true;
      if (!text_.empty() && text_.back() != '\n') text_ += '\n';
    }
    take_lines();
    leave_if_done();
    runner_.wake();
  }

  void take_lines() {
    std::size_t begin = 0;
    while (unanswered_ < most_unanswered) {
      const std::size_t end = text_.find('\n', begin);
      if (end == std::string::npos) {
        text_.erase(0, begin);
        if (input_over_) input_ended_ = true;
        return read_on();
      }
      publish(Slice::copy_of(std::string_view(text_).substr(begin, end - begin)));
      begin = end + 1;
    }
    text_.erase(0, begin);
  }

  boost::asio::io_context& io_;
  Options& options_;
  Properties properties_;
  Disconnect goodbye_;
  ClientRunner runner_;
  boost::asio::posix::stream_descriptor input_;
  std::optional<Slice> message_;
  std::string text_;  // read and not yet published
  bool is_file_ = false, reading_ = false, input_over_ = false, input_ended_ = false;
  std::size_t unanswered_ = 0;
  bool stopping_ = false;
  bool referred_ = false;  // sent on to another broker, which the runner dials
  std::string trouble_;
  int code_ = exit_ok;
};

int publish(Options& options) {
  const int sources = options.message.has_value() + !options.file.empty() + options.lines +
                      options.whole_input + options.nothing;
  if (sources != 1) throw std::invalid_argument("give one of -m MESSAGE, -f FILE, -l, -s and -n");
  options.client.finish_options();
  options.client.allow_properties({property_place::connect, property_place::will,
                                   property_place::publish, property_place::disconnect});
  if (options.client.topics.size() != 1 || !valid_topic_name(options.client.topics.front()))
    throw std::invalid_argument("give one topic without wildcards, -t TOPIC");
  boost::asio::io_context io(1);
  return Publisher(io, options).run();
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app("Publishes to an MQTT broker. Exit code: 0 done, 1 not done, 2 usage, 3 error.",
               "mqttlab-pub");
  add_options(app, options);
  return run_client(app, options.client, count, words, [&] { return publish(options); });
}
