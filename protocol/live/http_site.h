// HttpSite: what a broker shows over HTTP, by path.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/transport/web_socket_settings.h"

namespace mqttlab::live {

class HttpSite {
 public:
  /// The same for everybody.
  void add(std::string path, HttpResource resource);
  /// Made for each request; `make` is quick, for all connections wait for it.
  void add(std::string path, std::function<HttpResource()> make);
  /// Null: nothing is at this path.
  [[nodiscard]] std::shared_ptr<const HttpResource> find(std::string_view path) const;

 private:
  using Show = std::function<std::shared_ptr<const HttpResource>()>;
  std::map<std::string, Show, std::less<>> shows_;
};

}  // namespace mqttlab::live
