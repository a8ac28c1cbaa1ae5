// The page: an MQTT client in the browser, which is built from page/ and installed beside programs.
#pragma once

#include <string>

#include "protocol/live/http_site.h"

namespace mqttlab::live {

inline constexpr std::string_view no_page =
    "the page is not installed here: build it with `.ci/setup page`, which needs Node.js and npm, "
    "or name its folder with --page";

/// The folder where the page is installed, found from where this program is; empty: it is not.
[[nodiscard]] std::string installed_page();

/// The files of the page, read now, and /page.json: where MQTT is on this listener, and the tables
/// of protocol/wire by which the page explains packets. Throws std::runtime_error naming a file
/// that cannot be read.
void add_page(HttpSite& site, const std::string& folder, const std::string& web_socket_path);

}  // namespace mqttlab::live
