#include "protocol/live/http_site.h"

#include <utility>

namespace mqttlab::live {

void HttpSite::add(std::string path, HttpResource resource) {
  shows_[std::move(path)] = [shown = std::make_shared<const HttpResource>(std::move(resource))] {
    return shown;
  };
}

void HttpSite::add(std::string path, std::function<HttpResource()> make) {
  shows_[std::move(path)] = [make = std::move(make)] {
    return std::make_shared<const HttpResource>(make());
  };
}

std::shared_ptr<const HttpResource> HttpSite::find(std::string_view path) const {
  const auto show = shows_.find(path);
  return show == shows_.end() ? nullptr : show->second();
}

}  // namespace mqttlab::live
