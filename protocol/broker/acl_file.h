// AclFile: who may publish and subscribe to what, in the form of mosquitto's acl_file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqttlab {

/// Lines:
///   `topic [read|write|readwrite|deny] FILTER`    for the user above, or for clients without a
///   user
///                                                 name if there is none above
///   `user NAME`                                   begins the lines of a user
///   `pattern [read|write|readwrite|deny] FILTER`  for everybody; %c is the client id, %u the user
/// Without a word in the middle it is readwrite. What no line allows is denied; deny goes first.
///
/// A subscription is decided once, when it is made: it is allowed if one read rule covers all that
/// its filter can match, and no deny rule overlaps it. (mosquitto looks at each delivery instead.)
/// Of a shared subscription, $share/{name}/{filter}, only the filter counts.
class AclFile {
 public:
  struct Client {
    std::string_view client_id;
    std::optional<std::string_view> user_name;
  };

  /// `source` names the text in errors. Throws std::invalid_argument naming source, line and
  /// remedy.
  [[nodiscard]] static AclFile parse(std::string_view text, std::string_view source);

  [[nodiscard]] bool may_publish(const Client& client, std::string_view topic) const;
  [[nodiscard]] bool may_subscribe(const Client& client, std::string_view filter) const;

 private:
  enum class Action : std::uint8_t { read, write, readwrite, deny };
  struct Rule {
    Action action;
    std::string filter;
  };
  using Rules = std::vector<Rule>;

  [[nodiscard]] static Rule parse_rule(std::string_view rest, std::string_view source,
                                       std::size_t line, bool pattern);
  template <typename Denies, typename Allows>
  [[nodiscard]] bool decide(const Client& client, Denies denies, Allows allows) const;

  Rules anonymous_;
  std::map<std::string, Rules, std::less<>> users_;
  Rules patterns_;
};

/// True if every topic that `filter` matches is matched by `rule` too.
[[nodiscard]] bool covers(std::string_view rule, std::string_view filter);
/// True if some topic is matched by both filters.
[[nodiscard]] bool overlaps(std::string_view a, std::string_view b);

}  // namespace mqttlab
