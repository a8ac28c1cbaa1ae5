#include "protocol/live/programs/toml_config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <utility>

namespace mqttlab::live {
namespace {

std::string place(const std::string& file, const toml::source_region& region) {
  return fmt::format("{}, line {}: ", file, region.begin.line);
}

/// A value as a command line would have it.
std::string word_of(const toml::node& node, const std::string& where, std::string_view key) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  throw CLI::ConfigError(
      fmt::format("{}'{}' is neither a text nor a number, nor true or false", where, key));
}

CLI::ConfigItem item_of(const CLI::Option& option, std::string_view key, const toml::node& node,
                        const std::string& where) {
  CLI::ConfigItem item{.parents = {}, .name = std::string(key), .inputs = {}};
  const bool is_flag = option.get_expected_min() == 0;
  if (is_flag != node.is_boolean())
    throw CLI::ConfigError(
        fmt::format("{}'{}' {}", where, key, is_flag ? "must be true or false" : "needs a value"));
  const auto* list = node.as_array();
  if (!list) {
    item.inputs.push_back(word_of(node, where, key));
    return item;
  }
  if (option.get_expected_max() == 1)
    throw CLI::ConfigError(fmt::format("{}'{}' takes one value, not an array", where, key));
  for (const toml::node& each : *list) item.inputs.push_back(word_of(each, where, key));
  if (item.inputs.empty())
    throw CLI::ConfigError(fmt::format("{}'{}' is empty; leave it out", where, key));
  return item;
}

}  // namespace

std::shared_ptr<TomlConfig> TomlConfig::add_to(CLI::App& app) {
  const std::shared_ptr<TomlConfig> config(new TomlConfig(app));
  app.config_formatter(config);
  app.set_config(
         "--config", "",
         "TOML: keys are the long names of these options, flags are true or false, what may "
         "be repeated is an array. The command line counts before it")
      ->type_name("FILE");
  return config;
}

std::vector<CLI::ConfigItem> TomlConfig::from_config(std::istream& input) const {
  const auto file = app_.get_config_ptr()->as<std::string>();
  const toml::table table = [&] {
    try {
      return toml::parse(input);
    } catch (const toml::parse_error& error) {
      throw CLI::ConfigError(place(file, error.source()) + std::string(error.description()));
    }
  }();
  std::vector<CLI::ConfigItem> items;
  for (const auto& [key, node] : table) {
    const std::string where = place(file, key.source()), name = "--" + std::string(key.str());
    const CLI::Option* const option = app_.get_option_no_throw(name);
    if (!option || !option->get_configurable())
      throw CLI::ConfigError(
          fmt::format("{}unknown key '{}'; keys are the names of options", where, key.str()));
    items.push_back(item_of(*option, key.str(), node, where));
    if (option->empty()) places_.emplace(name, where);
  }
  return items;
}

std::string TomlConfig::place_of(const CLI::Error& error) const {
  const std::string_view what = error.what();
  const auto found = places_.find(std::string(what.substr(0, what.find(':'))));
  return found == places_.end() ? std::string() : found->second;
}

}  // namespace mqttlab::live
