#include "protocol/live/page.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "protocol/live/files.h"
#include "protocol/wire/packet_rules.h"
#include "protocol/wire/property_table.h"
#include "protocol/wire/reason_code.h"

namespace mqttlab::live {
namespace {

using Json = nlohmann::json;

struct PageFile {
  const char *path, *name, *type;
};
constexpr PageFile page_files[] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/page.css", "page.css", "text/css; charset=utf-8"},
    {"/page.js", "page.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "icon.svg", "image/svg+xml"},
};

// In the order of PropertyType.
constexpr const char* type_names[] = {"byte", "two byte", "four byte", "variable byte",
                                      "text", "pair",     "binary"};

// What the page explains packets with. A place is the number of a packet type, or 16 for the Will.
Json tables() {
  Json packets = Json::array(), properties = Json::array(), reasons = Json::array();
  for (const PacketRule& rule : packet_rules_5)
    packets.push_back({{"name", rule.name}, {"flags", rule.flags}});
  for (const PropertyRule& rule : property_rules) {
    Json places = Json::array();
    for (const PropertyUse& use : rule.uses)
      if (use.place != PropertyPlace::nowhere) places.push_back(use.place);
    properties.push_back({{"id", rule.id},
                          {"name", rule.name},
                          {"type", type_names[static_cast<std::size_t>(rule.type)]},
                          {"places", std::move(places)}});
  }
  for (const ReasonRule& rule : reason_rules()) {
    Json client = Json::array(), server = Json::array();
    for (std::size_t type = 0; type < packet_rules_5.size(); ++type) {
      if ((rule.from_client >> type & 1) != 0) client.push_back(type);
      if ((rule.from_server >> type & 1) != 0) server.push_back(type);
    }
    reasons.push_back(
        {{"code", rule.code}, {"name", rule.name}, {"client", client}, {"server", server}});
  }
  return {{"packets", packets}, {"properties", properties}, {"reasons", reasons}};
}

}  // namespace

std::string installed_page() {
  std::error_code none;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", none);
  const auto folder = program.parent_path().parent_path() / "share" / "mqttlab" / "page";
  return std::filesystem::exists(folder / page_files[0].name, none) ? folder.string() : "";
}

void add_page(HttpSite& site, const std::string& folder, const std::string& web_socket_path) {
  for (const PageFile& file : page_files)
    site.add(file.path, {file.type, read_file(folder + "/" + file.name, "--page")});
  const Json about = {
      {"path", web_socket_path}, {"version", MQTTLAB_VERSION}, {"tables", tables()}};
  site.add("/page.json", {"application/json", about.dump()});
}

}  // namespace mqttlab::live
