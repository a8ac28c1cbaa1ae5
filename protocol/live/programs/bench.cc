// mqttlab-bench: a load generator for any MQTT broker. `mqttlab bench live` runs it.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/live/bench/load.h"
#include "protocol/live/files.h"

namespace {

using namespace mqttlab;
using bench::Outcome;
using bench::Pattern;
using bench::Plan;

enum Exit : int { fine = 0, findings = 1, usage = 2, trouble = 3, was_interrupted = 130 };

volatile sig_atomic_t interrupts = 0;

void interrupt(int) { interrupts = interrupts + 1; }

struct Options {
  Plan plan;
  bool json = false;
  std::string ca;
};

// Numbers of ends that were not given follow the pattern.
void complete(Plan& plan, const CLI::App& app) {
  const auto given = [&](const char* option) { return app.count(option) > 0; };
  const bool idle = plan.pattern == Pattern::idle;
  if (!given("--publishers"))
    plan.publishers = plan.pattern == Pattern::fan_in ? 100 : idle ? 0 : 1;
  if (!given("--subscribers")) {
    const bool pairs = plan.pattern == Pattern::point_to_point;
    plan.subscribers = plan.pattern == Pattern::fan_out ? 100
                       : pairs                          ? plan.publishers
                       : idle                           ? 0
                                                        : 1;
  }
}

template <typename Value>
void choice(CLI::App& app, const std::string& option, Value& value, const char* what,
            std::vector<std::pair<std::string, Value>> choices) {
  std::string names;
  for (const auto& [name, unused] : choices) names += (names.empty() ? "" : ", ") + name;
  const auto choose = [option, &value, names, choices](const std::string& text) {
    for (const auto& [name, chosen] : choices)
      if (name == text) return void(value = chosen);
    throw CLI::ValidationError(option, fmt::format("{} is none of {}", text, names));
  };
  app.add_option_function<std::string>(option, choose, fmt::format("{}: {}", what, names));
}

void declare(CLI::App& app, Options& options) {
  Plan& plan = options.plan;
  app.add_option("--host", plan.host, "name or address of the broker")->capture_default_str();
  app.add_option("--port", plan.port, "its port")->capture_default_str();
  app.add_option("--cafile", options.ca, "authorities that vouch for the broker, PEM: TLS is used")
      ->type_name("FILE");
  choice<Pattern>(app, "--pattern", plan.pattern, "who gets whose messages",
                  {{"point-to-point", Pattern::point_to_point},
                   {"fan-out", Pattern::fan_out},
                   {"fan-in", Pattern::fan_in},
                   {"idle", Pattern::idle}});
  choice<QoS>(app, "--qos", plan.qos, "of messages and subscriptions",
              {{"0", QoS::at_most_once}, {"1", QoS::at_least_once}, {"2", QoS::exactly_once}});
  choice<ProtocolVersion>(app, "--version", plan.version, "of MQTT",
                          {{"3.1.1", ProtocolVersion::v3_1_1}, {"5", ProtocolVersion::v5_0}});
  app.add_option("--publishers", plan.publishers, "1; fan-in: 100");
  app.add_option("--subscribers", plan.subscribers,
                 "1; fan-out: 100; point-to-point: as publishers");
  app.add_option("--idle", plan.idle, "connections that only stay open");
  app.add_option("--payload", plan.payload_bytes, "bytes of a message, 20 or more")
      ->capture_default_str();
  app.add_option("--rate", plan.rate, "messages per second of all publishers; 0: flat out");
  app.add_option("--in-flight", plan.window,
                 "of each publisher: messages not yet acknowledged and delivered to all")
      ->capture_default_str();
  app.add_option("--messages", plan.messages, "of all publishers, instead of --duration");
  app.add_option("--duration", plan.duration_s, "seconds of publishing, or of staying idle")
      ->capture_default_str();
  app.add_option("--drain", plan.drain_s, "seconds without an arrival before the rest is lost")
      ->capture_default_str();
  app.add_option("--connect-timeout", plan.connect_s, "seconds for all connections to be up")
      ->capture_default_str();
  app.add_option("--dialing", plan.dialing, "connections that are made at once")
      ->capture_default_str();
  app.add_option("--prefix", plan.prefix, "of all topics")->capture_default_str();
  app.add_option("--broker-pid", plan.broker_pid, "process whose CPU time and memory are measured");
  app.add_flag("--json", options.json, "results as JSON");
}

std::shared_ptr<const TlsContext> tls_of(const Options& options) {
  if (options.ca.empty()) return nullptr;
  return std::make_shared<TlsContext>(TlsSettings{.role = TlsSettings::Role::client,
                                                  .ca_pem = live::read_file(options.ca, "--cafile"),
                                                  .server_name = options.plan.host});
}

// Every connection is a descriptor.
void raise_limits(const Plan& plan) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const rlim_t wanted = plan.connections() + 64;
  if (files.rlim_cur >= wanted) return;
  files.rlim_cur = std::min(files.rlim_max, std::max(wanted, files.rlim_cur));
  if (files.rlim_cur < wanted || setrlimit(RLIMIT_NOFILE, &files) != 0)
    throw std::invalid_argument(
        fmt::format("{} connections need as many open files; this process may have {}: ulimit -n",
                    plan.connections(), files.rlim_max));
}

void show_progress(const Outcome& outcome) {
  fmt::print(stderr, "\rpublished {}, delivered {} ", outcome.published, outcome.delivered);
}

int run(const Options& options) {
  const Plan& plan = options.plan;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  bench::Load load(
      plan, [] { return interrupts > 0; },
      [terminal](const Outcome& outcome) {
        if (terminal) show_progress(outcome);
      });
  const Outcome outcome = load.run();
  if (terminal) fmt::print(stderr, "\r\033[K");
  fmt::print("{}\n", options.json ? json_of(plan, outcome) : text_of(plan, outcome));
  if (!outcome.error.empty()) fmt::print(stderr, "mqttlab-bench: {}\n", outcome.error);
  if (outcome.interrupted) return was_interrupted;
  if (!outcome.error.empty()) return trouble;
  return outcome.broken(plan.qos) ? findings : fine;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Loads an MQTT broker and counts what comes of it.\n"
      "Exit codes: 0 fine, 1 messages lost (QoS 1, 2) or duplicated (QoS 0, 2), 2 usage, 3 error, "
      "130 interrupted (the results so far are valid).");
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
    complete(options.plan, app);
    options.plan.tls = tls_of(options);
    check(options.plan);
    raise_limits(options.plan);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "mqttlab-bench: {}; see --help\n", error.what());
    return usage;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "mqttlab-bench: {}\n", error.what());
    return usage;
  }
  signal(SIGINT, interrupt);
  signal(SIGTERM, interrupt);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "mqttlab-bench: {}\n", error.what());
    return trouble;
  }
}
