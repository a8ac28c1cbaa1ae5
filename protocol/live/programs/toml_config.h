// TomlConfig: a program's options in a TOML file.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>

namespace mqttlab::live {

/// Keys are the long names of options, without "--"; flags take true or false, options that may be
/// repeated an array. What the command line says counts instead of the file, lists as a whole.
///
/// In place of CLI11's own reader, which cuts strings at '#' and ',', and knows no lines.
class TomlConfig final : public CLI::Config {
 public:
  /// Adds `--config FILE` to the app.
  static std::shared_ptr<TomlConfig> add_to(CLI::App& app);

  /// "FILE, line N: " if `error` is about a value that came from the file; else empty.
  [[nodiscard]] std::string place_of(const CLI::Error& error) const;

  // What CLI11 calls.
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

 private:
  explicit TomlConfig(CLI::App& app) : app_(app) {}
  const CLI::App& app_;
  mutable std::map<std::string, std::string> places_;  // "--name" of what the file decides
};

}  // namespace mqttlab::live
