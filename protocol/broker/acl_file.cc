#include "protocol/broker/acl_file.h"

#include <algorithm>
#include <iterator>

#include "protocol/broker/text_lines.h"
#include "protocol/wire/topic.h"

namespace mqttlab {
namespace {

constexpr std::string_view forms =
    "lines are 'user NAME', 'topic [read|write|readwrite|deny] FILTER' and "
    "'pattern [read|write|readwrite|deny] FILTER'";

struct Levels {
  std::string_view rest;
  bool done = false;
  std::string_view level = take();
  void next() { level = take(); }
  // "#" as what is left also stands for nothing at all (4.7.1.2).
  [[nodiscard]] bool may_end() const { return done || level == "#"; }

 private:
  std::string_view take() {
    if (rest.data() == nullptr) {
      done = true;
      return {};
    }
    const std::size_t slash = rest.find('/');
    const std::string_view level_text = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    return level_text;
  }
};

bool wild_front(std::string_view filter) {
  return filter.starts_with('+') || filter.starts_with('#');
}

// The filter that a pattern is for this client. Nothing if a placeholder has no value, or one that
// would reach outside its level.
std::optional<std::string> substituted(std::string_view pattern, const AclFile::Client& client) {
  std::string filter;
  while (!pattern.empty()) {
    const bool client_id = pattern.starts_with("%c"), user_name = pattern.starts_with("%u");
    if (!client_id && !user_name) {
      filter += pattern.front();
      pattern.remove_prefix(1);
      continue;
    }
    const auto value = client_id ? std::optional(client.client_id) : client.user_name;
    if (!value || value->empty() || value->find_first_of("+#/") != std::string_view::npos)
      return std::nullopt;
    filter += *value;
    pattern.remove_prefix(2);
  }
  return filter;
}

}  // namespace

bool covers(std::string_view rule, std::string_view filter) {
  if (wild_front(rule) && filter.starts_with('$')) return false;  // MQTT-4.7.2-1
  if (rule == "+/#") return true;  // every topic has a first level: the same as "#"
  Levels outer{rule}, inner{filter};
  for (; !outer.done && !inner.done; outer.next(), inner.next()) {
    if (outer.level == "#") return true;
    if (inner.level == "#") return false;
    if (outer.level != "+" && outer.level != inner.level) return false;
  }
  return inner.done && outer.may_end();
}

bool overlaps(std::string_view a, std::string_view b) {
  if ((wild_front(a) && b.starts_with('$')) || (wild_front(b) && a.starts_with('$'))) return false;
  Levels left{a}, right{b};
  for (; !left.done && !right.done; left.next(), right.next()) {
    if (left.level == "#" || right.level == "#") return true;
    if (left.level != "+" && right.level != "+" && left.level != right.level) return false;
  }
  return left.may_end() && right.may_end();
}

AclFile AclFile::parse(std::string_view text, std::string_view source) {
  AclFile file;
  Rules* rules = &file.anonymous_;
  for (const TextLine& line : text_lines(text)) {
    std::string_view rest = line.text;
    const std::string_view keyword = take_word(rest);
    if (keyword == "user") {
      if (rest.empty()) throw_line_error(source, line.number, "'user' without a name", forms);
      rules = &file.users_[std::string(rest)];
    } else if (keyword == "topic") {
      rules->push_back(parse_rule(rest, source, line.number, false));
    } else if (keyword == "pattern") {
      file.patterns_.push_back(parse_rule(rest, source, line.number, true));
    } else {
      throw_line_error(source, line.number, "unknown word '" + std::string(keyword) + "'", forms);
    }
  }
  return file;
}

AclFile::Rule AclFile::parse_rule(std::string_view rest, std::string_view source, std::size_t line,
                                  bool pattern) {
  // The word in the middle may be missing, so "read" alone is a filter; one that contains blanks
  // needs the word, or a misspelt one would pass for the filter's beginning.
  Rule rule{Action::readwrite, std::string(rest)};
  std::string_view filter = rest;
  const std::string_view word = take_word(filter);
  const std::pair<std::string_view, Action> actions[] = {{"read", Action::read},
                                                         {"write", Action::write},
                                                         {"readwrite", Action::readwrite},
                                                         {"deny", Action::deny}};
  if (!filter.empty()) {
    const auto* known =
        std::ranges::find(actions, word, &std::pair<std::string_view, Action>::first);
    if (known == std::end(actions))
      throw_line_error(source, line,
                       "'" + std::string(word) + "' is none of read, write, readwrite and deny",
                       "put one of them before a filter that contains blanks");
    rule = {known->second, std::string(filter)};
  }
  // A placeholder may stand for any text within a level, so one is as good as another here.
  const auto sample =
      pattern ? substituted(rule.filter, {"c", "u"}) : std::optional<std::string>(rule.filter);
  if (!valid_topic_filter(*sample))
    throw_line_error(source, line, "'" + rule.filter + "' is not a topic filter",
                     "'+' must fill a level, '#' the last one");
  return rule;
}

template <typename Denies, typename Allows>
bool AclFile::decide(const Client& client, Denies denies, Allows allows) const {
  const auto own = client.user_name ? users_.find(*client.user_name) : users_.end();
  static const Rules no_rules;
  const Rules& rules = !client.user_name     ? anonymous_
                       : own == users_.end() ? no_rules
                                             : own->second;
  bool allowed = false;
  for (const Rule& rule : rules) {
    if (rule.action != Action::deny) {
      allowed = allowed || allows(rule.action, rule.filter);
    } else if (denies(rule.filter)) {
      return false;
    }
  }
  for (const Rule& rule : patterns_) {
    const auto filter = substituted(rule.filter, client);
    if (rule.action != Action::deny) {
      allowed = allowed || (filter && allows(rule.action, *filter));
    } else if (!filter || denies(*filter)) {
      return false;  // a deny that cannot be applied to this client must not be escaped by it
    }
  }
  return allowed;
}

bool AclFile::may_publish(const Client& client, std::string_view topic) const {
  return decide(
      client, [&](std::string_view filter) { return matches(filter, topic); },
      [&](Action action, std::string_view filter) {
        return action != Action::read && matches(filter, topic);
      });
}

bool AclFile::may_subscribe(const Client& client, std::string_view filter) const {
  if (const auto shared = shared_filter(filter)) filter = shared->filter;
  return decide(
      client, [&](std::string_view denied) { return overlaps(denied, filter); },
      [&](Action action, std::string_view allowed) {
        return action != Action::write && covers(allowed, filter);
      });
}

}  // namespace mqttlab
