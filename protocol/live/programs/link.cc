// mqttlab-link: an access link between real clients and a real broker.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "protocol/link/fault_text.h"
#include "protocol/link/quantity.h"
#include "protocol/live/clock.h"
#include "protocol/live/files.h"
#include "protocol/live/link/link_proxy.h"
#include "protocol/live/programs/options.h"
#include "protocol/trace/ndjson.h"

namespace {

using namespace mqttlab;
using namespace mqttlab::live;
using Json = nlohmann::ordered_json;

struct Options {
  std::string listen = "tcp://127.0.0.1:1884", to;
  std::string profile, cycle;
  std::vector<std::string> rate, delay, jitter, loss, queue, burst, capacity, capacity_start;
  std::vector<std::string> cuts, blackholes, downs;
  std::string settle_after, stop_after;
  bool link_per_connection = false;
  std::size_t max_connections = 1'000;
  std::uint64_t seed = 1;
  std::string trace;
  std::string log_level = "notice";
};

void add_link(CLI::App& app, Options& options) {
  const auto both = [&](const char* name, std::vector<std::string>& into, const char* type,
                        const char* help) {
    app.add_option(name, into, help)
        ->type_name(type)
        ->group("The link; up: or down: before a value means one way");
  };
  app.add_option(
         "--profile", options.profile,
         "gprs, edge, nb-iot, lte, ... (`mqttlab links` lists them), or FILE.toml, a link file")
      ->type_name("NAME")
      ->group("The link; up: or down: before a value means one way");
  both("--rate", options.rate, "[WAY:]RATE", "As 384kbit/s or down:2Mbit/s");
  both("--delay", options.delay, "[WAY:]TIME", "One way, as 60ms");
  both("--jitter", options.jitter, "[WAY:]TIME", "Up to so much more, nothing overtakes");
  both("--loss", options.loss, "[WAY:]P", "Of packets, as 2%; a loss shows as a stall");
  both("--burst", options.burst, "[WAY:]P",
       "Losses in bursts: good-to-bad=1%,bad-to-good=20%,loss-bad=100%");
  both("--queue", options.queue, "[WAY:]PACKETS", "More wait at the sender");
  both("--capacity", options.capacity, "[WAY:]FILE",
       "A recording: mahimahi's format, or CSV (*.csv) of time_s and mbit/s, delay_ms or loss");
  both("--capacity-start", options.capacity_start, "[WAY:]TIME",
       "Where in its recording a link begins; else --seed decides");
  app.add_option("--cycle", options.cycle, "Comes and goes: up=30s,down=5s,spread=50%")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("PERIODS")
      ->group("The link; up: or down: before a value means one way");
  app.add_flag("--link-per-connection", options.link_per_connection,
               "Each connection has a link of its own; else all share one")
      ->group("The link; up: or down: before a value means one way");
}

void add_faults(CLI::App& app, Options& options) {
  const auto fault = [&](const char* name, std::vector<std::string>& into, const char* help) {
    app.add_option(name, into, help)->type_name("FAULT")->group("Faults; each may be repeated");
  };
  fault("--cut", options.cuts,
        "A connection, at a byte or packet: down:before=PUBREC#3, up:inside=PUBLISH#2@7, "
        "up:after=PUBLISH#1, up:after-bytes=100; or all at a time: at=5s. Then "
        ",how=reset|fin|half-open|silent ,each ,connection=N");
  fault("--blackhole", options.blackholes,
        "What is sent is lost: up:at=5s,for=10s, both:at=5s, up:after=PUBLISH#2,both,for=3s");
  fault("--down", options.downs, "The link is: at=30s,for=10s or up:after=CONNECT#1,for=2s");
  app.add_option("--settle-after", options.settle_after,
                 "From then on the link is up and loses nothing, and the trace says so")
      ->type_name("TIME")
      ->group("Faults; each may be repeated");
}

void add_options(CLI::App& app, Options& options) {
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", "", "TOML; its keys are the long names of these options");
  app.set_version_flag("--version", MQTTLAB_VERSION);
  app.add_option("--listen", options.listen, "Where clients connect; port 0: a free one")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--to", options.to, "The broker")->type_name("HOST:PORT")->required();
  app.add_option("--seed", options.seed, "Decides what is lost, and the jitter")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--trace", options.trace,
                 "Writes the packets at both ends, for `mqttlab judge FILE`")
      ->type_name("FILE");
  app.add_option("--stop-after", options.stop_after, "Ends by itself")->type_name("TIME");
  app.add_option("--max-connections", options.max_connections, "More are closed at once")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "error, warning, notice, info or debug")
      ->type_name("LEVEL")
      ->capture_default_str();
  add_link(app, options);
  add_faults(app, options);
}

