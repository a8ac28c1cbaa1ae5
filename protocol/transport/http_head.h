// HttpHead: the lines in front of what an HTTP message carries, read as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/peer.h"

struct http_parser;

namespace mqttlab {

/// One name is another but for the case of ASCII letters.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);

struct HttpHead {
  std::string method;        ///< of a request
  std::string target;        ///< of a request
  int status = 0;            ///< of a response
  std::string reason;        ///< of a response
  int major = 0, minor = 0;  ///< version
  std::vector<std::pair<std::string, std::string>> fields;

  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// The value of the first field of that name; empty if there is none.
  [[nodiscard]] std::string_view value(std::string_view name) const;
  /// The members of the comma-separated lists in all fields of that name.
  [[nodiscard]] std::vector<std::string_view> list(std::string_view name) const;
};

class HttpHeadReader {
 public:
  static constexpr std::size_t max_bytes = 8'192, max_fields = 64;
  enum class Kind : std::uint8_t { request, response };
  enum class State : std::uint8_t { incomplete, whole, too_large, malformed };

  explicit HttpHeadReader(Kind kind);
  ~HttpHeadReader();
  HttpHeadReader(const HttpHeadReader&) = delete;
  HttpHeadReader& operator=(const HttpHeadReader&) = delete;
  /// Takes the head's bytes off the front. Once the state is another than incomplete, it stays.
  State read(Bytes& bytes);
  [[nodiscard]] const HttpHead& head() const { return head_; }
  [[nodiscard]] std::string fault() const;  ///< of a malformed head, in words

 private:
  friend struct HttpHeadEvents;
  std::unique_ptr<http_parser> parser_;
  HttpHead head_;
  std::size_t taken_ = 0;
  bool in_value_ = true;  // what came last: a value, or the name in front of it
  State state_ = State::incomplete;
};

}  // namespace mqttlab
