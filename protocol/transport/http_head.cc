#include "protocol/transport/http_head.h"

#include <http_parser.h>

#include <algorithm>

namespace mqttlab {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::size_t HttpHead::count(std::string_view name) const {
  const auto of_name = [&](const auto& field) { return same_name(field.first, name); };
  return static_cast<std::size_t>(std::ranges::count_if(fields, of_name));
}

std::string_view HttpHead::value(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (same_name(field, name)) return trimmed(value);
  }
  return {};
}

std::vector<std::string_view> HttpHead::list(std::string_view name) const {
  std::vector<std::string_view> members;
  for (const auto& [field, value] : fields) {
    if (!same_name(field, name)) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (const auto member = trimmed(rest.substr(0, comma)); !member.empty())
        members.push_back(member);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return members;
}

/// http_parser's calls; a piece of text may come in several.
struct HttpHeadEvents {
  static HttpHeadReader& reader(http_parser* parser) {
    return *static_cast<HttpHeadReader*>(parser->data);
  }
  static int target(http_parser* parser, const char* at, std::size_t size) {
    reader(parser).head_.target.append(at, size);
    return 0;
  }
  static int reason(http_parser* parser, const char* at, std::size_t size) {
    reader(parser).head_.reason.append(at, size);
    return 0;
  }
  static int name(http_parser* parser, const char* at, std::size_t size) {
    HttpHeadReader& to = reader(parser);
    if (std::exchange(to.in_value_, false)) {
      if (to.head_.fields.size() == HttpHeadReader::max_fields) {
        to.state_ = HttpHeadReader::State::too_large;
        return -1;
      }
      to.head_.fields.emplace_back();
    }
    to.head_.fields.back().first.append(at, size);
    return 0;
  }
  static int value(http_parser* parser, const char* at, std::size_t size) {
    HttpHeadReader& to = reader(parser);
    to.in_value_ = true;
    to.head_.fields.back().second.append(at, size);
    return 0;
  }
  static int complete(http_parser* parser) {
    HttpHeadReader& to = reader(parser);
    if (parser->type == HTTP_REQUEST)
      to.head_.method = http_method_str(static_cast<http_method>(parser->method));
    to.head_.status = static_cast<int>(parser->status_code);
    to.head_.major = parser->http_major;
    to.head_.minor = parser->http_minor;
    to.state_ = HttpHeadReader::State::whole;
    return 2;  // whatever follows is not HTTP: stop behind the head
  }
  static http_parser_settings calls() {
    http_parser_settings calls;
    http_parser_settings_init(&calls);
    calls.on_url = target;
    calls.on_status = reason;
    calls.on_header_field = name;
    calls.on_header_value = value;
    calls.on_headers_complete = complete;
    return calls;
  }
};

HttpHeadReader::HttpHeadReader(Kind kind) : parser_(std::make_unique<http_parser>()) {
  http_parser_init(parser_.get(), kind == Kind::request ? HTTP_REQUEST : HTTP_RESPONSE);
  parser_->data = this;
}

HttpHeadReader::~HttpHeadReader() = default;

HttpHeadReader::State HttpHeadReader::read(Bytes& bytes) {
  static const http_parser_settings calls = HttpHeadEvents::calls();
  const std::size_t size = std::min(bytes.size(), max_bytes - taken_);
  if (state_ != State::incomplete || size == 0) return state_;
  const std::size_t taken =
      http_parser_execute(parser_.get(), &calls, reinterpret_cast<const char*>(bytes.data()), size);
  taken_ += taken;
  bytes = bytes.subspan(taken);
  if (state_ == State::incomplete && parser_->http_errno != HPE_OK) state_ = State::malformed;
  if (state_ == State::incomplete && taken_ == max_bytes) state_ = State::too_large;
  return state_;
}

std::string HttpHeadReader::fault() const {
  return http_errno_description(HTTP_PARSER_ERRNO(parser_.get()));
}

}  // namespace mqttlab