LinkSpec profile_of(const std::string& name) {
  std::string known;
  for (const LinkProfile& profile : link_profiles()) {
    if (profile.spec.name == name) return profile.spec;
    known += (known.empty() ? "" : ", ") + profile.spec.name;
  }
  throw std::invalid_argument("--profile '" + name + "' is unknown; known are " + known);
}

/// `set(direction, value)` for both ways, or for the one that a value names.
template <typename Set>
void each_way(LinkSpec& link, const std::vector<std::string>& values, const Set& set) {
  for (const std::string& text : values) {
    const bool up = text.starts_with("up:"), down = text.starts_with("down:");
    const std::string value = up ? text.substr(3) : down ? text.substr(5) : text;
    if (!down) set(link.up, value);
    if (!up) set(link.down, value);
  }
}

LinkSpec link_of(const Options& options) {
  LinkSpec link = options.profile.empty() ? LinkSpec() : profile_of(options.profile);
  if (link.name.empty()) link.name = "link";
  each_way(link, options.rate, [](Direction& way, const std::string& value) {
    way.rate_bps = parse_rate_bps(value, "--rate");
    way.capacity = nullptr;
  });
  each_way(link, options.delay, [](Direction& way, const std::string& value) {
    way.delay = parse_time(value, "--delay");
  });
  each_way(link, options.jitter, [](Direction& way, const std::string& value) {
    way.jitter = parse_time(value, "--jitter");
  });
  each_way(link, options.loss, [](Direction& way, const std::string& value) {
    way.loss = parse_fraction(value, "--loss");
  });
  each_way(link, options.burst, [](Direction& way, const std::string& value) {
    way.burst = parse_burst(value, "--burst");
  });
  each_way(link, options.queue, [](Direction& way, const std::string& value) {
    way.queue_packets = static_cast<std::uint32_t>(parse_count(value, 1, "--queue"));
  });
  each_way(link, options.capacity, [](Direction& way, const std::string& value) {
    way.record(value, read_file(value, "--capacity"));
  });
  each_way(link, options.capacity_start, [](Direction& way, const std::string& value) {
    way.recording_start = parse_time(value, "--capacity-start");
  });
  if (!options.cycle.empty()) link.cycle = parse_cycle(options.cycle, "--cycle");
  return link;
}

Endpoint target_of(const std::string& to) {
  return Endpoint::parse(to.find("://") == std::string::npos ? "tcp://" + to : to);
}

/// Faults, and beside each how the command line says it.
std::vector<Fault> faults_of(const Options& options, std::vector<std::string>& names) {
  std::vector<Fault> faults;
  const auto add = [&](Fault::Kind kind, const std::vector<std::string>& texts,
                       const std::string& option) {
    for (const std::string& text : texts) {
      faults.push_back(parse_fault(kind, text, option));
      names.push_back(option + " " + text);
    }
  };
  add(Fault::Kind::cut, options.cuts, "--cut");
  add(Fault::Kind::blackhole, options.blackholes, "--blackhole");
  add(Fault::Kind::down, options.downs, "--down");
  return faults;
}

/// The trace's file: events as they happen, then what else there is to say.
class TraceFile {
 public:
  TraceFile(const std::string& path, const Options& options, const LinkSpec& link)
      : path_(path), file_(path, std::ios::binary | std::ios::trunc) {
    check();
    log_.listen(&writer_);
    put({{"kind", "trace"},
         {"version", trace::ndjson_version},
         {"applications", false},
         {"program", "mqttlab-link " MQTTLAB_VERSION},
         {"link", link.name},
         {"seed", options.seed},
         {"listen", options.listen},
         {"to", options.to}});
  }
  trace::Log& log() { return log_; }
  void put(const Json& line) {
    file_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  void end(Time now) {
    writer_.end(log_, now);
    file_.flush();
    check();
  }

 private:
  void check() const {
    if (!file_)
      throw std::runtime_error("--trace: cannot write '" + path_ + "'; name another file");
  }
  const std::string path_;
  std::ofstream file_;
  trace::Log log_;
  trace::NdjsonWriter writer_{[this](std::string_view line) { file_ << line; }};
};

Json counters_of(const LinkCounters& of, std::string_view way) {
  const DirectionCounters& packets = of.packets;
  return {{"kind", "counters"},
          {"way", way},
          {"packets", packets.packets},
          {"bytes", packets.bytes},
          {"payload_bytes", packets.payload_bytes},
          {"retransmitted_bytes", packets.retransmitted_bytes},
          {"lost_random", packets.lost_random},
          {"lost_burst", packets.lost_burst},
          {"lost_down", packets.lost_down},
          {"delivered", packets.delivered},
          {"stalls", of.stalls},
          {"stalled_s", static_cast<double>(of.stalled) / second}};
}

Json connection_of(const ConnectionReport& of, Time began) {
  Json line{{"kind", "connection"},        {"connection", of.trace_number},
            {"client", of.address},        {"since", of.since - began},
            {"until", of.until - began},   {"bytes_up", of.bytes_up},
            {"bytes_down", of.bytes_down}, {"observable", of.is_mqtt}};
  if (!of.is_mqtt) line["why"] = "not plain MQTT over TCP: its packets cannot be seen";
  if (of.cut) line["cut"] = name(*of.cut);
  return line;
}

class Run {
 public:
  Run(boost::asio::io_context& io, const Options& options)
      : options_(options), log_(log_level_of(options.log_level)), timer_(io), end_(io) {
    LinkConfig config;
    config.link = link_of(options);
    config.seed = options.seed;
    config.listen = Endpoint::parse(options.listen);
    config.target = target_of(options.to);
    config.faults = faults_of(options, fault_names_);
    config.link_per_connection = options.link_per_connection;
    config.max_connections = options.max_connections;
    config.ended = [this](const ConnectionReport& report) { ended(report); };
    LinkTrace trace;
    if (!options.trace.empty()) {
      file_.emplace(options.trace, options, config.link);
      trace.log = &file_->log();
      trace.device = device_ = file_->log().add_actor(config.link.name);
      trace.broker = file_->log().add_actor("broker");
      trace.connection = [this](const std::string&) { return ++connections_; };
      trace.origin = began_;
    }
    proxy_.emplace(io, std::move(config), log_, std::move(trace));
    at(timer_, options.settle_after, "--settle-after", [this] { settle(); });
    at(end_, options.stop_after, "--stop-after", [this] { stop(); });
  }

