// What the programs' command lines have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>

#include "protocol/peer.h"

namespace mqttlab::live {

inline constexpr int exit_ok = 0, exit_usage = 2, exit_trouble = 3;

/// Parses, then runs `work`; what they throw becomes one line on stderr and an exit code. `place`
/// tells where an error of parsing comes from, if that is not the command line.
inline int run_program(CLI::App& app, int count, char** words, const std::function<int()>& work,
                       const std::function<std::string(const CLI::Error&)>& place = {}) {
  try {
    app.parse(count, words);
    return work();
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "%s: %s%s; see %s --help\n", app.get_name().c_str(),
                 place ? place(error).c_str() : "", error.what(), app.get_name().c_str());
    return exit_usage;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
    return exit_trouble;
  }
}

/// An option in seconds that sets a Time.
inline CLI::Option* add_seconds(CLI::App& app, const std::string& name, Time& time,
                                const std::string& help) {
  return app
      .add_option_function<double>(
          name, [&time](double s) { time = std::llround(s * static_cast<double>(second)); }, help)
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9))
      ->default_str(time == never ? "" : std::to_string(time / second));
}

}  // namespace mqttlab::live