  void stop() {
    log_(LogLevel::notice, "stopping with {} connections", proxy_->connections());
    proxy_->stop([this] {
      timer_.cancel();
      end_.cancel();
      stopped_ = true;
    });
  }
  [[nodiscard]] bool is_stopped() const { return stopped_; }

  void report() {
    for (const std::size_t fault : proxy_->faults_left())
      log_(LogLevel::warning, "{} has not happened: its instant never came", fault_names_[fault]);
    for (const auto& [way, label] : {std::pair{Way::up, "up"}, std::pair{Way::down, "down"}}) {
      const LinkCounters counted = proxy_->counters(way);
      const DirectionCounters& packets = counted.packets;
      log_(LogLevel::notice, "{}: {} packets, {} lost, {} stalls of {:.3f} s in all", label,
           packets.packets, packets.lost_random + packets.lost_burst + packets.lost_down,
           counted.stalls, static_cast<double>(counted.stalled) / second);
      if (file_) file_->put(counters_of(counted, label));
    }
    if (file_) file_->end(steady_now() - began_);
  }

 private:
  template <typename What>
  void at(boost::asio::steady_timer& timer, const std::string& text, const std::string& option,
          const What& what) {
    if (text.empty()) return;
    timer.expires_at(time_point(began_ + parse_time(text, option)));
    timer.async_wait([what](const boost::system::error_code& error) {
      if (!error) what();
    });
  }
  void settle() {
    log_(LogLevel::notice, "settling: from now on the link is up and loses nothing");
    proxy_->stop_cycle();
    proxy_->set_up(true);
    proxy_->blackhole(Way::up, false);
    proxy_->blackhole(Way::down, false);
    proxy_->lose_nothing();
    if (!file_) return;
    trace::Event event;
    event.at = steady_now() - began_;
    event.kind = trace::Kind::phase;
    event.actor = device_;
    event.text = file_->log().intern("settle");
    file_->log().append(event);
  }
  void ended(const ConnectionReport& report) {
    if (!report.is_mqtt && report.bytes_up + report.bytes_down > 0)
      log_(LogLevel::notice,
           "connection {} is not plain MQTT over TCP: its packets are not observable",
           report.number);
    if (file_) file_->put(connection_of(report, began_));
  }

  const Options& options_;
  LogLines log_;
  const Time began_ = steady_now();
  std::vector<std::string> fault_names_;
  std::optional<TraceFile> file_;
  trace::Actor device_{};
  std::uint32_t connections_ = 0;
  boost::asio::steady_timer timer_, end_;
  std::optional<LinkProxy> proxy_;
  bool stopped_ = false;
};

int serve(const Options& options) {
  boost::asio::io_context io(1);
  Run run(io, options);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) run.stop();
  });
  while (!run.is_stopped()) io.run_one();
  run.report();
  return exit_ok;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App app(
      "An access link between MQTT clients and a broker: delay, rate, loss, cuts and outages on "
      "real sockets.",
      "mqttlab-link");
  add_options(app, options);
  return run_program(app, count, words, [&] { return serve(options); });
}
